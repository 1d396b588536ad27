/**
 * Records: what the kernel program sends on a hit. The values, and their bytes as bpf/probelens.h has them
 * (test/unit/protocol/layouts.test.ts compares the two sides). Little-endian; offsets and sizes in bytes.
 */

/** A run of bytes that was copied from one address. */
export interface Chunk {
  /** Address in the target. */
  readonly address: bigint;
  /** Capture type in the session's tables: a hint, values are read by address. */
  readonly type: number;
  /** `fault`: what is missing could not be read without disturbing the target (not resident or not mapped). */
  readonly status: "ok" | "fault";
  /** Bytes of the whole value (at most 2^32 - 1), before any limit. */
  readonly wanted: number;
  /** The first bytes of it: fewer than `wanted` after a fault, and where a limit cut it. */
  readonly bytes: Uint8Array;
}

/** Which budget ended the following of pointers before everything was copied. */
export type FullBudget = "bytes" | "chunks" | "steps";

export interface RawEvent {
  /**
   * `unwound`: the call ended without a return; `probe` is the call's, and nothing is captured. `floats`: what the event
   * of the same call and probe still lacks; `root`: the low 8 bytes of each of FLOAT_REGISTERS, empty where they could
   * not be read.
   */
  readonly kind: "call" | "return" | "unwound" | "floats";
  /** Call only: there was no room to remember it, so its end will not be told. */
  readonly refused?: true;
  /** The probe's id, as given in the attach request (entry and return probes of a function have different ids). */
  readonly probe: number;
  /** Unique in one session, below 2^53; what ends a call carries the call's. */
  readonly callId: bigint;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly timeNs: bigint;
  /** Return and unwound only: nanoseconds since the call. */
  readonly durationNs: bigint;
  readonly pid: number;
  readonly tid: number;
  /** 0 where the goroutine could not be found. */
  readonly goid: bigint;
  /** `stack.hi − CFA`, bytes: grows with depth, survives stack moves. 0 where the goroutine could not be found. */
  readonly depth: bigint;
  /** Return address of the traced call; 0 where it could not be read. */
  readonly returnAddress: bigint;
  /** Bit i set: piece i of the plan could not be read. */
  readonly failedPieces: number;
  /** The root area, `rootLayout(plan).size` bytes. Valid only during the callback unless copied. */
  readonly root: Uint8Array;
  /** In the order in which pointers were followed: breadth first. */
  readonly chunks: readonly Chunk[];
  readonly full?: FullBudget;
  /** Of an event whose plan has float registers: they follow in a record of their own, or why they do not. */
  readonly floats?: FloatsToCome;
  /** Memory that was not resident was waited for: what could not be read is not mapped. */
  readonly waited?: true;
  /** Why they are not there, a clause: said by whoever waited for them. */
  readonly floatsMissing?: string;
}

export type FloatsToCome = "follow" | "no goroutine" | "no room";

/** struct pl_record */
export const RECORD = {
  size: 80,
  used: 0,
  probe: 4,
  callId: 8,
  timeNs: 16,
  durationNs: 24,
  pid: 32,
  tid: 36,
  goid: 40,
  depth: 48,
  returnAddress: 56,
  failedPieces: 64,
  rootSize: 68,
  chunks: 70,
  kind: 72,
  full: 73,
  floats: 74,
  waited: 75,
} as const;
export const RECORD_KIND = { call: 1, return: 2, unwound: 3, refusedCall: 4, floats: 5 } as const;
const KINDS: ReadonlyMap<number, RawEvent["kind"]> = new Map([
  [RECORD_KIND.call, "call"],
  [RECORD_KIND.refusedCall, "call"],
  [RECORD_KIND.return, "return"],
  [RECORD_KIND.unwound, "unwound"],
  [RECORD_KIND.floats, "floats"],
]);
const FLOATS: readonly (FloatsToCome | undefined)[] = [undefined, "follow", "no goroutine", "no room"];
const FULL: readonly (FullBudget | undefined)[] = [undefined, "bytes", "chunks", "steps"];

/** struct pl_chunk */
export const CHUNK = { size: 24, address: 0, type: 8, length: 12, wanted: 16, status: 20, depth: 21 } as const;
export const CHUNK_STATUS = { ok: 0, fault: 1 } as const;
/** PL_MAX_CHUNKS: chunks of one event. */
export const MAX_CHUNKS = 512;

/** The kernel's own header before each record: include/uapi/linux/bpf.h, BPF_RINGBUF_HDR_SZ and the flag bits. */
export const RING_HEADER = {
  size: 8,
  length: 0,
  busy: 0x80000000,
  discard: 0x40000000,
  lengthMask: 0x3fffffff,
} as const;

/**
 * Decodes a batch of records in the kernel's order. Root and chunk bytes are views of `batch`, valid as long as it is.
 * Throws a RangeError on bytes that are not a batch (nothing after the damage can be found again).
 */
export function decodeRecords(batch: Uint8Array, onEvent: (event: RawEvent) => void): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  let at = 0;
  while (at < batch.length) {
    if (batch.length - at < RING_HEADER.size) throw damaged(at, "a record header is cut");
    const word = view.getUint32(at, true);
    const length = word & RING_HEADER.lengthMask;
    const start = at + RING_HEADER.size;
    const end = start + length;
    if (end > batch.length) throw damaged(at, `a record of ${length} bytes is cut`);
    // `& busy` is negative in JavaScript's 32-bit arithmetic, hence the comparison with 0.
    if ((word & RING_HEADER.busy) !== 0) throw damaged(at, "an unfinished record");
    if ((word & RING_HEADER.discard) === 0) onEvent(decodeRecord(batch, view, start, end));
    at = start + ((length + 7) & ~7);
  }
}

function decodeRecord(batch: Uint8Array, view: DataView, start: number, end: number): RawEvent {
  if (end - start < RECORD.size) throw damaged(start, `a record of ${end - start} bytes`);
  const used = view.getUint32(start + RECORD.used, true);
  const rootSize = view.getUint16(start + RECORD.rootSize, true);
  const kind = view.getUint8(start + RECORD.kind);
  const rootEnd = start + RECORD.size + rootSize;
  if (used > end - start || rootEnd > start + used) throw damaged(start, "a record longer than its reservation");
  const what = KINDS.get(kind);
  if (what === undefined) throw damaged(start, `record kind ${kind}`);
  const usedEnd = start + used;
  const chunks: Chunk[] = [];
  let at = rootEnd;
  for (let count = view.getUint16(start + RECORD.chunks, true); count > 0; count--) {
    if (usedEnd - at < CHUNK.size) throw damaged(at, "a chunk header is cut");
    const length = view.getUint32(at + CHUNK.length, true);
    const from = at + CHUNK.size;
    if (from + length > usedEnd) throw damaged(at, `a chunk of ${length} bytes is cut`);
    chunks.push({
      address: view.getBigUint64(at + CHUNK.address, true),
      type: view.getUint32(at + CHUNK.type, true),
      status: view.getUint8(at + CHUNK.status) === CHUNK_STATUS.ok ? "ok" : "fault",
      wanted: view.getUint32(at + CHUNK.wanted, true),
      bytes: batch.subarray(from, from + length),
    });
    at = from + ((length + 7) & ~7);
  }
  const full = FULL[view.getUint8(start + RECORD.full)];
  const floats = FLOATS[view.getUint8(start + RECORD.floats)];
  return {
    kind: what,
    ...(kind === RECORD_KIND.refusedCall ? { refused: true } : {}),
    probe: view.getUint32(start + RECORD.probe, true),
    callId: view.getBigUint64(start + RECORD.callId, true),
    timeNs: view.getBigUint64(start + RECORD.timeNs, true),
    durationNs: view.getBigUint64(start + RECORD.durationNs, true),
    pid: view.getUint32(start + RECORD.pid, true),
    tid: view.getUint32(start + RECORD.tid, true),
    goid: view.getBigUint64(start + RECORD.goid, true),
    depth: view.getBigUint64(start + RECORD.depth, true),
    returnAddress: view.getBigUint64(start + RECORD.returnAddress, true),
    failedPieces: view.getUint32(start + RECORD.failedPieces, true),
    root: batch.subarray(start + RECORD.size, rootEnd),
    chunks,
    ...(full === undefined ? {} : { full }),
    ...(floats === undefined ? {} : { floats }),
    ...(view.getUint8(start + RECORD.waited) === 0 ? {} : { waited: true }),
  };
}

function damaged(at: number, what: string): RangeError {
  return new RangeError(`damaged record batch at byte ${at}: ${what}`);
}
