/** DWARF's pieces at their offsets in a Go value. */

import type { RawPiece } from "../../dwarf/expr.ts";
import type { Location, Piece } from "../../goabi/location.ts";
import type { GoType } from "../../goabi/type.ts";
import { type Word, wordsOf } from "../../goabi/words.ts";

/** Of one value; a bigger one is never in registers, and its pieces are not worth the walk. */
const MAX_WORDS = 256;

/**
 * Go's DWARF leaves out the padding between the fields that it puts in registers, so pieces are matched to the type's
 * words in order. Where they do not fit the type, DWARF is no witness: undefined.
 */
export function placePieces(raw: readonly RawPiece[], type: GoType): Location | undefined {
  if (type.size < 0 || type.kind === "unknown") return undefined;
  if (raw.length === 0) return type.size === 0 ? [] : undefined;
  const first = raw[0]!;
  if (raw.length === 1 && (first.size === undefined || first.size === type.size))
    return type.size === 0 ? [] : [{ offset: 0, size: type.size, place: first.place }];
  const parts = wordsOf(type, MAX_WORDS);
  if (parts.kind !== "words") return undefined;
  return matchWords(raw, parts.words) ?? consecutive(raw, type.size);
}

function matchWords(raw: readonly RawPiece[], words: readonly Word[]): Location | undefined {
  if (raw.length !== words.length) return undefined;
  const pieces: Piece[] = [];
  for (const [index, piece] of raw.entries()) {
    const { offset, size } = words[index]!;
    if (piece.size !== size) return undefined;
    pieces.push({ offset, size, place: piece.place });
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
