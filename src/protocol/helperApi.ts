/**
 * Messages between the unprivileged side (server, CLI) and the helper: JSON-RPC requests (vscode-jsonrpc) in frames
 * of kind `json`, and each session's raw event records in frames of kind `records` (see `frames.ts`). The helper validates every
 * request with the schemas of `helperSchema.ts` before it acts.
 */
import type { CapturePlan } from "./capture.ts";
import type { CaptureTableName } from "./captureTypes.ts";
import type { ConditionProgram } from "./condition.ts";
import type { ProbeCounters } from "./counters.ts";
import { MAX_RECORDS_FRAME_BYTES } from "./frames.ts";

export const PROTOCOL_VERSION = 6;

export interface InitializeParams {
  readonly protocolVersion: number;
}
export interface InitializeResult {
  readonly protocolVersion: number;
  readonly pid: number;
  readonly kernel: string;
  /** Path and version of the libbpf that was loaded. */
  readonly libbpf: { readonly path: string; readonly version: string };
  /** How probes will be attached here. */
  readonly link: "uprobe_multi" | "perf_event";
  /** `view`: the ring buffer is read in place; `copy`: external ArrayBuffers are forbidden here (Electron). */
  readonly ringReader: "view" | "copy";
  /** The kernel lets uprobe programs wait for memory that is not resident. */
  readonly faultIn: boolean;
  /** Uid of the peer that the helper authenticated. */
  readonly peerUid: number;
  /** Something that the user should know: no audit log can be written. */
  readonly notice?: string;
}

/**
 * `file`: a path where the peer is root or the helper's own user; else `/proc/PID/fd/N`, a file that a process of the
 * peer has open for reading: what a user cannot open, the helper does not open for him.
 */
export type AttachTarget =
  /**
   * `startTime`: field 22 of /proc/PID/stat, guards against PID reuse. `file`: what the process is about to exec, or, with
   * `library`, what it has mapped beside its program.
   */
  | {
      readonly kind: "process";
      readonly pid: number;
      readonly startTime: string;
      readonly file?: string;
      readonly library?: true;
    }
  /** Every process that runs this file, now and later. */
  | { readonly kind: "file"; readonly file: string };

export interface ProbeSpec {
  /** Chosen by the peer, unique among its probes; comes back in every record. */
  readonly id: number;
  /**
   * `goexit` and `resume` watch the runtime for calls that end without a return, where others pair theirs: the entry of
   * runtime.Goexit, and runtime.recovery's call of runtime.gogo; `sigtrampgo` is the entry of that function, where the
   * float registers of others are read. They count nothing, and their plans are empty.
   */
  readonly role: "entry" | "return" | "goexit" | "resume" | "sigtrampgo";
  /** Return probes: the id of the entry probe of the same function. All returns of a function share one plan. */
  readonly entryId?: number;
  /** File offset of the instruction. */
  readonly offset: number;
  /** Its address in the file: tells what addresses in memory are in the file. Needed where `plan` meets interfaces or funcs. */
  readonly address?: number;
  /** Bytes that must stand at `offset` in the file, hex; at least one instruction. */
  readonly expected: string;
  /** CFA − RSP at the instruction, bytes (8 at a function's first instruction). */
  readonly cfaOffset: number;
  /** The site is a `jbe` of the stack check: a hit with CF or ZF set is not a call and is not counted. */
  readonly skipIfBelowOrEqual: boolean;
  /** How the kernel carries out the instruction, which is most of what a hit costs; absent: `stepped`. */
  readonly trap?: "emulated" | "stepped";
  /**
   * Where the thread is behind the instruction: `ip` relative to the instruction's address (of two, either; none: where
   * the return address leads), `sp` relative to RSP before it. Needed where `plan` has float registers.
   */
  readonly resume?: { readonly ip: readonly number[]; readonly sp: number };
  readonly plan: CapturePlan;
  /** Events per second at the most; absent: no limit. */
  readonly rate?: number;
  /** Entry probes: keep a table entry so that returns can be paired. */
  readonly pairReturns: boolean;
  /**
   * Only hits for which it holds are sent; the others count as filtered. Of a return probe: decides on the calls that its
   * entry probe has parked.
   */
  readonly condition?: ConditionProgram;
  /** Entry probes: the condition may leave the decision to the return. */
  readonly parks?: boolean;
}

export interface GoroutineSpec {
  /** `register`: g is in R14 at every site; `tls`: g is at FS base + tlsOffset. */
  readonly source: "register" | "tls";
  readonly tlsOffset: number;
  readonly goidOffset: number;
  readonly stackHiOffset: number;
  /** Of `g.labels`; needed where a plan copies LABELS. */
  readonly labelsOffset?: number;
}

export interface AttachParams {
  /** Chosen by the peer; names the group for `detach`. */
  readonly session: number;
  /** The probes go by themselves so many milliseconds after the attach, unless `extend` says otherwise. */
  readonly expiresInMs?: number;
  /** What the probes may cost the target, percent of one core; absent: what they will. */
  readonly budget?: number;
  readonly target: AttachTarget;
  readonly goroutine: GoroutineSpec;
  /** Memory that is not resident is waited for; refused where the kernel cannot (`InitializeResult.faultIn`). */
  readonly faultIn?: boolean;
  readonly probes: readonly ProbeSpec[];
  /** Names, for the audit log; and how many there are: the bound on their cost has patience with few. */
  readonly functions: readonly string[];
  /** The last parts of the session's tables; what comes before them comes by `captureTables`. Absent: nothing is followed. */
  readonly tables?: CaptureTableParts;
}
/** Of each table some bytes (captureTypes.ts), base64: they are put one behind the other as they come. */
export type CaptureTableParts = Partial<Record<CaptureTableName, string>>;
/** Bytes of one table that one message carries at the most. */
export const MAX_TABLE_PART_BYTES = 768 << 10;

/** Parts of the tables of a session that is to be attached. */
export interface CaptureTablesParams {
  readonly session: number;
  readonly tables: CaptureTableParts;
}
/** What a hit is reckoned to take the target on this machine, nanoseconds. */
export interface HitCost {
  readonly hitNs: number;
  /** Beside that, if it is captured; what programs measure themselves is not in it. */
  readonly captureNs: number;
}
export interface AttachResult {
  readonly link: "uprobe_multi" | "perf_event";
  readonly attached: number;
  /** Of each probe, in the order of `probes`. */
  readonly costs: readonly HitCost[];
  /** Something that the user should know: the audit log could not be written. */
  readonly notice?: string;
}

/** Another time for the probes to go by themselves, counted from now; absent: none. */
export interface ExtendParams {
  readonly session: number;
  readonly expiresInMs?: number;
}

export interface DetachParams {
  readonly session: number;
}
export interface CountersResult {
  readonly counters: readonly ProbeCounters[];
}
/** Final: read after the last probe was gone and the ring was drained. */
export interface DetachResult extends CountersResult {
  /** Of the probes that have any. */
  readonly openCalls: readonly OpenCallCount[];
}
/** Calls of an entry probe that are in the table of open calls at the end. */
export interface OpenCallCount {
  readonly probe: number;
  readonly open: number;
  /** They were given up: how they ended is not known. */
  readonly unknown: number;
}
export interface CountersParams {
  readonly session: number;
}

/**
 * A notification: the peer is done with so many bytes more of a session's records. What it has not taken is at most
 * MAX_UNTAKEN_BYTES, which the helper sees to, so a trace that is not read holds up itself alone. Only the end of a
 * session brings more: what is left in its ring buffer.
 */
export interface TakenParams {
  readonly session: number;
  readonly bytes: number;
}
/** Two batches: while the peer takes one, the next one comes. */
export const MAX_UNTAKEN_BYTES = 2 * MAX_RECORDS_FRAME_BYTES;
/** Less is not worth a message: at usual rates there are none. The helper goes on below one batch, so it never waits. */
export const TAKEN_STEP_BYTES = MAX_RECORDS_FRAME_BYTES / 2;

/** Bytes of a process's program file (`/proc/PID/exe`), for processes whose files the peer may not read itself. */
export interface ReadFileParams {
  readonly pid: number;
  readonly startTime: string;
  readonly offset: number;
  /** At most MAX_READ_BYTES. */
  readonly length: number;
}
export interface ReadFileResult {
  /** File size, bytes. */
  readonly size: number;
  /** Inode number and device, `dev:ino`, and mtime: to see replacement. */
  readonly identity: string;
  readonly base64: string;
}
export const MAX_READ_BYTES = 1 << 20;

/** /proc facts of a process of another user: what an unprivileged peer cannot see. */
export interface DescribeProcessParams {
  /** Of a process, or of one of its threads. */
  readonly pid: number;
}
export interface DescribeProcessResult {
  /** Of the process. */
  readonly pid: number;
  /** Effective: whom it acts as. */
  readonly uid: number;
  /** Field Name of /proc/PID/status. */
  readonly name: string;
  readonly startTime: string;
  /** Readlink of /proc/PID/exe, with ` (deleted)` as the kernel gives it. */
  readonly exe: string;
  /** Executable mappings of the program file: to turn run-time addresses into file addresses. */
  readonly mappings: readonly { readonly start: string; readonly end: string; readonly fileOffset: string }[];
}

/** Every process that runs a program, for a peer from whom /proc hides those of others (hidepid, proc(5)). */
export interface ListProcessesResult {
  readonly pids: readonly number[];
}

/** Mapped code of the program file (never other memory), for `inspect --pid`'s live bytes. */
export interface ReadCodeParams {
  readonly pid: number;
  readonly startTime: string;
  /** File offset; must lie in an executable mapping of the program file. */
  readonly fileOffset: number;
  readonly length: number;
}
export interface ReadCodeResult {
  readonly hex: string;
}

/**
 * Sent by the helper when a traced process is gone or has exec'd another program, and when the probes went although
 * nobody asked for it (then `pid` is the helper's): `lost`: somebody killed the process that holds them; `lease`: the
 * peer gave no sign of life for ten seconds; `expired`: the time of `expiresInMs` is up.
 */
export interface TargetEndedParams {
  readonly session: number;
  readonly pid: number;
  readonly reason: "exited" | "exec" | "lost" | "lease" | "expired";
}

/** Sent by the helper when probes were removed, or fewer calls are captured, because they cost more than the budget. */
export interface RemovedParams {
  readonly session: number;
  /** Id of the function's entry probe. */
  readonly probe: number;
  /** Those of its returns alone; all of them; or none, but captures a second are limited to `maxRate`. */
  readonly what: "returns" | "calls" | "captures";
  readonly maxRate?: number;
  /** Hits a second of these probes, and what they cost: before. `captures`: of the calls, and what capturing them cost. */
  readonly rate: number;
  readonly costPercent: number;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly timeNs: string;
}

/**
 * The peer's sign of life, a notification. The process that holds the probes lets go of them after ten seconds without
 * one (helper/holder.c), by a clock that also runs while the machine sleeps: the peer is stopped, or stuck.
 */
export const ALIVE_INTERVAL_MS = 2000;

export const HELPER_METHODS = {
  initialize: "initialize",
  captureTables: "captureTables",
  attach: "attach",
  detach: "detach",
  extend: "extend",
  alive: "alive",
  taken: "taken",
  counters: "counters",
  readFile: "readFile",
  describeProcess: "describeProcess",
  listProcesses: "listProcesses",
  readCode: "readCode",
  targetEnded: "targetEnded",
  removed: "removed",
} as const;
