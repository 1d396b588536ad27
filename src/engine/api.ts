/**
 * The engine: everything between a request ("trace these functions there") and rendered events. The CLI and the
 * language server drive the same engine; it knows neither a terminal nor an editor.
 */
import type { Refusal } from "../goabi/refusal.ts";
import type { IsSecretName } from "../goabi/secretNames.ts";
import type { GoBinary, GoFunction } from "../gobinary/api.ts";
import type { FunctionPlan } from "../probe/api.ts";
import type { ContextRequest } from "../probe/capture/context.ts";
import type { Value } from "../value/api.ts";
import type { Job } from "./job.ts";

export interface RenderedValue {
  readonly name: string;
  /** `%T` text. */
  readonly type: string;
  /** Go value text (docs/contracts.md, "Value text"). */
  readonly text: string;
  /** What `text` is written from; only where the request asks for `values` or `late`. */
  readonly value?: Value;
}

interface EventBase {
  /** Joins a return to its call. */
  readonly id: number;
  /** RFC 3339 with nanoseconds, UTC. */
  readonly ts: string;
  readonly pid: number;
  readonly tid: number;
  readonly goid: number;
  readonly func: string;
}
export interface CallEvent extends EventBase {
  readonly event: "call";
  readonly file: string;
  readonly line: number;
  /** Linker name of the calling function (the innermost inlined one); absent where unknown. */
  readonly caller?: string;
  readonly callerLine?: number;
  readonly args: readonly RenderedValue[];
  /** The call was inlined into its caller: no return comes. */
  readonly inlined?: true;
  /**
   * How the call ends will not be told: there was no room to remember it, its goroutine could not be read, or the returns
   * of its function are not watched any more.
   */
  readonly endUnknown?: true;
  /** The goroutine's pprof labels, keys in byte order; absent where it has none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Why the labels, or some of them, could not be had; a clause. */
  readonly labelsUnavailable?: string;
  /** The caller first, inlined frames expanded; with `stack` always there. */
  readonly stack?: readonly StackFrame[];
  /** Why there are more frames than these; a clause. */
  readonly stackCut?: string;
}
export interface StackFrame {
  readonly func: string;
  readonly file: string;
  readonly line: number;
}
export interface ReturnEvent extends EventBase {
  readonly event: "return";
  readonly results: readonly RenderedValue[];
  /** Why there may be more results than these, a clause. */
  readonly missingResults?: string;
  readonly durationNs: number;
}
/** The call ended without RET: panic or Goexit. */
export interface UnwoundEvent extends EventBase {
  readonly event: "unwound";
}
export interface StatsEvent {
  readonly event: "stats";
  readonly func: string;
  readonly hits: number;
  readonly emitted: number;
  readonly filtered: number;
  readonly throttled: number;
  readonly dropped: number;
  /** Of the filtered ones: calls whose condition could not be decided. */
  readonly undecided: number;
  /** Ends of emitted calls, all 0 without `returns`; calls that were inlined, and those of functions that jump on to another, have none. */
  readonly returns: number;
  /** Ended without a `ret`. */
  readonly unwound: number;
  /** Their end was lost: a return (or the news of an unwinding) dropped, or no room to remember the call. */
  readonly unknownEnds: number;
  /** Still running at the end of the trace or of their process. */
  readonly openCalls: number;
  /** Why they could not be decided, the most frequent first; absent where all could. */
  readonly reasons?: readonly UndecidedReason[];
}
export interface UndecidedReason {
  /** A clause: "`u` was nil". */
  readonly reason: string;
  readonly calls: number;
}
export type TraceEvent = CallEvent | ReturnEvent | UnwoundEvent;

/** Probes of a function were taken away before the trace was stopped. */
export interface RemovedEvent {
  readonly event: "removed";
  readonly func: string;
  readonly ts: string;
  readonly reason: "budget" | "expired";
  /** Hits per second: `expired` over the whole trace, `budget` of the probes that were removed, lately. */
  readonly rate: number;
  /** What they cost the target at that rate, reckoned from their sites: percent of one core. */
  readonly costPercent: number;
  /** Absent: nothing of the function is traced any more, but for what says so itself. */
  readonly part?: "returns" | "inlined" | "watch";
}
/** From then on fewer calls of a function are captured; all are counted, those that are not captured as throttled. */
export interface ThinnedEvent {
  readonly event: "thinned";
  readonly func: string;
  readonly ts: string;
  readonly reason: "budget";
  /** Calls per second, before. */
  readonly rate: number;
  /** What capturing them cost the target beside the hits themselves: percent of one core. */
  readonly costPercent: number;
  /** Captured calls per second from then on, at the most. */
  readonly maxRate: number;
}
/**
 * `part`: which of the function's probes; `calls`: all that were left; `watch`: of a function of the runtime, what tells
 * that calls of others are unwound.
 */
export interface Removal {
  readonly event: RemovedEvent;
  readonly part: "returns" | "inlined" | "watch" | "calls";
}

export type Target =
  | { readonly kind: "process"; readonly pid: number }
  | { readonly kind: "file"; readonly file: string }
  | { readonly kind: "command"; readonly argv: readonly string[] };

export interface ProcessInfo {
  readonly pid: number;
  readonly uid: number;
  readonly user: string;
  readonly binary: string;
  readonly goVersion: string;
  readonly buildId: string;
  readonly module: string;
  /** RFC 3339, seconds, UTC. */
  readonly started: string;
}

export type Floats = "signal" | "off";

export interface TraceRequest {
  readonly target: Target;
  /** Linker names, globs, FILE:LINE. */
  readonly functions: readonly string[];
  readonly returns: boolean;
  /** A Go expression (docs/contracts.md, `--where`): only calls for which it holds are sent. */
  readonly where?: string;
  /** The stack with each call. */
  readonly stack?: boolean;
  /** The goroutine's pprof labels with each call. */
  readonly labels?: boolean;
  /** Events per second and probe. */
  readonly rate?: number;
  /** Bytes of a string or byte slice. */
  readonly maxBytes?: number;
  /** Pointers that are followed in a chain. */
  readonly depth?: number;
  /** Each value as a tree beside its text. */
  readonly values?: boolean;
  /** Milliseconds after which the probes are removed, whatever has become of this process; absent: never. */
  readonly expireMs?: number;
  /**
   * Percent of one core that all probes may cost one process; what costs more is removed (helper/governor.h). Absent:
   * there is no bound.
   */
  readonly budget?: number;
  /** How float registers are read (bpf/floats.h); absent: `signal`. */
  readonly floats?: Floats;
  /** Memory that is not resident is waited for (bpf/sleepable.h); refused before Linux 6.0. */
  readonly faultIn?: boolean;
  /**
   * Arguments and results are decoded when they are first looked at, for a reader who keeps many events and looks at
   * few: reading `text`, `type` or `value` may take its time. They cannot be cloned to another thread.
   */
  readonly late?: boolean;
  /**
   * The user's words beside those that always stand for secrets (goabi/secretNames.ts, whose `whyNotSecretNames` has let
   * them pass). Never left out: a front end that forgets them shows what it must not.
   */
  readonly secretNames: readonly string[];
  /** Folder of the Go source, for a binary without DWARF; read anew for this trace, as an editor changes it. */
  readonly source?: string;
}

export type EndReason =
  | { readonly kind: "stopped" }
  /** Of a command that was started for the trace: `exitStatus`, 128 + N after a signal N, and the signal's name. */
  | { readonly kind: "target-exited"; readonly pid: number; readonly exitStatus?: number; readonly signal?: string }
  | { readonly kind: "target-exec"; readonly pid: number }
  /** Its time was up. */
  | { readonly kind: "expired" }
  /** The last probe that sees calls was removed, because it cost more than the budget: what it was. */
  | {
      readonly kind: "over-budget";
      readonly message: string;
      /** As RemovedEvent's. */
      readonly rate: number;
      readonly costPercent: number;
    }
  | { readonly kind: "helper-died"; readonly message: string };

export interface TraceListener {
  /** Before anything is attached: the functions are found and planned. A rejection calls the trace off. */
  onPlanned?(plans: readonly FunctionPlan[]): void | Promise<void>;
  /**
   * Events arrive in kernel order, in batches. While a returned promise is pending little more is read for this trace: its
   * ring buffer in the kernel fills, and what finds no room is counted as dropped. Other traces go on.
   */
  onEvents(events: readonly TraceEvent[]): void | Promise<void>;
  /** Where a trace has expired before `onEnd`; else while it runs. `message`: for the user, where it was the budget. */
  onRemoved?(removals: readonly Removal[], message?: string): void;
  /** While it runs, and a notice tells, too. */
  onThinned?(thinned: readonly ThinnedEvent[]): void;
  /** Once; all probes are gone. */
  onEnd(reason: EndReason, stats: readonly StatsEvent[]): void;
}

/** What one call takes the target, reckoned for the machine; a part is absent where it has no probe. */
export interface CallCost {
  readonly entryNs?: number;
  /** At the dearest `ret`. */
  readonly returnNs?: number;
  /** What its pointers lead to is copied, too, which takes more by what that is. */
  readonly follows: boolean;
}

export interface Trace {
  readonly plans: readonly FunctionPlan[];
  /** In the order of `plans`. */
  readonly costs: readonly CallCost[];
  /** CPU time that all probes have taken the target, nanoseconds, as the counters told when they were read last. */
  spentNs(): number;
  /** Live counters. */
  stats(): Promise<readonly StatsEvent[]>;
  /** Detaches, drains, and calls `onEnd`. Idempotent. */
  stop(): Promise<void>;
}

export interface Engine {
  /**
   * Go processes that this user may see. Programs of other users' processes can be read only with the helper's rights:
   * `running` takes them from a helper that runs already (an editor that polls), `quiet` also starts one where that
   * asks nobody anything (the default), `ask` also where sudo wants a password; then a refusal rejects.
   */
  processes(job: Job, options?: { readonly helper?: "running" | "quiet" | "ask" }): Promise<readonly ProcessInfo[]>;
  /**
   * Cached by content; `close` when no longer needed. Aborted, it rejects, and reading ends if nobody else waits.
   * A process may have mapped several files with Go code: plugins, and libraries of programs that are not Go's. Then it is
   * the first that holds `functions` (patterns), the program before the others.
   */
  openProcess(job: Job, pid: number, functions?: readonly string[]): Promise<GoBinary>;
  openFile(job: Job, file: string): Promise<GoBinary>;
  /** Functions that a pattern names in a binary; throws a UserError where none does. */
  resolve(binary: GoBinary, patterns: readonly string[]): Promise<readonly GoFunction[]>;
  plan(
    binary: GoBinary,
    fn: GoFunction,
    isSecret: IsSecretName,
    options?: Pick<TraceRequest, "maxBytes" | "floats">,
    context?: ContextRequest,
  ): Promise<FunctionPlan | Refusal>;
  /** Resolves when every probe is attached. Aborted before they are being attached, it rejects. */
  trace(job: Job, request: TraceRequest, listener: TraceListener): Promise<Trace>;
  /** Stops every trace and the helper. */
  dispose(): Promise<void>;
}

/**
 * How the engine asks for a sudo password when `sudo -n` fails; absent: it does not (the error says what to do).
 * `attempt` counts from 1; later ones mean that the password before was not accepted.
 */
export type PasswordPrompt = (prompt: string, attempt: number) => Promise<string | undefined>;
