/**
 * What the language server asks of the engine. The engine runs on a thread of its own (engineThread.ts there and back,
 * engineWorker.ts inside it), so only plain data crosses: the functions of one file, never all of a program's; of a
 * trace what is shown, never its events. Reading a large program, planning and decoding then never hold up an answer
 * to the editor.
 */
import { ErrorCodes, NotificationType, RequestType, ResponseError } from "vscode-jsonrpc/node";
import type { CallCost, EndReason, Engine, ProcessInfo, Removal, TraceRequest } from "../../engine/api.ts";
import type { Job } from "../../engine/job.ts";
import type { BuildInfo, GoFunction } from "../../gobinary/api.ts";
import type { SourceMatch } from "../../gosource/functions/match.ts";
import type { AskPasswordParams } from "../../protocol/editorApi.ts";
import { UserError } from "../../protocol/errors.ts";
import type { TraceView } from "../traces/traceView.ts";

export interface EditorEngine {
  processes(options?: Parameters<Engine["processes"]>[1]): Promise<readonly ProcessInfo[]>;
  /** Aborted: reading ends soon, unless somebody else waits for the same program. */
  open(job: Job, from: ProgramFrom): Promise<EditorProgram>;
  /** Resolves when every probe is attached; aborted before that, it rejects and nothing is attached. */
  trace(job: Job, request: TraceRequest, listener: EditorListener): Promise<EditorTrace>;
  /** Has each trace's `onView` called where something is new, and gives the calls' lines since the last time. */
  look(): Promise<LogLines>;
  dispose(): Promise<void>;
}

export type ProgramFrom = { readonly pid: number } | { readonly file: string };

export interface EditorListener {
  onView(view: TraceView): void;
  /** Probes were removed, because they cost the process too much; the trace goes on, unless `onEnd` says otherwise. */
  onRemoved(removals: readonly Removal[]): void;
  /** Once; all probes are gone. `lastCalls`: as EditorTrace's. */
  onEnd(reason: EndReason, view: TraceView, lastCalls: string): void;
}

export interface LogLines {
  readonly lines: readonly string[];
  /** Lines left out since the last time. */
  readonly skipped: number;
}

export interface EditorProgram {
  readonly buildInfo: BuildInfo;
  readonly hasDwarf: boolean;
  /** Functions that come from source files with this name, whatever their folder. */
  functionsIn(fileName: string): Promise<readonly GoFunction[]>;
  /** How the source below `root` and what the program was built from compare; undefined where nothing tells. */
  compare(func: string, root: string): Promise<SourceMatch | undefined>;
  close(): void;
}

/** An instruction that is probed, and how the kernel carries it out. */
export interface TracedSite {
  readonly instruction: string;
  readonly kind: "emulated" | "stepped";
}

/** Where a trace's probes are, for the user; a part is absent where it has none. */
export interface TracedSites {
  readonly entry?: TracedSite;
  readonly return?: TracedSite;
  readonly cost: CallCost;
}

export interface EditorTrace {
  readonly sites: TracedSites;
  /** Markdown; empty before the first call. */
  lastCalls(): Promise<string>;
  stop(): Promise<void>;
}

export interface OpenedProgram {
  readonly program: number;
  readonly buildInfo: BuildInfo;
  readonly hasDwarf: boolean;
}

export interface Looked {
  readonly views: readonly { readonly trace: number; readonly view: TraceView }[];
  readonly log: LogLines;
}

/** Editor's side → engine. `program` and `trace` are numbers that stand for what was opened or traced. */
export const ASK = {
  processes: new RequestType<NonNullable<Parameters<Engine["processes"]>[1]>, readonly ProcessInfo[], void>(
    "processes",
  ),
  open: new RequestType<ProgramFrom, OpenedProgram, void>("open"),
  functionsIn: new RequestType<{ program: number; fileName: string }, readonly GoFunction[], void>("functionsIn"),
  compare: new RequestType<{ program: number; func: string; root: string }, SourceMatch | null, void>("compare"),
  close: new NotificationType<{ program: number }>("close"),
  trace: new RequestType<{ trace: number; request: TraceRequest }, { sites: TracedSites }, void>("trace"),
  look: new RequestType<object, Looked, void>("look"),
  lastCalls: new RequestType<{ trace: number }, string, void>("lastCalls"),
  stop: new RequestType<{ trace: number }, null, void>("stop"),
  dispose: new RequestType<object, null, void>("dispose"),
};

/** Engine → editor's side. */
export const TELL = {
  notice: new NotificationType<{ trace: number; message: string }>("notice"),
  removed: new NotificationType<{ trace: number; removals: readonly Removal[] }>("removed"),
  end: new NotificationType<{ trace: number; reason: EndReason; view: TraceView; lastCalls: string }>("end"),
  askPassword: new RequestType<AskPasswordParams, string | null, void>("askPassword"),
};

/** A UserError's parts cross as data. */
export function toResponse(error: unknown): ResponseError<unknown> {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof UserError)) return new ResponseError(ErrorCodes.InternalError, message);
  const { code, what, why, remedy, exitStatus } = error;
  return new ResponseError(ErrorCodes.InternalError, message, { code, what, why, remedy, exitStatus });
}

export function fromResponse(error: unknown): unknown {
  if (!(error instanceof ResponseError) || error.data === undefined) return error;
  return new UserError(error.data as ConstructorParameters<typeof UserError>[0]);
}
