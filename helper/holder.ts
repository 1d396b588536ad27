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
import { damagedHolder, holderKilled, noHolder } from "./failures.ts";
import { SystemCallError } from "./libbpf.ts";

/** `pid` 0: every process. */
export type LinkRequest =
  | {
      readonly kind: "multi";
      /** Descriptor of the loaded program. */
      readonly program: number;
      readonly pid: number;
      readonly sites: readonly { readonly offset: number; readonly cookie: number }[];
    }
  | {
      readonly kind: "perf";
      readonly program: number;
      readonly pid: number;
      /** Type number of the uprobe PMU. */
      readonly pmu: number;
      readonly offset: number;
      /** Absent: the kernel has no cookies. */
      readonly cookie?: number;
    };

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
}

export class LinkHolder {
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private released = false;

  private constructor(child: ChildProcess) {
    this.child = child;
    this.exited = new Promise((resolve) => child.once("exit", () => resolve()));
    child.stdin?.on("error", () => {});
  }

  /** Throws where one of the links fails, and then none is left. `onEnd`: the probes went without `release`. */
  static async start(links: LinkSet, onEnd: (end: HolderEnd) => void): Promise<LinkHolder> {
    const { holder, answer } = await LinkHolder.make(links);
    if (answer === "") throw await mend(links, holder.child);
    if (answer !== "ok") {
      const failure = /^(.+) (\d+)$/.exec(answer);
      throw failure === null
        ? damagedHolder(`it answered ${JSON.stringify(answer)}`)
        : new SystemCallError(failure[1] ?? "", Number(failure[2]));
    }
    void holder.exited.then(() => {
      if (!holder.released) onEnd(ENDS[holder.child.exitCode ?? -1] ?? "lost");
    });
    return holder;
  }

  /** `answer`: `ok`, else the holder has ended; empty where it did so without a word. */
  static async make({ executable, file, requests }: LinkSet): Promise<{ holder: LinkHolder; answer: string }> {
    const programs = [...new Set(requests.map(({ program }) => program))];
    const holder = new LinkHolder(await startProcess(executable, [file, ...programs]));
    const answer = readLine(holder.child);
    holder.child.stdin?.write(encode(requests, programs));
    const line = await answer;
    if (line !== "ok") await holder.release();
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
    const { holder, answer } = await LinkHolder.make(links);
    await holder.release();
    if (answer !== "") return holderKilled(killed.signalCode, answer === "ok" ? undefined : answer);
  }
  return holderKilled(killed.signalCode, `killed again, ${MEND_ATTEMPTS} times`);
}

/** First descriptor after the standard ones and the program file: see holder.c. */
const FIRST_PROGRAM = 4;
/** The C library's program loader (System V ABI, AMD64 supplement: PT_INTERP). */
const LOADER = "/lib64/ld-linux-x86-64.so.2";
/** An answer is one short line; more is not ours. */
const MAX_ANSWER_BYTES = 200;

async function startProcess(executable: string, descriptors: readonly number[]): Promise<ChildProcess> {
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
    return await start(executable).catch((error: NodeJS.ErrnoException) => {
      // Editors unpack extensions without the permission to execute; the loader only has to read.
      if (error.code === "EACCES" && existsSync(LOADER)) return start(LOADER, executable);
      throw error;
    });
  } catch (error) {
    throw noHolder(executable, error);
  }
}

/** Empty when the process ends before it has written one. */
async function readLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes("\n") || text.length > MAX_ANSWER_BYTES) break;
  }
  return text.slice(0, MAX_ANSWER_BYTES).split("\n", 1)[0] ?? "";
}

function encode(requests: readonly LinkRequest[], programs: readonly number[]): string {
  const lines = requests.flatMap((request): (string | number)[][] => {
    const program = FIRST_PROGRAM + programs.indexOf(request.program);
    if (request.kind === "multi") {
      const { pid, sites } = request;
      return [["m", program, pid, sites.length], ...sites.map(({ offset, cookie }) => [offset, cookie])];
    }
    const { pid, pmu, offset, cookie } = request;
    const head = [program, pid === 0 ? -1 : pid, pmu, offset];
    return cookie === undefined ? [["e", ...head]] : [["p", ...head, cookie]];
  });
  return `${lines.map((line) => line.join(" ")).join("\n")}\n.\n`;
}
