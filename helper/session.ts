/** One attach request from its checks to its end. */
import { closeSync, fstatSync, openSync, readlinkSync } from "node:fs";
import type { ProbeCounters } from "../src/protocol/counters.ts";
import { UserError } from "../src/protocol/errors.ts";
import type {
  AttachParams,
  CaptureTableParts,
  HitCost,
  OpenCallCount,
  RemovedParams,
  TargetEndedParams,
} from "../src/protocol/helperApi.ts";
import { type TrapCosts, USUAL_TRAP_COSTS } from "./cost.ts";
import { asUserError, bytesDiffer } from "./failures.ts";
import type { Features } from "./features.ts";
import { type Bound, type HolderListener, LinkHolder } from "./holder.ts";
import { LoadedSession, type SessionRing } from "./load.ts";
import type { OpenCallTables } from "./openCalls.ts";
import { checkProcess, fileIdentity, ownPid, programIdentity, readAt, readExecution, readStat } from "./proc.ts";
import { openProgram, openRegular } from "./programFile.ts";
import type { Scratch } from "./scratch.ts";

/** Bounds on what the ledger calls targets: processes are below, files above. */
const TARGETS = 1n << 48n;
/** Above every process id (PID_MAX_LIMIT, include/linux/threads.h). */
const PIDS = 1n << 22n;
/** How often a traced process is looked at: its end is told within this. */
const WATCH_INTERVAL_MS = 100;

export interface SessionContext {
  readonly peerUid: number;
  readonly objectPath: string;
  /** The program of holder.c. */
  readonly holderPath: string;
  readonly ring: SessionRing;
  readonly scratch: Scratch;
  /** Made for the first session that pairs returns. */
  openCalls(): OpenCallTables;
  /** Parts of the session's capture types that came before the attach request. */
  readonly tables?: readonly CaptureTableParts[];
  readonly features: Features;
  /** Opened for the first session with a budget; absent: nothing is bounded. */
  readonly ledger?: () => number;
  /** Absent: the usual ones. */
  readonly trapCosts?: TrapCosts;
  /** Aborted when the helper ends: attaches that are under way come to nothing. */
  readonly ending?: AbortSignal;
  /** The traced process ended or runs another program, or the links' holder has let go of them (`pid` is the helper's). */
  onEnded(session: number, ended: Omit<TargetEndedParams, "session">): void;
  /** They cost more than the budget. */
  onRemoved?(removed: RemovedParams): void;
}

/** What a process ran before it was attached to. */
interface Running {
  readonly program: string | undefined;
  readonly execution: string | undefined;
}

export class Session {
  readonly params: AttachParams;
  /** For the audit log. */
  readonly program: { readonly identity: string; readonly path: string };
  private readonly loaded: LoadedSession;
  private readonly holder: LinkHolder;
  private watcher: NodeJS.Timeout | undefined;

  private constructor(params: AttachParams, file: number, loaded: LoadedSession, holder: LinkHolder) {
    this.params = params;
    this.program = { identity: fileIdentity(file), path: readlinkSync(`/proc/self/fd/${file}`) };
    this.loaded = loaded;
    this.holder = holder;
  }

  /** Throws a UserError; then nothing is left attached. */
  static async attach(params: AttachParams, context: SessionContext): Promise<Session> {
    const { target } = params;
    const what = describeTarget(params);
    if (target.kind === "process") checkProcess(what, target.pid, target.startTime);
    const before: Running | undefined =
      target.kind === "process"
        ? { program: programIdentity(target.pid), execution: readExecution(target.pid) }
        : undefined;
    const path = target.file ?? `/proc/${target.kind === "process" ? target.pid : 0}/exe`;
    // What a process runs whom the peer may trace, or a file that the peer can open.
    const file = target.file === undefined ? openRegular(what, path) : openProgram(what, path, context.peerUid);
    try {
      checkExpectedBytes(file, path, params);
      const loaded = load(what, params, context);
      try {
        const bound = boundOf(loaded, params, context, file);
        // Through the descriptor that was checked: another file at this path, or another program after exec, is not it.
        const holder = await link(what, context, loaded, file, bound, params, {
          onEnd: (reason) => context.onEnded(params.session, { pid: process.pid, reason }),
          onGivenUp: (givenUp) => {
            const removed = loaded.givenUp(givenUp);
            if (removed !== undefined) context.onRemoved?.(removed);
          },
        });
        if (params.expiresInMs !== undefined) holder.expireIn(params.expiresInMs);
        const session = new Session(params, file, loaded, holder);
        session.watch(before, context);
        return session;
      } catch (error) {
        loaded.close();
        throw error;
      }
    } finally {
      closeSync(file);
    }
  }

  costs(traps: TrapCosts): HitCost[] {
    return this.loaded.costs(traps);
  }

  counters(): ProbeCounters[] {
    return this.loaded.counters();
  }

  /** The peer has given a sign of life. */
  beat(): void {
    this.holder.beat();
  }

  /** From now on; undefined: not at any time. */
  expireIn(ms: number | undefined): void {
    this.holder.expireIn(ms);
  }

  /** Resolves when every probe is gone. The counters stay readable until `close`. */
  async detach(): Promise<void> {
    clearInterval(this.watcher);
    await this.holder.release();
  }

  /** Once, after `detach`. */
  openCalls(): OpenCallCount[] {
    return this.loaded.openCalls();
  }

  close(): void {
    this.loaded.close();
  }

  /** A process that is about to exec `file` is left alone until it has done so; one that has it mapped goes on as it is. */
  private watch(before: Running | undefined, context: SessionContext): void {
    const { target, session } = this.params;
    if (target.kind !== "process") return;
    const { pid, startTime, file, library } = target;
    const program = library === true ? before?.program : this.program.identity;
    // Without `file` it ran the program when it was checked; what it runs by now may already be another.
    let running = file === undefined || library === true;
    // exec of the same program counts, too: the kernel's links do not follow it from every thread.
    let first = running ? before?.execution : undefined;
    const end = (reason: "exited" | "exec"): void => {
      clearInterval(this.watcher);
      context.onEnded(session, { pid, reason });
    };
    const look = (): void => {
      const stat = readStat(pid);
      if (!stat || stat.startTime !== startTime || stat.ended) return end("exited");
      const current = programIdentity(pid);
      if (current === undefined) return;
      if (current === program) {
        running = true;
        const now = readExecution(pid);
        if (now === undefined || now === first) return;
        if (first !== undefined) return end("exec");
        first = now;
      }
      // It may have been the program between two looks: then there were hits. Else it gets there by another program.
      else if (running || this.counters().some(({ hits }) => hits > 0)) end("exec");
    };
    this.watcher = setInterval(() => {
      try {
        look();
      } catch (error) {
        // Where a limit is reached, nothing is known of the process; the next look may show it.
        if (!(error instanceof UserError)) throw error;
      }
    }, WATCH_INTERVAL_MS);
  }
}

/** Of a file's processes nobody knows which one costs what: they share one budget, and not with those of a process. */
function boundOf(
  loaded: LoadedSession,
  { target, budget, functions }: AttachParams,
  { ledger, trapCosts = USUAL_TRAP_COSTS }: SessionContext,
  file: number,
): Bound | undefined {
  if (budget === undefined || ledger === undefined) return undefined;
  const whose = target.kind === "process" ? processTarget(target.pid) : fileTarget(file);
  return loaded.bound(budget, {
    target: whose,
    functions: functions.length,
    ledger: ledger(),
    traps: trapCosts,
  });
}

/** The same whichever pid namespace the helper is in, and another one for each process: helpers in several share the ledger. */
function processTarget(pid: number): number {
  const own = ownPid(pid);
  return Number((own.namespace * PIDS + BigInt(own.pid)) % TARGETS);
}

/** File systems number their files with 64 bits. */
function fileTarget(file: number): number {
  const { dev, ino } = fstatSync(file, { bigint: true });
  return Number(TARGETS + ((dev * 0x9e3779b97f4a7c15n + ino) % TARGETS));
}

function load(what: string, params: AttachParams, context: SessionContext): LoadedSession {
  try {
    checkRoom();
    return new LoadedSession(context, params);
  } catch (error) {
    throw asUserError(what, error);
  }
}

/** Maps, programs and what the holder is given: some 35 of them, of which most stay open. */
const DESCRIPTORS = 40;

/**
 * libbpf takes a descriptor that cannot be had for a feature that the kernel lacks (kernel_supports, tools/lib/bpf/features.c)
 * and goes on without; the verifier then refuses the programs for reasons that are none.
 */
function checkRoom(): void {
  const taken: number[] = [];
  try {
    while (taken.length < DESCRIPTORS) taken.push(openSync("/", "r"));
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}

async function link(
  what: string,
  { holderPath: executable, ending: calledOff }: SessionContext,
  loaded: LoadedSession,
  file: number,
  bound: Bound | undefined,
  params: AttachParams,
  listener: HolderListener,
): Promise<LinkHolder> {
  const { target } = params;
  const pid = target.kind === "process" ? target.pid : 0;
  const alive = (): void => {
    if (target.kind === "process") checkProcess(what, target.pid, target.startTime);
  };
  let holder: LinkHolder;
  try {
    const requests = loaded.linkRequests(pid);
    holder = await LinkHolder.start({ executable, file, requests, bound, calledOff }, listener);
  } catch (error) {
    alive(); // The likeliest cause, told better.
    throw asUserError(what, error);
  }
  try {
    // The pid could have been reused while the links were made; they would be another process's.
    alive();
    return holder;
  } catch (error) {
    await holder.release();
    throw error;
  }
}

function checkExpectedBytes(file: number, path: string, params: AttachParams): void {
  for (const { offset, expected } of params.probes) {
    const actual = Buffer.from(readAt(file, offset, expected.length / 2)).toString("hex");
    if (actual !== expected) throw bytesDiffer(path, offset);
  }
}

export function describeTarget({ target }: AttachParams): string {
  return target.kind === "process" ? `attaching to process ${target.pid}` : `attaching to ${target.file}`;
}
