/** Parameters and results: their bytes put together from the event's root area, as the plan says. */
import type { CapturedPiece, CapturedVariable } from "../probe/api.ts";
import { FLOATS_OFF, REDACTED as REDACTED_PIECE } from "../probe/capture/captureVariables.ts";
import type { RawEvent } from "../protocol/records.ts";
import { EMPTY, type Gap, type Missing, NOT_CAPTURED, REDACTED, Region, unreadable } from "./memory.ts";

/** One variable's bytes in an event; `root`: a view of the event's root area. */
export type Place = (event: RawEvent, root: DataView) => Region | Missing;

const TOO_SHORT: Missing = { reason: "the event is too short" };
/** Up to the last byte that is copied: what lies between takes memory here for each event. */
const MAX_VALUE_BYTES = 1 << 17;
const TOO_LARGE: Missing = { reason: "it is too large" };
const NO_SIZE: Missing = { reason: "its type's size cannot be right" };

export function compilePlace({ variable, pieces }: CapturedVariable): Place {
  // One unknown piece stands for the whole value: its reason once, not in every field.
  const only = variable.location.length === 1 ? variable.location[0]!.place : undefined;
  const reason = only?.at === "unknown" ? only.reason : pieces.length === 1 ? pieces[0]!.reason : undefined;
  if (reason !== undefined) return () => because(reason);
  if (pieces.length === 0) return () => EMPTY;
  const copied = pieces.filter(({ root }) => root !== undefined);
  const end = Math.max(0, ...copied.map((piece) => piece.offset + piece.size));
  if (pieces.some(({ size }) => !(size >= 0))) return () => NO_SIZE;
  if (!(end <= MAX_VALUE_BYTES)) return () => TOO_LARGE;
  const start = startOfWhole(pieces);
  const gathered = gather(pieces, end);
  if (start === undefined) return gathered;
  const usedPieces = pieces.reduce((bits, { piece }) => (piece === undefined ? bits : bits | (1 << piece)), 0);
  return (event, root) => {
    if ((event.failedPieces & usedPieces) !== 0 || start + end > root.byteLength) return gathered(event, root);
    return new Region(root, start, start + end, NOT_CAPTURED);
  };
}

/** Where in the root area the value starts if its bytes stand there as in memory. */
function startOfWhole(pieces: readonly CapturedPiece[]): number | undefined {
  const start = (pieces[0]!.root ?? 0) - pieces[0]!.offset;
  let next = 0;
  for (const { offset, size, root } of pieces) {
    if (root === undefined || root - offset !== start || offset !== next) return undefined;
    next = offset + size;
  }
  return start < 0 ? undefined : start;
}

/** Piece by piece into one buffer. Padding has no piece and no value. */
function gather(pieces: readonly CapturedPiece[], end: number): Place {
  const sorted = pieces.toSorted((a, b) => a.offset - b.offset);
  const padding: Gap[] = [];
  let next = 0;
  for (const { offset, size } of sorted) {
    if (offset > next) padding.push({ start: next, end: offset, missing: NOT_CAPTURED });
    next = Math.max(next, offset + size);
  }
  return (event, root) => {
    const bytes = new Uint8Array(end);
    const gaps = [...padding];
    for (const piece of sorted) {
      const missing = missingOf(piece, event, root);
      const { offset, size } = piece;
      if (missing !== undefined) gaps.push({ start: offset, end: offset + size, missing });
      else bytes.set(new Uint8Array(root.buffer, root.byteOffset + (piece.root ?? 0), size), offset);
    }
    return new Region(new DataView(bytes.buffer), 0, end, NOT_CAPTURED, gaps);
  };
}

function missingOf(
  { root, piece, size, reason, float }: CapturedPiece,
  event: RawEvent,
  area: DataView,
): Missing | undefined {
  if (root === undefined) return reason === undefined ? NOT_CAPTURED : because(reason);
  if (piece !== undefined && (event.failedPieces & (1 << piece)) !== 0)
    return float === true ? because(event.floatsMissing ?? FLOATS_OFF) : unreadable(event);
  return root >= 0 && root + size <= area.byteLength ? undefined : TOO_SHORT;
}

function because(reason: string): Missing {
  return reason === REDACTED_PIECE ? REDACTED : { reason };
}
