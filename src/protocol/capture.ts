/** Capture plans: what the kernel program copies on a hit, and its bounds. Offsets and sizes in bytes. */

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
  /** No register: the word `g.labels`, or NO_LABELS where it cannot be read; in deep plans only. */
  "LABELS",
] as const;
export type CaptureRegister = (typeof CAPTURE_REGISTERS)[number];
/** PL_NO_LABELS. */
export const NO_LABELS = 0xffff_ffff_ffff_ffffn;

/** Float registers that Go's ABI passes values in; a program cannot read them itself (bpf/floats.h). */
export const FLOAT_REGISTERS = [
  "X0",
  "X1",
  "X2",
  "X3",
  "X4",
  "X5",
  "X6",
  "X7",
  "X8",
  "X9",
  "X10",
  "X11",
  "X12",
  "X13",
  "X14",
] as const;
export type FloatRegister = (typeof FLOAT_REGISTERS)[number];

/** Bounds of one plan: they size the kernel program's loops. */
export const MAX_ROOT_PIECES = 32;
/** Bytes of one stack piece at the most. */
export const MAX_STACK_PIECE = 4096;
/** Slots of a flat plan at the most. */
export const MAX_FLAT_SLOTS = 16;
/** Bytes of one event at the most (design: 16 KiB). */
export const MAX_EVENT_BYTES = 16384;
/** Pointers in a chain at the most: beyond it, budgets of bytes and steps end every walk. */
export const MAX_CAPTURE_DEPTH = 64;

export type RootPiece =
  /** Takes 8 bytes of the root area. */
  | { readonly kind: "register"; readonly register: CaptureRegister }
  /** The register's low 8 bytes: left alone and marked as failed by the kernel program, they come in a record of their own. */
  | { readonly kind: "float"; readonly register: FloatRegister }
  /** `size` bytes at CFA + `offset`; takes `size` rounded up to 8 bytes of the root area. */
  | { readonly kind: "stack"; readonly offset: number; readonly size: number }
  /** Of returns of a generic function: 8 bytes, the dictionary's address that the call had. */
  | { readonly kind: "dictionary" };

export interface CapturePlan {
  readonly pieces: readonly RootPiece[];
  /** The root area's type in the session's tables: its slots and masks. Absent: nothing is followed. */
  readonly rootType?: number;
  /** So many of its first slots are followed to their ends before the others; absent: none. */
  readonly earlySlots?: number;
  /**
   * Of a generic function, whose call has a dictionary. `at`: where in the root area its address is. `table`: the root type
   * of a call whose dictionary is known is the runtime type of the key `its address in the file | table << 48`.
   */
  readonly dictionary?: { readonly at: number; readonly table: number };
  /** Of one event; absent: MAX_EVENT_BYTES. */
  readonly maxBytes?: number;
  /** Pointers in a chain; absent: MAX_CAPTURE_DEPTH. */
  readonly maxDepth?: number;
}

/** Byte offset of each piece in the root area, and the area's size. */
export function rootLayout(plan: Pick<CapturePlan, "pieces">): { offsets: number[]; size: number } {
  const offsets: number[] = [];
  let size = 0;
  for (const piece of plan.pieces) {
    offsets.push(size);
    size += piece.kind === "stack" ? (piece.size + 7) & ~7 : 8;
  }
  return { offsets, size };
}
