/**
 * What the language server asks of the engine. The engine runs on a thread of its own (engineThread.ts there and back,
 * engineWorker.ts inside it), so only plain data crosses: the functions of one file, never all of a program's, and
 * events that are rendered already. Reading a large program, planning and decoding then never hold up an answer to the
 * editor.
 */
import { ErrorCodes, NotificationType, RequestType, ResponseError } from "vscode-jsonrpc/node";
import type {
  EndReason,
  Engine,
  ProcessInfo,
  StatsEvent,
  TraceEvent,
  TraceListener,
  TraceRequest,
} from "../../engine/api.ts";
import type { BuildInfo, GoFunction } from "../../gobinary/api.ts";
import type { SourceMatch } from "../../gosource/functions/match.ts";
import type { AskPasswordParams } from "../../protocol/editorApi.ts";
import { UserError } from "../../protocol/errors.ts";

export interface EditorEngine {
  processes: Engine["processes"];
  /** Aborted: reading ends soon, unless somebody else waits for the same program. */
  open(from: ProgramFrom, signal: AbortSignal): Promise<EditorProgram>;
  /** Resolves when every probe is attached; aborted before that, it rejects and nothing is attached. */
  trace(request: TraceRequest, listener: EditorListener, signal: AbortSignal): Promise<EditorTrace>;
  dispose(): Promise<void>;
}

export type ProgramFrom = { readonly pid: number } | { readonly file: string };
export type EditorListener = Pick<TraceListener, "onEvents" | "onNotice" | "onEnd">;

export interface EditorProgram {
  readonly buildInfo: BuildInfo;
  readonly hasDwarf: boolean;
  /** Functions that come from source files with this name, whatever their folder. */
  functionsIn(fileName: string): Promise<readonly GoFunction[]>;
  /** How the source below `root` and what the program was built from compare; undefined where nothing tells. */
  compare(func: string, root: string): Promise<SourceMatch | undefined>;
  close(): void;
}

export interface EditorTrace {
  /** The instruction at which calls are seen, for the user. */
  readonly site: string | undefined;
  stats(): Promise<readonly StatsEvent[]>;
  stop(): Promise<void>;
}

export interface OpenedProgram {
  readonly program: number;
  readonly buildInfo: BuildInfo;
  readonly hasDwarf: boolean;
}

/** Editor's side → engine. `program` and `trace` are numbers that stand for what was opened or traced. */
export const ASK = {
  processes: new RequestType<NonNullable<Parameters<Engine["processes"]>[0]>, readonly ProcessInfo[], void>(
    "processes",
  ),
  open: new RequestType<ProgramFrom, OpenedProgram, void>("open"),
  functionsIn: new RequestType<{ program: number; fileName: string }, readonly GoFunction[], void>("functionsIn"),
  compare: new RequestType<{ program: number; func: string; root: string }, SourceMatch | null, void>("compare"),
  close: new NotificationType<{ program: number }>("close"),
  trace: new RequestType<{ trace: number; request: TraceRequest }, { site: string | undefined }, void>("trace"),
  stats: new RequestType<{ trace: number }, readonly StatsEvent[], void>("stats"),
  stop: new RequestType<{ trace: number }, null, void>("stop"),
  dispose: new RequestType<object, null, void>("dispose"),
};

/** Engine → editor's side. */
export const TELL = {
  /** A request, because its answer is what lets the next batch come. */
  events: new RequestType<{ trace: number; events: readonly TraceEvent[] }, null, void>("events"),
  notice: new NotificationType<{ trace: number; message: string }>("notice"),
  end: new NotificationType<{ trace: number; reason: EndReason; stats: readonly StatsEvent[] }>("end"),
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
