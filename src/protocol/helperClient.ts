/** The unprivileged side of the helper's stream: typed requests, record batches, and the end of it. */
import type { Readable, Writable } from "node:stream";
import * as v from "valibot";
import { ErrorCodes, ResponseError } from "vscode-jsonrpc/node";
import type { CaptureTableName, CaptureTables } from "./captureTypes.ts";
import { connectFrames } from "./connection.ts";
import { UserError } from "./errors.ts";
import { decodeRecordsFrame } from "./frames.ts";
import {
  ALIVE_INTERVAL_MS,
  type AttachParams,
  type AttachResult,
  type CaptureTableParts,
  type CountersParams,
  type CountersResult,
  type DescribeProcessParams,
  type DescribeProcessResult,
  type DetachParams,
  type DetachResult,
  type ExtendParams,
  HELPER_METHODS,
  type InitializeResult,
  type ListProcessesResult,
  MAX_TABLE_PART_BYTES,
  PROTOCOL_VERSION,
  type ReadCodeParams,
  type ReadCodeResult,
  type ReadFileParams,
  type ReadFileResult,
  type RemovedParams,
  TAKEN_STEP_BYTES,
  type TargetEndedParams,
} from "./helperApi.ts";
import { errorDataSchema, removedSchema, targetEndedSchema } from "./helperSchema.ts";

export interface HelperHandlers {
  /** A batch for `decodeRecords`; its bytes are valid during the call. To be answered by `taken`. */
  onRecords(batch: Uint8Array, session: number): void;
  onTargetEnded(params: TargetEndedParams): void;
  onRemoved?(params: RemovedParams): void;
  /** Once: the helper closed the stream (no error), or it broke or carried something that is not our protocol. */
  onClose(error?: Error): void;
}

/** Requests reject with a UserError, whatever went wrong. */
export interface HelperClient {
  initialize(): Promise<InitializeResult>;
  /** `tables`: the session's capture types, of any size. */
  attach(params: AttachParams, tables?: CaptureTables): Promise<AttachResult>;
  detach(params: DetachParams): Promise<DetachResult>;
  extend(params: ExtendParams): Promise<void>;
  counters(params: CountersParams): Promise<CountersResult>;
  /** Of a session's records; told in steps. */
  taken(session: number, bytes: number): void;
  readFile(params: ReadFileParams): Promise<ReadFileResult>;
  describeProcess(params: DescribeProcessParams): Promise<DescribeProcessResult>;
  listProcesses(): Promise<ListProcessesResult>;
  readCode(params: ReadCodeParams): Promise<ReadCodeResult>;
  /** Closes the stream: the helper detaches everything and exits. */
  dispose(): void;
}

/** `input`: what the helper writes (its stdout); `output`: what it reads (its stdin). */
export function connectHelper(input: Readable, output: Writable, handlers: HelperHandlers): HelperClient {
  let closed: Error | "ended" | undefined;
  let onClosed: (() => void) | undefined;
  const whenClosed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  // As long as this process' event loop turns, whatever its own output or the traced program do.
  const alive = setInterval(() => {
    // A helper that is stopped reads nothing: signs of life are not kept for it.
    if (!output.writableNeedDrain) void rpc.sendNotification(HELPER_METHODS.alive).catch(() => {});
  }, ALIVE_INTERVAL_MS).unref();
  const { rpc } = connectFrames(
    input,
    output,
    (payload) => {
      const { session, batch } = decodeRecordsFrame(payload);
      handlers.onRecords(batch, session);
    },
    (error) => {
      clearInterval(alive);
      closed = error ?? "ended";
      onClosed?.();
      handlers.onClose(error);
    },
  );
  // Without a listener an EPIPE from a helper that died would end this process; the end of `input` reports the death.
  output.on("error", () => {});
  rpc.onNotification(HELPER_METHODS.targetEnded, (params: unknown) => {
    const checked = v.safeParse(targetEndedSchema, params);
    if (checked.success) handlers.onTargetEnded(checked.output);
  });
  rpc.onNotification(HELPER_METHODS.removed, (params: unknown) => {
    const checked = v.safeParse(removedSchema, params);
    if (checked.success) handlers.onRemoved?.(checked.output);
  });
  rpc.onError(() => {});
  rpc.listen();

  const request = async <R>(method: string, params: object): Promise<R> => {
    const gone = (): UserError => helperGone(method, closed instanceof Error ? closed.message : undefined);
    if (closed !== undefined) throw gone();
    const answer = rpc.sendRequest<R>(method, params).catch((error: unknown) => {
      // A helper that died is told by either pipe first: here writing failed, and its output ends a moment later.
      throw closed === undefined && output.errored === null ? toUserError(method, error) : gone();
    });
    const end = whenClosed.then((): never => {
      throw gone();
    });
    return await Promise.race([answer, end]);
  };

  const untold = new Map<number, number>();
  return {
    initialize: () => request(HELPER_METHODS.initialize, { protocolVersion: PROTOCOL_VERSION }),
    attach: async (params, tables) => {
      if (tables === undefined) return await request(HELPER_METHODS.attach, params);
      const parts = tableParts(tables);
      const last = parts.pop() ?? {};
      for (const part of parts) await request(HELPER_METHODS.captureTables, { session: params.session, tables: part });
      return await request(HELPER_METHODS.attach, { ...params, tables: last });
    },
    detach: async (params) => {
      const result = await request<DetachResult>(HELPER_METHODS.detach, params);
      untold.delete(params.session);
      return result;
    },
    taken: (session, taken) => {
      const bytes = (untold.get(session) ?? 0) + taken;
      untold.set(session, bytes < TAKEN_STEP_BYTES ? bytes : 0);
      if (bytes >= TAKEN_STEP_BYTES && closed === undefined)
        void rpc.sendNotification(HELPER_METHODS.taken, { session, bytes }).catch(() => {});
    },
    extend: async (params) => void (await request<object>(HELPER_METHODS.extend, params)),
    counters: (params) => request(HELPER_METHODS.counters, params),
    readFile: (params) => request(HELPER_METHODS.readFile, params),
    describeProcess: (params) => request(HELPER_METHODS.describeProcess, params),
    listProcesses: () => request(HELPER_METHODS.listProcesses, {}),
    readCode: (params) => request(HELPER_METHODS.readCode, params),
    dispose: () => {
      clearInterval(alive);
      // Records may still arrive, and be taken.
      closed ??= "ended";
      rpc.dispose();
      output.end();
    },
  };
}

/** Messages of a size that the helper takes, each with a part of some tables. */
function tableParts(tables: CaptureTables): CaptureTableParts[] {
  const parts: CaptureTableParts[] = [];
  let part: CaptureTableParts = {};
  let room = MAX_TABLE_PART_BYTES;
  for (const [name, bytes] of Object.entries(tables) as [CaptureTableName, Uint8Array][]) {
    for (let from = 0; from < bytes.length; ) {
      const taken = bytes.subarray(from, from + room);
      part[name] = Buffer.from(taken.buffer, taken.byteOffset, taken.byteLength).toString("base64");
      from += taken.length;
      room -= taken.length;
      if (room > 0) continue;
      parts.push(part);
      part = {};
      room = MAX_TABLE_PART_BYTES;
    }
  }
  return [...parts, part];
}

function helperGone(method: string, why: string | undefined): UserError {
  return new UserError({
    code: "helper-died",
    what: `asking the privileged helper (${method})`,
    why: why ?? "it has ended",
    remedy: "Every probe is gone with it; start the trace again",
  });
}

function toUserError(method: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  if (error instanceof ResponseError) {
    const data = v.safeParse(errorDataSchema, error.data);
    if (data.success) {
      const { exitStatus, ...parts } = data.output;
      return new UserError(exitStatus === undefined ? parts : { ...parts, exitStatus });
    }
    if (error.code === ErrorCodes.MethodNotFound)
      return new UserError({
        code: "protocol-mismatch",
        what: `asking the privileged helper (${method})`,
        why: "it does not know this request, so it comes from another version of Probelens",
        remedy: "Install helper and extension from the same package",
      });
  }
  return new UserError({
    code: "helper-failed",
    what: `asking the privileged helper (${method})`,
    why: error instanceof Error ? error.message : String(error),
    remedy: "This is a defect of Probelens; please report it",
  });
}
