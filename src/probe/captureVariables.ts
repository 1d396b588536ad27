/**
 * Which bytes of a call (or return) to copy: the words that make up the shown values, and the storage of their strings
 * and byte slices. What does not fit the bounds of one plan is left out with the reason, and the rest stays.
 */
import type { Piece } from "../goabi/location.ts";
import type { GoType } from "../goabi/type.ts";
import type { PlacedVariable } from "../gobinary/api.ts";
import {
  CAPTURE_REGISTERS,
  type CaptureRegister,
  type FollowSlot,
  MAX_EVENT_BYTES,
  MAX_FOLLOW_BYTES,
  MAX_FOLLOW_SLOTS,
  MAX_ROOT_PIECES,
  MAX_STACK_PIECE,
  type RootPiece,
  rootLayout,
} from "../protocol/capture.ts";
import { CHUNK, RECORD } from "../protocol/layout.ts";
import type { CapturedPiece, CapturedVariable, CaptureLimits, EventPlan } from "./api.ts";

export function planCapture(variables: readonly PlacedVariable[], limits: CaptureLimits): EventPlan {
  const eventBytes = Math.min(limits.eventBytes, MAX_EVENT_BYTES);
  let chosen: PlacedVariable[] = [];
  const refused = new Map<PlacedVariable, string>();
  let pieces: RootPiece[] = [];
  for (const variable of variables) {
    const next = piecesFor([...chosen, variable]);
    const reason = overflow(next, eventBytes);
    if (reason === undefined) {
      chosen = [...chosen, variable];
      pieces = next;
    } else refused.set(variable, reason);
  }
  const roots = new RootMap(pieces);
  const captured = variables.map((variable) => ({
    variable,
    pieces: variable.location.flatMap((piece) => capturedPieces(piece, roots, refused.get(variable))),
  }));
  const slots = followSlots(captured, limits.stringBytes, eventBytes - RECORD.size - roots.size);
  return { capture: { pieces, slots }, variables: captured };
}

/** A string's or byte slice's pointer word, bytes from the start of a value; the length is the next word. */
export interface Followed {
  readonly offset: number;
  readonly elemSize: number;
}

/** Strings and byte slices anywhere in a value that lies in one piece of memory: in fields and elements, not behind pointers. */
export function followedWords(type: GoType): Followed[] {
  const found: Followed[] = [];
  let visits = 0;
  function walk(type: GoType, offset: number, depth: number): void {
    // A plan has room for MAX_FOLLOW_SLOTS; more are never asked for, and a damaged type may contain itself.
    if (++visits > MAX_TYPE_VISITS || depth > MAX_TYPE_DEPTH || found.length > MAX_FOLLOW_SLOTS) return;
    if (type.kind === "string" || isByteSlice(type)) found.push({ offset, elemSize: 1 });
    else if (type.kind === "struct")
      for (const field of type.fields) walk(field.type, offset + field.offset, depth + 1);
    else if (type.kind === "array" && type.elem.size > 0) {
      for (
        let index = 0;
        index < type.length && found.length <= MAX_FOLLOW_SLOTS && visits <= MAX_TYPE_VISITS;
        index++
      ) {
        walk(type.elem, offset + index * type.elem.size, depth + 1);
      }
    }
  }
  walk(type, 0, 0);
  return found;
}

/** `[]byte` and defined types of it; a slice of a defined byte type is a slice like others. */
export function isByteSlice(type: GoType): boolean {
  return type.kind === "slice" && type.elem.kind === "uint8" && !type.elem.named;
}

const WORD = 8;
const MAX_TYPE_VISITS = 10_000;
const MAX_TYPE_DEPTH = 64;
const REGISTER_SET: ReadonlySet<string> = new Set(CAPTURE_REGISTERS);

/** Each register once; the stack as few whole ranges, cut at MAX_STACK_PIECE. */
function piecesFor(variables: readonly PlacedVariable[]): RootPiece[] {
  const registers = new Set<CaptureRegister>();
  const ranges: { start: number; end: number }[] = [];
  for (const { location } of variables) {
    for (const { size, place } of location) {
      if (place.at === "register" && REGISTER_SET.has(place.register)) registers.add(place.register as CaptureRegister);
      if (place.at === "cfa") ranges.push({ start: Math.floor(place.offset / WORD) * WORD, end: place.offset + size });
    }
  }
  const pieces: RootPiece[] = Array.from(registers, (register) => ({ kind: "register", register }));
  for (const { start, end } of merged(ranges)) {
    for (let offset = start; offset < end; offset += MAX_STACK_PIECE) {
      pieces.push({ kind: "stack", offset, size: Math.min(MAX_STACK_PIECE, end - offset) });
      if (pieces.length > MAX_ROOT_PIECES) return pieces;
    }
  }
  return pieces;
}

function merged(ranges: { start: number; end: number }[]): { start: number; end: number }[] {
  const sorted = ranges.sort((a, b) => a.start - b.start);
  const result: { start: number; end: number }[] = [];
  for (const range of sorted) {
    const last = result.at(-1);
    // Ranges start at words: one that starts in the word where the last one ends continues it.
    if (last !== undefined && range.start <= Math.ceil(last.end / WORD) * WORD)
      last.end = Math.max(last.end, range.end);
    else result.push({ ...range });
  }
  return result;
}

function overflow(pieces: readonly RootPiece[], eventBytes: number): string | undefined {
  if (pieces.length > MAX_ROOT_PIECES) return "the values of one call take more space than one event copies";
  if (RECORD.size + rootLayout({ pieces }).size > eventBytes) return `over the limit of ${eventBytes} bytes per event`;
  return undefined;
}

/** From a register or a stack address to the root area. */
class RootMap {
  readonly size: number;
  private readonly registers = new Map<string, { piece: number; root: number }>();
  private readonly stack: { piece: number; root: number; start: number; end: number }[] = [];

  constructor(pieces: readonly RootPiece[]) {
    const { offsets, size } = rootLayout({ pieces });
    this.size = size;
    for (const [index, piece] of pieces.entries()) {
      const root = offsets[index]!;
      if (piece.kind === "register") this.registers.set(piece.register, { piece: index, root });
      else this.stack.push({ piece: index, root, start: piece.offset, end: piece.offset + piece.size });
    }
  }

  register(name: string): { piece: number; root: number } | undefined {
    return this.registers.get(name);
  }

  /** The run of bytes from `offset` on that one piece holds. */
  stackRun(offset: number, size: number): { piece: number; root: number; size: number } | undefined {
    const found = this.stack.find(({ start, end }) => start <= offset && offset < end);
    if (found === undefined) return undefined;
    return {
      piece: found.piece,
      root: found.root + offset - found.start,
      size: Math.min(size, found.end - offset),
    };
  }
}

function capturedPieces({ offset, size, place }: Piece, roots: RootMap, refused: string | undefined): CapturedPiece[] {
  if (place.at === "unknown") return [{ offset, size, reason: place.reason }];
  if (place.at === "register") {
    if (!REGISTER_SET.has(place.register)) return [{ offset, size, reason: "in FP register" }];
    const at = roots.register(place.register);
    if (refused !== undefined || at === undefined) return [{ offset, size, reason: refused ?? NOT_COPIED }];
    return [{ offset, size, root: at.root, piece: at.piece }];
  }
  if (refused !== undefined) return [{ offset, size, reason: refused }];
  const captured: CapturedPiece[] = [];
  for (let done = 0; done < size; ) {
    const run = roots.stackRun(place.offset + done, size - done);
    if (run === undefined) return [{ offset, size, reason: NOT_COPIED }];
    captured.push({ offset: offset + done, size: run.size, root: run.root, piece: run.piece });
    done += run.size;
  }
  return captured;
}

const NOT_COPIED = "was not copied";

/**
 * One slot for each string or byte slice whose two words are copied, first come first served. When the event cannot
 * hold all of them at the full limit, each gets the same, smaller share: cut text shows how much is left out.
 */
function followSlots(variables: readonly CapturedVariable[], stringBytes: number, room: number): FollowSlot[] {
  const words: { pointer: number; length: number; elemSize: number }[] = [];
  for (const { variable, pieces } of variables) {
    for (const { offset, elemSize } of followedWords(variable.type)) {
      const pointer = rootOf(pieces, offset);
      const length = rootOf(pieces, offset + WORD);
      if (pointer === undefined || length === undefined) continue;
      if (words.length < MAX_FOLLOW_SLOTS) words.push({ pointer, length, elemSize });
    }
  }
  const share = Math.floor(room / Math.max(words.length, 1) / WORD) * WORD - CHUNK.size;
  const maxBytes = Math.min(stringBytes, MAX_FOLLOW_BYTES, share);
  return maxBytes > 0 ? words.map((slot) => ({ ...slot, maxBytes })) : [];
}

/** Byte offset in the root area of the word at `offset` of a value; absent where it was not copied. */
function rootOf(pieces: readonly CapturedPiece[], offset: number): number | undefined {
  for (const piece of pieces) {
    if (piece.root !== undefined && piece.offset <= offset && offset + WORD <= piece.offset + piece.size) {
      return piece.root + offset - piece.offset;
    }
  }
  return undefined;
}
