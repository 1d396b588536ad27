/** DWARF's pieces at their offsets in a Go value. */

import type { RawPiece } from "../../dwarf/expr.ts";
import type { Location, Piece } from "../../goabi/location.ts";
import type { GoType } from "../../goabi/type.ts";

/** Scalar parts of one value; a bigger one is never in registers, and its pieces are not worth the walk. */
const MAX_LEAVES = 256;
const MAX_NESTING = 64;

/**
 * Go's DWARF leaves out the padding between the fields that it puts in registers, so pieces are matched to the type's
 * scalar parts in order. Where they do not fit the type, DWARF is no witness: undefined.
 */
export function placePieces(raw: readonly RawPiece[], type: GoType): Location | undefined {
  if (type.size < 0 || type.kind === "unknown") return undefined;
  if (raw.length === 0) return type.size === 0 ? [] : undefined;
  const first = raw[0]!;
  if (raw.length === 1 && (first.size === undefined || first.size === type.size))
    return type.size === 0 ? [] : [{ offset: 0, size: type.size, place: first.place }];
  const leaves: { offset: number; size: number }[] = [];
  if (!collectLeaves(type, 0, leaves, 0)) return undefined;
  return matchLeaves(raw, leaves) ?? consecutive(raw, type.size);
}

function matchLeaves(
  raw: readonly RawPiece[],
  leaves: readonly { offset: number; size: number }[],
): Location | undefined {
  if (raw.length !== leaves.length) return undefined;
  const pieces: Piece[] = [];
  for (const [index, piece] of raw.entries()) {
    const leaf = leaves[index]!;
    if (piece.size !== leaf.size) return undefined;
    pieces.push({ offset: leaf.offset, size: leaf.size, place: piece.place });
  }
  return pieces;
}

/** Pieces that cover the value with its padding, in memory order. */
function consecutive(raw: readonly RawPiece[], size: number): Location | undefined {
  const pieces: Piece[] = [];
  let offset = 0;
  for (const piece of raw) {
    if (piece.size === undefined || offset + piece.size > size) return undefined;
    pieces.push({ offset, size: piece.size, place: piece.place });
    offset += piece.size;
  }
  return offset === size ? pieces : undefined;
}

/** The words and numbers that a value is made of, as the compiler splits it into SSA parts. False: too many. */
function collectLeaves(
  type: GoType,
  offset: number,
  leaves: { offset: number; size: number }[],
  depth: number,
): boolean {
  if (depth > MAX_NESTING || leaves.length > MAX_LEAVES || type.size < 0) return false;
  switch (type.kind) {
    case "string":
    case "interface":
      leaves.push({ offset, size: 8 }, { offset: offset + 8, size: 8 });
      return true;
    case "slice":
      leaves.push({ offset, size: 8 }, { offset: offset + 8, size: 8 }, { offset: offset + 16, size: 8 });
      return true;
    case "complex64":
    case "complex128":
      leaves.push({ offset, size: type.size / 2 }, { offset: offset + type.size / 2, size: type.size / 2 });
      return true;
    case "array":
      if (type.length > MAX_LEAVES) return false;
      for (let i = 0; i < type.length; i++)
        if (!collectLeaves(type.elem, offset + i * type.elem.size, leaves, depth + 1)) return false;
      return true;
    case "struct":
      return type.fields.every((field) => collectLeaves(field.type, offset + field.offset, leaves, depth + 1));
    case "unknown":
      return false;
    default:
      leaves.push({ offset, size: type.size });
      return true;
  }
}
