/** Capture plans to map bytes, and record bytes to raw events: the TypeScript side of bpf/probelens.h. */
import {
  CAPTURE_REGISTERS,
  type CapturePlan,
  type Chunk,
  MAX_FOLLOW_BYTES,
  MAX_FOLLOW_SLOTS,
  MAX_ROOT_PIECES,
  MAX_STACK_PIECE,
  type ProbeCounters,
  type RawEvent,
  rootLayout,
} from "./capture.ts";
import type { ProbeSpec } from "./helperApi.ts";
import {
  CHUNK,
  CHUNK_STATUS,
  COUNTERS,
  PLAN,
  PLAN_FLAGS,
  RECORD,
  RECORD_KIND,
  RING_HEADER,
  SIZE_CLASSES,
  type SizeClass,
  SLOT,
  SLOT_NO_LENGTH,
  STACK_PIECE,
  sizeClassSplit,
} from "./layout.ts";

/** A plan that the kernel program could not carry out: `message` says which bound it breaks. */
export class PlanError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PlanError";
  }
}

/** How far a token bucket may run ahead: a rate of N/s lets at most N/10 (at least one) events pass at once. */
const BURST_NS = 100_000_000;

/** One probe as struct pl_plan. Throws a PlanError where the plan breaks a bound. */
export function encodePlan(probe: ProbeSpec): Uint8Array {
  const { offsets, size: rootSize } = checkPlan(probe.plan);
  const bytes = new Uint8Array(PLAN.size);
  const view = new DataView(bytes.buffer);
  let flags = 0;
  if (probe.skipIfBelowOrEqual) flags |= PLAN_FLAGS.skipIfBelowOrEqual;
  if (probe.pairReturns) flags |= PLAN_FLAGS.pairReturns;
  view.setUint32(PLAN.probe, probe.id, true);
  view.setUint32(PLAN.entry, probe.role === "return" ? (probe.entryId ?? probe.id) : probe.id, true);
  view.setUint32(PLAN.flags, flags, true);
  view.setInt32(PLAN.cfaOffset, probe.cfaOffset, true);
  view.setUint16(PLAN.slots, probe.plan.slots.length, true);
  view.setUint32(PLAN.rootSize, rootSize, true);
  if (probe.rate !== undefined) {
    const intervalNs = Math.max(1, Math.round(1e9 / probe.rate));
    view.setBigUint64(PLAN.intervalNs, BigInt(intervalNs), true);
    // The bucket is full when the next event's time lies more than this ahead.
    view.setBigUint64(PLAN.burstNs, BigInt(Math.max(0, BURST_NS - intervalNs)), true);
  }
  let stackPieces = 0;
  probe.plan.pieces.forEach((piece, index) => {
    const inRecord = RECORD.size + (offsets[index] ?? 0);
    if (piece.kind === "register") {
      view.setUint16(PLAN.registerAt + 2 * CAPTURE_REGISTERS.indexOf(piece.register), inRecord, true);
      return;
    }
    const at = PLAN.stackPiece + stackPieces++ * STACK_PIECE.size;
    view.setInt32(at + STACK_PIECE.offset, piece.offset, true);
    view.setUint32(at + STACK_PIECE.at, inRecord, true);
    view.setUint16(at + STACK_PIECE.bytes, piece.size, true);
    view.setUint16(at + STACK_PIECE.index, index, true);
  });
  view.setUint16(PLAN.stackPieces, stackPieces, true);
  probe.plan.slots.forEach((slot, index) => {
    const at = PLAN.slot + index * SLOT.size;
    view.setUint16(at + SLOT.pointer, slot.pointer, true);
    view.setUint16(at + SLOT.length, slot.length ?? SLOT_NO_LENGTH, true);
    view.setUint32(at + SLOT.elemSize, slot.elemSize, true);
    view.setUint32(at + SLOT.maxBytes, slot.maxBytes, true);
  });
  return bytes;
}

/** The smallest record that holds every event of a plan. Throws a PlanError where none does. */
export function sizeClass(plan: CapturePlan): SizeClass {
  checkPlan(plan);
  for (const size of SIZE_CLASSES) if (fits(plan, size)) return size;
  throw new PlanError(`its events may take more than the ${SIZE_CLASSES.at(-1)} bytes of the largest record`);
}

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

/** Sums the per-CPU copies of one probe's counters: `bytes` is `cpus` × struct pl_counters. */
export function decodeCounters(probe: number, bytes: Uint8Array): ProbeCounters {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sum = (field: number): number => {
    let total = 0;
    for (let at = 0; at + COUNTERS.size <= bytes.length; at += COUNTERS.size)
      total += Number(view.getBigUint64(at + field, true));
    return total;
  };
  const emitted = sum(COUNTERS.emitted);
  const filtered = sum(COUNTERS.filtered);
  const throttled = sum(COUNTERS.throttled);
  const dropped = sum(COUNTERS.dropped);
  const hits = emitted + filtered + throttled + dropped;
  return { probe, hits, emitted, filtered, throttled, dropped, unpaired: sum(COUNTERS.unpaired) };
}

function decodeRecord(batch: Uint8Array, view: DataView, start: number, end: number): RawEvent {
  if (end - start < RECORD.size) throw damaged(start, `a record of ${end - start} bytes`);
  const used = view.getUint32(start + RECORD.used, true);
  const rootSize = view.getUint16(start + RECORD.rootSize, true);
  const kind = view.getUint8(start + RECORD.kind);
  const rootEnd = start + RECORD.size + rootSize;
  if (used > end - start || rootEnd > start + used) throw damaged(start, "a record longer than its reservation");
  if (kind !== RECORD_KIND.call && kind !== RECORD_KIND.return) throw damaged(start, `record kind ${kind}`);
  const usedEnd = start + used;
  const chunks: Chunk[] = [];
  let at = rootEnd;
  for (let count = view.getUint8(start + RECORD.chunks); count > 0; count--) {
    if (usedEnd - at < CHUNK.size) throw damaged(at, "a chunk header is cut");
    const length = view.getUint32(at + CHUNK.length, true);
    const from = at + CHUNK.size;
    if (from + length > usedEnd) throw damaged(at, `a chunk of ${length} bytes is cut`);
    chunks.push({
      slot: view.getUint16(at + CHUNK.slot, true),
      address: view.getBigUint64(at + CHUNK.address, true),
      status: view.getUint16(at + CHUNK.status, true) === CHUNK_STATUS.ok ? "ok" : "fault",
      bytes: batch.subarray(from, from + length),
    });
    at = from + ((length + 7) & ~7);
  }
  return {
    kind: kind === RECORD_KIND.call ? "call" : "return",
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
  };
}

function checkPlan(plan: CapturePlan): { offsets: number[]; size: number } {
  const { offsets, size } = rootLayout(plan);
  if (plan.pieces.length > MAX_ROOT_PIECES)
    throw new PlanError(`it has ${plan.pieces.length} root pieces, the limit is ${MAX_ROOT_PIECES}`);
  if (plan.slots.length > MAX_FOLLOW_SLOTS)
    throw new PlanError(`it has ${plan.slots.length} follow slots, the limit is ${MAX_FOLLOW_SLOTS}`);
  const registers = new Set<string>();
  plan.pieces.forEach((piece, index) => {
    if (piece.kind === "register") {
      if (!CAPTURE_REGISTERS.includes(piece.register))
        throw new PlanError(`root piece ${index} names the register ${piece.register}`);
      if (registers.has(piece.register)) throw new PlanError(`it copies the register ${piece.register} twice`);
      registers.add(piece.register);
    }
    if (piece.kind === "stack" && !(piece.size >= 1 && piece.size <= MAX_STACK_PIECE))
      throw new PlanError(`root piece ${index} takes ${piece.size} bytes, a stack piece takes 1 to ${MAX_STACK_PIECE}`);
  });
  plan.slots.forEach((slot, index) => {
    for (const word of [slot.pointer, slot.length ?? 0])
      if (!(word >= 0 && word + 8 <= size))
        throw new PlanError(`slot ${index} names byte ${word} of a root area of ${size} bytes`);
    if (!(slot.maxBytes >= 0 && slot.maxBytes <= MAX_FOLLOW_BYTES))
      throw new PlanError(`slot ${index} copies ${slot.maxBytes} bytes, the limit is ${MAX_FOLLOW_BYTES}`);
  });
  return { offsets, size };
}

/** Mirrors the bound checks of copy_roots and copy_chunks, for the longest event. */
function fits(plan: CapturePlan, size: SizeClass): boolean {
  const split = sizeClassSplit(size);
  const { offsets, size: rootSize } = rootLayout(plan);
  const roots = plan.pieces.every((piece, index) => {
    const at = RECORD.size + (offsets[index] ?? 0);
    return piece.kind === "register" ? at <= size - 8 : at <= split.start && piece.size <= split.length;
  });
  if (!roots || RECORD.size + rootSize > size) return false;
  let at = RECORD.size + rootSize;
  for (const slot of plan.slots) {
    const longest = Math.min(slot.maxBytes, slot.length === undefined ? slot.elemSize : slot.maxBytes);
    if (at > split.start || longest > split.length) return false;
    at += CHUNK.size + ((longest + 7) & ~7);
  }
  return true;
}

function damaged(at: number, what: string): RangeError {
  return new RangeError(`damaged record batch at byte ${at}: ${what}`);
}
