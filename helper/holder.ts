/**
 * Who makes and owns the links. A process that is killed in the middle of making or closing a uprobe link leaves int3 in
 * its target for good (the kernel gives up writing code under a fatal signal), while a process that exits lets go of its
 * links safely. So the helper, which a user may kill at any time, does neither: it starts a small program (holder.c) that
 * makes the links and then does nothing but hold them, for as long as it hears of the peer. Detaching is ending its
 * input; so is the death of the helper, however it comes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { TrapCosts } from "./cost.ts";
import { attachCalledOff, damagedHolder, holderKilled, noHolder } from "./failures.ts";
import { SystemCallError } from "./foreign/native.ts";

/** `pid` 0: every process. */
export type LinkRequest =
  | {
      readonly kind: "multi";
      /** Descriptor of the loaded program. */
      readonly program: number;
      readonly pid: number;
      readonly sites: readonly { readonly offset: number; readonly index: number }[];
    }
  | {
      readonly kind: "perf";
      readonly program: number;
      readonly pid: number;
      /** Type number of the uprobe PMU. */
      readonly pmu: number;
      readonly offset: number;
      /** Of the probe. */
      readonly index: number;
      /** The kernel has cookies, which tell the program the index. */
      readonly cookies: boolean;
    };

/** A bound on what the probes cost: see holder_governor.h. */
export interface Bound {
  /** Percent of one core. */
  readonly budget: number;
  /** Whose: bounds of the same number share one budget. */
  readonly target: number;
  /** That are traced: patience is for few (governor.h). */
  readonly functions: number;
  readonly cpus: number;
  /** Descriptors of maps. */
  readonly counters: number;
  readonly switches: number;
  /** Descriptor: ledger.ts. */
  readonly ledger: number;
  /** What a signal for float registers takes the target. */
  readonly signalNs: number;
  /** By index. */
  readonly probes: readonly {
    readonly role: keyof typeof ROLES;
    /** Index of the function's entry probe. */
    readonly entry: number;
    /** Of a hit; what is captured of it in deep programs is measured there. */
    readonly costNs: number;
    /** Of a hit that is captured, beside that. */
    readonly captureNs: number;
  }[];
}

/** What the holder has let go of: a function's returns, or all of it; or that it captures fewer of its calls. */
export interface GivenUp {
  /** Index of the entry probe. */
  readonly entry: number;
  readonly what: "returns" | "calls" | "captures";
  /** Captures a second from now on. */
  readonly maxRate?: number;
  /** Hits a second of these probes, and what they cost before; `captures`: of the calls, and what capturing them cost. */
  readonly rate: number;
  readonly costPercent: number;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly timeNs: string;
}

export interface HolderListener {
  /** The probes went without `release`. */
  onEnd(end: HolderEnd): void;
  onGivenUp(what: GivenUp): void;
}

/** `lost`: somebody killed the holder; `lease`: the peer gave no sign of life; `expired`: its time was up. */
export type HolderEnd = "lost" | "lease" | "expired";

/** Exit statuses of holder.c. */
const ENDS: Readonly<Record<number, HolderEnd>> = { 2: "lease", 3: "expired" };
/** A holder that is stopped reads nothing: signs of life are not kept for it beyond this. */
const MAX_UNREAD_BYTES = 1 << 10;
/** Whoever kills each holder in the moment in which it places probes does so on purpose. */
const MEND_ATTEMPTS = 3;

export interface LinkSet {
  /** The program of holder.c. */
  readonly executable: string;
  /** The program file, open. */
  readonly file: number;
  /** Made in this order. */
  readonly requests: readonly LinkRequest[];
  /** Absent: they may cost what they will. */
  readonly bound?: Bound | undefined;
  /** Aborted: nobody wants them any more. */
  readonly calledOff?: AbortSignal | undefined;
}

export class LinkHolder {
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private readonly lines: Lines;
  private released = false;

  private constructor(child: ChildProcess) {
    this.child = child;
    this.exited = new Promise((resolve) => child.once("exit", () => resolve()));
    child.stdin?.on("error", () => {});
    this.lines = new Lines(child);
  }

  /** Throws where one of the links fails, and then none is left. */
  static async start(links: LinkSet, listener: HolderListener): Promise<LinkHolder> {
    const { holder, answer } = await LinkHolder.make(links);
    const { child } = holder;
    if (answer === "" && (child.signalCode !== null || !holder.released)) throw await mend(links, child);
    if (answer !== "ok" && holder.released) throw attachCalledOff();
    if (answer !== "ok") {
      const failure = /^(.+) (\d+)$/.exec(answer);
      throw failure === null
        ? damagedHolder(`it answered ${JSON.stringify(answer)}`)
        : new SystemCallError(failure[1] ?? "", Number(failure[2]));
    }
    // Told after the answer to the request, however soon it comes.
    setImmediate(() =>
      holder.lines.listen((line) => {
        const what = givenUp(line);
        if (what !== undefined) listener.onGivenUp(what);
      }),
    );
    void holder.exited.then(() => {
      if (!holder.released) listener.onEnd(ENDS[holder.child.exitCode ?? -1] ?? "lost");
    });
    return holder;
  }

  /** `answer`: `ok`, else the holder has ended; empty where it did so without a word. */
  static async make(links: LinkSet): Promise<{ holder: LinkHolder; answer: string }> {
    const { executable, file, requests, bound, calledOff } = links;
    const descriptors = [...new Set(requests.map(({ program }) => program))];
    if (bound !== undefined) descriptors.push(bound.counters, bound.switches, bound.ledger);
    const holder = new LinkHolder(await startProcess(executable, [file, ...descriptors]));
    holder.child.stdin?.write(encode(requests, bound, descriptors));
    const callOff = (): void => void holder.release();
    if (calledOff?.aborted === true) callOff();
    calledOff?.addEventListener("abort", callOff);
    const line = await holder.lines.first;
    calledOff?.removeEventListener("abort", callOff);
    if (line !== "ok") await holder.exited;
    return { holder, answer: line };
  }

  /** The peer has given a sign of life. */
  beat(): void {
    if ((this.child.stdin?.writableLength ?? 0) < MAX_UNREAD_BYTES) this.child.stdin?.write("b\n");
  }

  /** Lets go in so many milliseconds whatever happens; undefined: not at any time. Replaces what was said before. */
  expireIn(ms: number | undefined): void {
    this.child.stdin?.write(`x ${Math.ceil(ms ?? 0)}\n`);
  }

  /** Ends the holder; resolves when the kernel has removed every probe of these links. Idempotent. */
  release(): Promise<void> {
    this.released = true;
    this.child.stdin?.destroy();
    return this.exited;
  }
}

/**
 * Somebody killed the holder while it placed probes, and the kernel left int3 behind. Making the same links again and
 * letting go of them takes them away (tried on 6.18: 9 010 of 9 010). What the peer is told.
 */
async function mend(links: LinkSet, killed: ChildProcess): Promise<Error> {
  for (let attempt = 0; attempt < MEND_ATTEMPTS; attempt++) {
    const { holder, answer } = await LinkHolder.make({ ...links, calledOff: undefined });
    await holder.release();
    if (answer !== "") return holderKilled(killed.signalCode, answer === "ok" ? undefined : answer);
  }
  return holderKilled(killed.signalCode, `killed again, ${MEND_ATTEMPTS} times`);
}

/**
 * What a hit takes here, as a process that probes itself finds out (trap_costs.h); undefined where it cannot, or gives
 * what cannot be. `file`: the executable, open; `pmu`: where probes are perf events.
 */
export async function measureTrapCosts(
  executable: string,
  file: number,
  program: number,
  pmu: number | undefined,
): Promise<TrapCosts | undefined> {
  const child = await startProcess(executable, [file, program], "costs").catch(() => undefined);
  if (child === undefined) return undefined;
  child.stdin?.on("error", () => {});
  child.stdin?.end(pmu === undefined ? "m\n" : `p ${pmu}\n`);
  const words = /^costs (\d+) (\d+)$/.exec(await new Lines(child).first);
  const [emulatedNs, steppedNs] = [Number(words?.[1]), Number(words?.[2])];
  const plausible = emulatedNs >= LEAST_HIT_NS && steppedNs >= emulatedNs && steppedNs <= MOST_HIT_NS;
  return plausible ? { emulatedNs, steppedNs } : undefined;
}

/** An exception and the way back take longer; so do two thousand of them (a machine that is emulated). */
const LEAST_HIT_NS = 50;
const MOST_HIT_NS = 1_000_000;

/** First descriptor after the standard ones and the program file: see holder.c. */
const FIRST_PROGRAM = 4;
/** The C library's program loader (System V ABI, AMD64 supplement: PT_INTERP). */
const LOADER = "/lib64/ld-linux-x86-64.so.2";
/** A line is short; more is not ours. */
const MAX_LINE_BYTES = 200;

async function startProcess(
  executable: string,
  descriptors: readonly number[],
  ...options: string[]
): Promise<ChildProcess> {
  const start = async (command: string, ...words: string[]): Promise<ChildProcess> => {
    const child = spawn(command, words, {
      argv0: basename(executable),
      stdio: ["pipe", "pipe", "ignore", ...descriptors],
      env: {},
      cwd: "/",
      detached: true, // A terminal's Ctrl-C must not reach it: the helper decides.
    });
    await once(child, "spawn");
    return child;
  };
  try {
    return await start(executable, ...options).catch((error: NodeJS.ErrnoException) => {
      // Editors unpack extensions without the permission to execute; the loader only has to read.
      if (error.code === "EACCES" && existsSync(LOADER)) return start(LOADER, executable, ...options);
      throw error;
    });
  } catch (error) {
    throw noHolder(executable, error);
  }
}

/** What the holder writes: an answer, and what it has let go of. */
class Lines {
  /** Empty when the process ends before it has written one. */
  readonly first: Promise<string>;
  /** Those behind the first that nobody has listened to; not more than three for each probe. */
  private unheard: string[] = [];
  private hear = (line: string): unknown => this.unheard.push(line);
  private text = "";

  constructor({ stdout }: ChildProcess) {
    this.first = new Promise((resolve) => {
      let next = (line: string): void => {
        next = (later) => void this.hear(later);
        resolve(line);
      };
      stdout?.setEncoding("latin1").on("data", (chunk: string) => {
        this.text += chunk;
        for (let end = this.text.indexOf("\n"); end >= 0; end = this.text.indexOf("\n")) {
          next(this.text.slice(0, Math.min(end, MAX_LINE_BYTES)));
          this.text = this.text.slice(end + 1);
        }
        this.text = this.text.slice(0, MAX_LINE_BYTES);
      });
      stdout?.on("close", () => resolve(""));
    });
  }

  /** To all lines behind the first. */
  listen(hear: (line: string) => void): void {
    this.hear = hear;
    for (const line of this.unheard.splice(0)) hear(line);
  }
}

function givenUp(line: string): GivenUp | undefined {
  const words = /^(?:removed (\d+) (returns|calls)|thinned (\d+) (\d+)) (\d+) (\d+) (\d+)$/.exec(line);
  if (words === null) return undefined;
  const [, removed, part, thinned, intervalNs, rate, cost, timeNs = ""] = words;
  return {
    entry: Number(removed ?? thinned),
    ...(thinned === undefined
      ? { what: part === "returns" ? "returns" : "calls" }
      : { what: "captures", maxRate: 1e9 / Math.max(1, Number(intervalNs)) }),
    rate: Number(rate) / 1000,
    costPercent: Number(cost) / 10_000,
    timeNs,
  };
}

/** `unwinder`: watches for calls that end without a return; `watch`: not counted. */
const ROLES = { watch: 0, entry: 1, return: 2, "entry that parks": 3, unwinder: 4 } as const;

/** `descriptors`: in the order in which the holder has them. */
function encode(requests: readonly LinkRequest[], bound: Bound | undefined, descriptors: readonly number[]): string {
  const place = (descriptor: number): number => FIRST_PROGRAM + descriptors.indexOf(descriptor);
  const lines: (string | number)[][] = [];
  if (bound !== undefined) {
    const { budget, target, functions, cpus, probes } = bound;
    const whose = [Math.ceil(budget * 10_000), target, functions];
    const places = [bound.counters, bound.switches, bound.ledger].map(place);
    lines.push(["g", ...whose, probes.length, cpus, ...places, Math.round(bound.signalNs)]);
    lines.push(
      ...probes.map(({ role, entry, costNs, captureNs }) => [
        ROLES[role],
        entry,
        Math.round(costNs),
        Math.round(captureNs),
      ]),
    );
  }
  for (const request of requests) {
    const program = place(request.program);
    if (request.kind === "multi") {
      const { pid, sites } = request;
      lines.push(["m", program, pid, sites.length], ...sites.map(({ offset, index }) => [offset, index]));
    } else {
      const { pid, pmu, offset, index, cookies } = request;
      lines.push([cookies ? "p" : "e", program, pid === 0 ? -1 : pid, pmu, offset, index]);
    }
  }
  return `${lines.map((line) => line.join(" ")).join("\n")}\n.\n`;
}
