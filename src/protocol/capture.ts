/**
 * Capture plans (what the kernel program copies on a hit) and raw events (what it sends), as TypeScript values.
 * Their byte layouts, shared with bpf/, stand in `layout.ts`.
 */

/** amd64 registers that a uprobe program can read, by Go assembler name, in `layout.ts`'s numbering. */
export const CAPTURE_REGISTERS = [
  "RAX",
  "RBX",
  "RCX",
  "RDX",
  "RSI",
  "RDI",
  "RBP",
  "RSP",
  "R8",
  "R9",
  "R10",
  "R11",
  "R12",
  "R13",
  "R14",
  "R15",
  /** The probe's own address: tells where a position-independent program is mapped. */
  "RIP",
] as const;
export type CaptureRegister = (typeof CAPTURE_REGISTERS)[number];

/** Bounds of one plan: they size the kernel program's loops. */
export const MAX_ROOT_PIECES = 32;
export const MAX_FOLLOW_SLOTS = 16;
/** Bytes of one stack piece at the most. */
export const MAX_STACK_PIECE = 256;
/** Bytes that one slot may follow at the most. */
export const MAX_FOLLOW_BYTES = 4096;
/** Bytes of one event at the most (design: 16 KiB). */
export const MAX_EVENT_BYTES = 16384;

export type RootPiece =
  /** Takes 8 bytes of the root area. */
  | { readonly kind: "register"; readonly register: CaptureRegister }
  /** `size` bytes at CFA + `offset`; takes `size` rounded up to 8 bytes of the root area. */
  | { readonly kind: "stack"; readonly offset: number; readonly size: number };

/** Memory that a word of the root area points to: a string's or slice's storage. */
export interface FollowSlot {
  /** Byte offset of the pointer word in the root area. */
  readonly pointer: number;
  /** Byte offset of the length word in the root area; absent: exactly `elemSize` bytes. */
  readonly length?: number;
  /** Bytes of one element. */
  readonly elemSize: number;
  /** Bytes to copy at the most. */
  readonly maxBytes: number;
}

export interface CapturePlan {
  readonly pieces: readonly RootPiece[];
  readonly slots: readonly FollowSlot[];
}

/** Byte offset of each piece in the root area, and the area's size. */
export function rootLayout(plan: Pick<CapturePlan, "pieces">): { offsets: number[]; size: number } {
  const offsets: number[] = [];
  let size = 0;
  for (const piece of plan.pieces) {
    offsets.push(size);
    size += piece.kind === "register" ? 8 : (piece.size + 7) & ~7;
  }
  return { offsets, size };
}

/** What became of one follow slot. */
export interface Chunk {
  /** Index in the plan's `slots`. */
  readonly slot: number;
  /** Address in the target. */
  readonly address: bigint;
  /** `fault`: the memory could not be read without disturbing the target (not resident or not mapped). */
  readonly status: "ok" | "fault";
  /** Bytes copied: min(length × elemSize, maxBytes); empty after a fault. */
  readonly bytes: Uint8Array;
}

export interface RawEvent {
  readonly kind: "call" | "return";
  /** The probe's id, as given in the attach request (entry and return probes of a function have different ids). */
  readonly probe: number;
  /** Unique in one helper; the return carries its call's. */
  readonly callId: bigint;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly timeNs: bigint;
  /** Return only: nanoseconds since the call. */
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
  readonly chunks: readonly Chunk[];
}

/** Kernel counters of one probe; emitted + filtered + throttled + dropped = hits. */
export interface ProbeCounters {
  readonly probe: number;
  readonly hits: number;
  readonly emitted: number;
  readonly filtered: number;
  readonly throttled: number;
  /** No room in the ring buffer. */
  readonly dropped: number;
  /** Return probes: hits whose call was not found in the table of open calls (called before attaching, throttled, or evicted); not part of `hits`. */
  readonly unpaired: number;
}
