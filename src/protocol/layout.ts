/**
 * Byte layouts shared with bpf/probelens.h (test/unit/protocol/records.test.ts compares the two sides). Little-endian; offsets
 * and sizes in bytes.
 */
import { MAX_FOLLOW_BYTES, MAX_FOLLOW_SLOTS, MAX_ROOT_PIECES } from "./capture.ts";

/** Probes of one attach request at the most: sizes the kernel maps (23 MiB of plans at the limit). */
export const MAX_PROBES = 32768;

/** struct pl_stack_piece */
export const STACK_PIECE = { size: 12, offset: 0, at: 4, bytes: 8, index: 10 } as const;

/** struct pl_slot */
export const SLOT = { size: 16, pointer: 0, length: 2, elemSize: 4, maxBytes: 8 } as const;
/** Value of `length`: exactly one element. */
export const SLOT_NO_LENGTH = 0xffff;

const REGISTER_AT = 48;
/** PL_REGISTERS: what is behind the last of CAPTURE_REGISTERS stays 0. */
export const REGISTER_ROOM = 20;
const STACK_PIECES_AT = REGISTER_AT + REGISTER_ROOM * 2;
const SLOTS_AT = STACK_PIECES_AT + MAX_ROOT_PIECES * STACK_PIECE.size;

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
  burstNs: 32,
  nextNs: 40,
  registerAt: REGISTER_AT,
  stackPiece: STACK_PIECES_AT,
  slot: SLOTS_AT,
  size: SLOTS_AT + MAX_FOLLOW_SLOTS * SLOT.size,
} as const;
export const PLAN_FLAGS = { skipIfBelowOrEqual: 1, pairReturns: 2 } as const;

/** struct pl_config */
export const CONFIG = {
  size: 56,
  baseNs: 0,
  pidnsDev: 8,
  pidnsIno: 16,
  tgid: 24,
  cookies: 28,
  gInRegister: 32,
  tlsOffset: 36,
  fsbaseOffset: 40,
  goidOffset: 44,
  stackHiOffset: 48,
} as const;

/** struct pl_counters, one per CPU */
export const COUNTERS = { size: 40, emitted: 0, filtered: 8, throttled: 16, dropped: 24, unpaired: 32 } as const;

/** struct pl_record */
export const RECORD = {
  size: 72,
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
  kind: 71,
} as const;
export const RECORD_KIND = { call: 1, return: 2 } as const;

/** struct pl_chunk */
export const CHUNK = { size: 16, slot: 0, status: 2, length: 4, address: 8 } as const;
export const CHUNK_STATUS = { ok: 0, fault: 1 } as const;

/** The kernel's own header before each record: include/uapi/linux/bpf.h, BPF_RINGBUF_HDR_SZ and the flag bits. */
export const RING_HEADER = {
  size: 8,
  length: 0,
  busy: 0x80000000,
  discard: 0x40000000,
  lengthMask: 0x3fffffff,
} as const;

/** Bytes reserved per record: PL_CLASSES, one program each. */
export const SIZE_CLASSES = [160, 256, 512, 1024, 2048, 4096, 8192, 20480] as const;
export type SizeClass = (typeof SIZE_CLASSES)[number];

/** SPLIT_LENGTH and SPLIT_START of probelens.bpf.c: where a stack piece or chunk may start, how long it may be. */
export function sizeClassSplit(size: SizeClass): { readonly start: number; readonly length: number } {
  const length = size >= 8192 ? MAX_FOLLOW_BYTES : size === 160 ? 32 : size / 2;
  return { start: size - CHUNK.size - length, length };
}
