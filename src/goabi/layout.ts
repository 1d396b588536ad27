/**
 * Sizes, alignments and field offsets as the gc compiler lays types out on 64-bit machines
 * (cmd/compile/internal/types/size.go, CalcSize and CalcStructSize; unchanged from Go 1.15 to 1.27).
 */
import type { ScalarKind } from "./type.ts";

export interface Layout {
  /** Bytes. */
  readonly size: number;
  /** Bytes; a power of two, 1 to 8. */
  readonly align: number;
}

export interface StructLayout extends Layout {
  /** Bytes from the start, one per field. */
  readonly offsets: readonly number[];
}

/** No value is larger: the compiler's own limit (types.MaxWidth, 1 << 50). */
export const MAX_TYPE_BYTES = 2 ** 50;

export const SCALAR_LAYOUTS: Readonly<Record<ScalarKind, Layout>> = {
  bool: { size: 1, align: 1 },
  int: { size: 8, align: 8 },
  int8: { size: 1, align: 1 },
  int16: { size: 2, align: 2 },
  int32: { size: 4, align: 4 },
  int64: { size: 8, align: 8 },
  uint: { size: 8, align: 8 },
  uint8: { size: 1, align: 1 },
  uint16: { size: 2, align: 2 },
  uint32: { size: 4, align: 4 },
  uint64: { size: 8, align: 8 },
  uintptr: { size: 8, align: 8 },
  float32: { size: 4, align: 4 },
  float64: { size: 8, align: 8 },
  complex64: { size: 8, align: 4 },
  complex128: { size: 16, align: 8 },
  string: { size: 16, align: 8 },
  "unsafe.Pointer": { size: 8, align: 8 },
};

export const POINTER_LAYOUT: Layout = { size: 8, align: 8 };
export const INTERFACE_LAYOUT: Layout = { size: 16, align: 8 };
export const SLICE_LAYOUT: Layout = { size: 24, align: 8 };

/** Undefined where the array is larger than any value can be. */
export function arrayLayout(elem: Layout, length: number): Layout | undefined {
  const size = elem.size * length;
  return Number.isSafeInteger(length) && length >= 0 && size <= MAX_TYPE_BYTES
    ? { size, align: elem.align }
    : undefined;
}

/** Undefined where the struct is larger than any value can be. */
export function structLayout(fields: readonly Layout[]): StructLayout | undefined {
  const offsets: number[] = [];
  let end = 0;
  let align = 1;
  for (const field of fields) {
    const offset = roundUp(end, field.align);
    offsets.push(offset);
    end = offset + field.size;
    align = Math.max(align, field.align);
    if (end > MAX_TYPE_BYTES) return undefined;
  }
  // A pointer to a zero-sized last field must not point behind the struct, into the next object.
  if (end > 0 && fields.at(-1)?.size === 0) end += 1;
  return { size: roundUp(end, align), align, offsets };
}

export function roundUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
