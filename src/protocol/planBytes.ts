/**
 * A probe and its capture plan as bytes, as bpf/probelens.h has them (test/unit/protocol/layouts.test.ts compares the two
 * sides), and the kernel program that carries the plan out. Little-endian; offsets and sizes in bytes.
 */
import {
  CAPTURE_REGISTERS,
  type CapturePlan,
  FLOAT_REGISTERS,
  MAX_CAPTURE_DEPTH,
  MAX_EVENT_BYTES,
  MAX_FLAT_SLOTS,
  MAX_ROOT_PIECES,
  MAX_STACK_PIECE,
  rootLayout,
} from "./capture.ts";
import { type CaptureTables, LENGTH_KIND, readCaptureType, SLOT, VIA, WHEN_KIND } from "./captureTypes.ts";
import type { ProbeSpec } from "./helperApi.ts";
import { CHUNK, RECORD } from "./records.ts";

/** struct pl_stack_piece */
export const STACK_PIECE = { size: 12, offset: 0, at: 4, bytes: 8, index: 10 } as const;

/** PL_REGISTERS: what is behind the last of CAPTURE_REGISTERS stays 0. */
export const REGISTER_ROOM = 20;
const REGISTER_AT = 112;
const STACK_PIECES_AT = REGISTER_AT + REGISTER_ROOM * 2;

/** struct pl_plan */
export const PLAN = {
  probe: 0,
  entry: 4,
  flags: 8,
  cfaOffset: 12,
  stackPieces: 16,
  slots: 18,
  rootSize: 20,
  intervalNs: 24,
  nextNs: 32,
  tick: 40,
  tickNs: 48,
  site: 56,
  rootType: 64,
  firstSlot: 68,
  maxBytes: 72,
  maxDepth: 76,
  resumeIp: 80,
  resumeSp: 88,
  floatPieces: 92,
  floatRegisters: 96,
  condition: 100,
  earlySlots: 104,
  dictionaryAt: 108,
  dictionaryTable: 110,
  registerAt: REGISTER_AT,
  stackPiece: STACK_PIECES_AT,
  size: STACK_PIECES_AT + MAX_ROOT_PIECES * STACK_PIECE.size,
} as const;
export const PLAN_FLAGS = { skipIfBelowOrEqual: 1, pairReturns: 2, asksGoroutine: 4 } as const;

/** Bytes reserved per record of a flat plan: PL_CLASSES, one program each. */
export const SIZE_CLASSES = [160, 256, 528, 1056, 2112] as const;
export type SizeClass = (typeof SIZE_CLASSES)[number];

/** A plan that the kernel program could not carry out: `message` says which bound it breaks. */
export class PlanError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PlanError";
  }
}

/**
 * One probe as struct pl_plan. `condition`: place of its condition in the session's map. Throws a PlanError where the
 * plan breaks a bound.
 */
export function encodePlan(probe: ProbeSpec, tables: CaptureTables, condition = 0): Uint8Array {
  const { plan } = probe;
  const { offsets, size: rootSize } = checkPlan(plan);
  const root = rootOf(plan, tables);
  const bytes = new Uint8Array(PLAN.size);
  const view = new DataView(bytes.buffer);
  let flags = 0;
  if (probe.skipIfBelowOrEqual) flags |= PLAN_FLAGS.skipIfBelowOrEqual;
  if (probe.pairReturns) flags |= PLAN_FLAGS.pairReturns;
  if (probe.condition?.instructions.some(({ op }) => op === "goid" || op === "g") === true)
    flags |= PLAN_FLAGS.asksGoroutine;
  view.setUint32(PLAN.condition, condition, true);
  view.setUint32(PLAN.probe, probe.id, true);
  view.setUint32(PLAN.entry, probe.role === "return" ? (probe.entryId ?? probe.id) : probe.id, true);
  view.setUint32(PLAN.flags, flags, true);
  view.setInt32(PLAN.cfaOffset, probe.cfaOffset, true);
  view.setUint16(PLAN.slots, root.slots, true);
  view.setUint32(PLAN.rootSize, rootSize, true);
  view.setBigUint64(PLAN.site, BigInt(probe.address ?? 0), true);
  view.setUint32(PLAN.rootType, plan.rootType ?? 0, true);
  view.setUint32(PLAN.firstSlot, root.firstSlot, true);
  view.setUint32(PLAN.maxBytes, Math.min(plan.maxBytes ?? MAX_EVENT_BYTES, MAX_EVENT_BYTES), true);
  view.setUint32(PLAN.earlySlots, plan.earlySlots ?? 0, true);
  view.setUint32(PLAN.maxDepth, plan.maxDepth ?? MAX_CAPTURE_DEPTH, true);
  if (plan.dictionary !== undefined) {
    view.setUint16(PLAN.dictionaryAt, RECORD.size + plan.dictionary.at, true);
    view.setUint16(PLAN.dictionaryTable, plan.dictionary.table, true);
  }
  if (probe.rate !== undefined) {
    view.setBigUint64(PLAN.intervalNs, BigInt(Math.max(1, Math.round(1e9 / probe.rate))), true);
  }
  const { resume } = probe;
  if (resume !== undefined) {
    const [first = 0, second = first] = resume.ip;
    view.setInt32(PLAN.resumeIp, first, true);
    view.setInt32(PLAN.resumeIp + 4, second, true);
    view.setInt32(PLAN.resumeSp, resume.sp, true);
  }
  let floatPieces = 0;
  let floatRegisters = 0;
  let stackPieces = 0;
  plan.pieces.forEach((piece, index) => {
    const inRecord = RECORD.size + (offsets[index] ?? 0);
    if (piece.kind === "register") {
      view.setUint16(PLAN.registerAt + 2 * CAPTURE_REGISTERS.indexOf(piece.register), inRecord, true);
      return;
    }
    if (piece.kind === "float") {
      if (resume === undefined)
        throw new PlanError(`root piece ${index} is a float register, and nothing says where the thread goes on`);
      floatPieces |= 1 << index;
      floatRegisters |= 1 << FLOAT_REGISTERS.indexOf(piece.register);
      return;
    }
    if (piece.kind === "dictionary") return;
    const at = PLAN.stackPiece + stackPieces++ * STACK_PIECE.size;
    view.setInt32(at + STACK_PIECE.offset, piece.offset, true);
    view.setUint32(at + STACK_PIECE.at, inRecord, true);
    view.setUint16(at + STACK_PIECE.bytes, piece.size, true);
    view.setUint16(at + STACK_PIECE.index, index, true);
  });
  view.setUint16(PLAN.stackPieces, stackPieces, true);
  view.setUint32(PLAN.floatPieces, floatPieces >>> 0, true);
  view.setUint32(PLAN.floatRegisters, floatRegisters, true);
  return bytes;
}

/**
 * Which program carries out a plan: the smallest record that holds every event of a flat plan, else `deep`. Flat are
 * plans whose slots lead to types without slots and masks: strings, pointers to numbers; not those of generic functions.
 */
export function programClass(plan: CapturePlan, tables: CaptureTables): SizeClass | "deep" {
  checkPlan(plan);
  if (plan.dictionary !== undefined) return "deep";
  return SIZE_CLASSES.find((size) => fits(plan, tables, size)) ?? "deep";
}

/** Whether a hit's program measures what it captures (`spent_ns`), because nobody knows before how much that is. */
export function measuresCapture({ plan, condition }: ProbeSpec, tables: CaptureTables, faultIn: boolean): boolean {
  return faultIn || condition !== undefined || programClass(plan, tables) === "deep";
}

/** How often the program of a flat plan reads the target's memory for what it copies, at the most; 0 for a deep one. */
export function flatReads(plan: CapturePlan, tables: CaptureTables): number {
  if (programClass(plan, tables) === "deep") return 0;
  return plan.pieces.filter(({ kind }) => kind === "stack").length + rootOf(plan, tables).slots;
}

function rootOf(plan: CapturePlan, tables: CaptureTables): { firstSlot: number; slots: number; masks: number } {
  if (plan.rootType === undefined) return { firstSlot: 0, slots: 0, masks: 0 };
  const root = readCaptureType(tables, plan.rootType);
  if (root === undefined) throw new PlanError(`it names capture type ${plan.rootType}, which is not in the tables`);
  return root;
}

function checkPlan(plan: CapturePlan): { offsets: number[]; size: number } {
  const { offsets, size } = rootLayout(plan);
  if (plan.pieces.length > MAX_ROOT_PIECES)
    throw new PlanError(`it has ${plan.pieces.length} root pieces, the limit is ${MAX_ROOT_PIECES}`);
  const registers = new Set<string>();
  plan.pieces.forEach((piece, index) => {
    if (piece.kind === "register") {
      if (!CAPTURE_REGISTERS.includes(piece.register))
        throw new PlanError(`root piece ${index} names the register ${piece.register}`);
    }
    if (piece.kind === "float" && !FLOAT_REGISTERS.includes(piece.register))
      throw new PlanError(`root piece ${index} names the float register ${piece.register}`);
    if (piece.kind === "register" || piece.kind === "float") {
      if (registers.has(piece.register)) throw new PlanError(`it copies the register ${piece.register} twice`);
      registers.add(piece.register);
    }
    if (piece.kind === "stack" && !(piece.size >= 1 && piece.size <= MAX_STACK_PIECE))
      throw new PlanError(`root piece ${index} takes ${piece.size} bytes, a stack piece takes 1 to ${MAX_STACK_PIECE}`);
  });
  const at = plan.dictionary?.at;
  if (at !== undefined && (at % 8 !== 0 || at + 8 > size))
    throw new PlanError(`its dictionary's address stands at ${at} of a root area of ${size} bytes`);
  if (RECORD.size + size > MAX_EVENT_BYTES)
    throw new PlanError(`its root area takes ${size} bytes, an event ${MAX_EVENT_BYTES}`);
  return { offsets, size };
}

/** SPLIT_LENGTH and SPLIT_START of bpf/capture.h: where a stack piece or chunk may start, how long it may be. */
function sizeClassSplit(size: SizeClass): { readonly start: number; readonly length: number } {
  const length = size === 160 ? 32 : size / 2;
  return { start: size - CHUNK.size - length, length };
}

/** Mirrors the bound checks of copy_registers, copy_stack and copy_flat_chunks, for the longest event. */
function fits(plan: CapturePlan, tables: CaptureTables, size: SizeClass): boolean {
  const split = sizeClassSplit(size);
  const { offsets, size: rootSize } = rootLayout(plan);
  const pieces = plan.pieces.every((piece, index) => {
    const at = RECORD.size + (offsets[index] ?? 0);
    if (piece.kind === "stack") return at <= split.start && piece.size <= split.length;
    return !(piece.kind === "register" && piece.register === "LABELS") && at <= size - 8;
  });
  if (!pieces || RECORD.size + rootSize > size) return false;
  const root = rootOf(plan, tables);
  if (root.masks > 0 || root.slots > MAX_FLAT_SLOTS || plan.earlySlots !== undefined) return false;
  const view = new DataView(tables.slots.buffer, tables.slots.byteOffset, tables.slots.byteLength);
  let at = RECORD.size + rootSize;
  for (let index = 0; index < root.slots; index++) {
    const slot = (root.firstSlot + index) * SLOT.size;
    const lengthKind = view.getUint8(slot + SLOT.lengthKind);
    const target = readCaptureType(tables, view.getUint32(slot + SLOT.type, true));
    if (
      view.getUint8(slot + SLOT.via) !== VIA.type ||
      view.getUint8(slot + SLOT.whenKind) !== WHEN_KIND.always ||
      lengthKind === LENGTH_KIND.shift ||
      view.getInt16(slot + SLOT.lengthAdd, true) !== 0 ||
      target === undefined ||
      target.slots > 0 ||
      target.masks > 0
    )
      return false;
    const maxBytes = view.getUint32(slot + SLOT.maxBytes, true);
    const longest = Math.min(
      maxBytes,
      lengthKind === LENGTH_KIND.one ? target.size : target.size * view.getUint32(slot + SLOT.maxElements, true),
    );
    // The kernel program looks at maxBytes alone.
    if (lengthKind !== LENGTH_KIND.one && longest < maxBytes) return false;
    if (at > split.start || longest > split.length) return false;
    at += CHUNK.size + ((longest + 7) & ~7);
  }
  return true;
}
