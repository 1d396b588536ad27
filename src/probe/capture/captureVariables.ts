/**
 * Which bytes of a call (or return) to copy: the words that make up the shown values, and the pointer words among them
 * that are followed. What does not fit the bounds of one plan is left out with the reason, and the rest stays; secrets
 * are left out or masked.
 */
import type { Piece } from "../../goabi/location.ts";
import type { IsSecretName } from "../../goabi/secretNames.ts";
import type { PlacedVariable } from "../../gobinary/api.ts";
import {
  CAPTURE_REGISTERS,
  type CaptureRegister,
  FLOAT_REGISTERS,
  type FloatRegister,
  MAX_EVENT_BYTES,
  MAX_ROOT_PIECES,
  MAX_STACK_PIECE,
  type RootPiece,
  rootLayout,
} from "../../protocol/capture.ts";
import { MAX_TYPE_SLOTS, type Mask } from "../../protocol/captureTypes.ts";
import { CHUNK, RECORD } from "../../protocol/records.ts";
import type { CapturedPiece, CapturedVariable, CaptureLimits, EventPlan, RegisterRefusal } from "../api.ts";
import type { ContextWord } from "./context.ts";
import { type Shape, type ShapeSlot, shapeOfParts } from "./shape.ts";

export function planCapture(
  variables: readonly PlacedVariable[],
  limits: CaptureLimits,
  isSecret: IsSecretName,
  context: readonly ContextWord[] = [],
  refuse: RegisterRefusal = (register) => (isFloatRegister(register) ? FLOATS_OFF : undefined),
): EventPlan {
  const eventBytes = Math.min(limits.eventBytes, MAX_EVENT_BYTES);
  const planned = variables.map((variable) => withoutRefused(withoutSecrets(variable, limits, isSecret), refuse));
  let chosen: Planned[] = [];
  const refused = new Map<Planned, string>();
  const own = context.map(({ register }): RootPiece => ({ kind: "register", register }));
  let pieces = own;
  for (const [index, whole] of planned.entries()) {
    const room = eventBytes - RECORD.size - rootLayout({ pieces }).size;
    const isRoom = isRoomFor(piecesFor(own, [...chosen, whole]), eventBytes);
    const one = isRoom ? whole : withinRoom(whole, room, eventBytes);
    planned[index] = one;
    const next = piecesFor(own, [...chosen, one]);
    if (isRoomFor(next, eventBytes)) {
      chosen = [...chosen, one];
      pieces = next;
    } else refused.set(one, next.length > MAX_ROOT_PIECES ? TOO_SCATTERED : overLimit(eventBytes));
  }
  const roots = new RootMap(pieces);
  const captured = planned.map((one) => ({
    variable: one.variable,
    pieces: one.location.flatMap((piece) => capturedPieces(piece, roots, refused.get(one))),
    shape: one.shape,
  }));
  const early = contextSlots(context, roots);
  const contextBytes = context.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  return {
    capture: {
      pieces,
      ...(early.length === 0 ? {} : { earlySlots: early.length }),
      slots: [...early, ...fairShares(rootSlots(captured), eventBytes - RECORD.size - roots.size - contextBytes)],
      masks: planned.flatMap(({ hidden }) => hidden.flatMap((range) => rootMasks(range, roots))),
    },
    variables: captured.map(({ variable, pieces }) => ({ variable, pieces })),
    ...(context.length === 0
      ? {}
      : { context: new Map(context.map(({ register }) => [register, roots.register(register)!.root])) }),
  };
}

interface Planned {
  readonly variable: PlacedVariable;
  /** The variable's, without what is secret: that reads REDACTED. */
  readonly location: readonly Piece[];
  readonly shape: Shape;
  /** Secrets on the stack, bytes from the CFA. */
  readonly hidden: readonly { readonly offset: number; readonly size: number }[];
}

/** The reason of a piece that is not copied because its name is a secret's. */
export const REDACTED = "redacted";

function withoutSecrets(variable: PlacedVariable, limits: CaptureLimits, isSecret: IsSecretName): Planned {
  const { name, type, location } = variable;
  const shape = shapeOfParts(Math.max(type.size, 0), [{ name, offset: 0, type }], { limits, isSecret });
  const hidden: { offset: number; size: number }[] = [];
  const without = (pieces: readonly Piece[], runs: readonly Mask[], reason: string, from: typeof hidden) =>
    runs.reduce((left, run) => left.flatMap((piece) => withoutRun(piece, run, reason, from)), pieces);
  const open = without(location, shape.masks, REDACTED, hidden);
  return { variable, location: without(open, shape.unshown ?? [], NOT_COPIED, []), shape, hidden };
}

/** A piece in up to three parts: before, in and after what is left out. A register that holds a part of it is not copied. */
function withoutRun(piece: Piece, mask: Mask, reason: string, hidden: { offset: number; size: number }[]): Piece[] {
  const { offset, size, place } = piece;
  const start = Math.max(offset, mask.offset);
  const end = Math.min(offset + size, mask.offset + mask.length);
  if (start >= end || place.at === "unknown") return [piece];
  const unknown = { at: "unknown", reason } as const;
  if (place.at === "register") return [{ offset, size, place: unknown }];
  const stackOffset = place.offset;
  hidden.push({ offset: stackOffset + start - offset, size: end - start });
  const part = (from: number, to: number): Piece[] =>
    from < to ? [{ offset: from, size: to - from, place: { at: "cfa", offset: stackOffset + from - offset } }] : [];
  return [...part(offset, start), { offset: start, size: end - start, place: unknown }, ...part(end, offset + size)];
}

/** The reason of a value in a float register where those are not read. */
export const FLOATS_OFF = "in FP register";

function withoutRefused(planned: Planned, refuse: RegisterRefusal): Planned {
  const location = planned.location.map((piece): Piece => {
    if (piece.place.at !== "register") return piece;
    const reason = refuse(piece.place.register);
    return reason === undefined ? piece : { ...piece, place: { at: "unknown", reason } };
  });
  return { ...planned, location };
}

const WORD = 8;
const REGISTER_SET: ReadonlySet<string> = new Set(CAPTURE_REGISTERS);
const FLOAT_SET: ReadonlySet<string> = new Set(FLOAT_REGISTERS);

export function isFloatRegister(register: string): boolean {
  return FLOAT_SET.has(register);
}

/** Those of the context first. Each register once; the stack as few whole ranges, in pieces of one size. */
function piecesFor(context: readonly RootPiece[], variables: readonly Pick<Planned, "location">[]): RootPiece[] {
  const registers = new Set(context.flatMap((piece) => (piece.kind === "register" ? [piece.register] : [])));
  const floats = new Set<FloatRegister>();
  const ranges: { start: number; end: number }[] = [];
  for (const { location } of variables) {
    for (const { size, place } of location) {
      if (place.at === "register" && REGISTER_SET.has(place.register)) registers.add(place.register as CaptureRegister);
      if (place.at === "register" && FLOAT_SET.has(place.register)) floats.add(place.register as FloatRegister);
      if (place.at === "cfa") ranges.push({ start: Math.floor(place.offset / WORD) * WORD, end: place.offset + size });
    }
  }
  const pieces: RootPiece[] = [
    ...Array.from(registers, (register) => ({ kind: "register", register }) as const),
    ...Array.from(floats, (register) => ({ kind: "float", register }) as const),
  ];
  const runs = merged(ranges);
  for (let size = SMALL_STACK_PIECE; size <= MAX_STACK_PIECE; size *= 2) {
    const count = runs.reduce((sum, { start, end }) => sum + Math.ceil((end - start) / size), pieces.length);
    if (count <= MAX_ROOT_PIECES || size === MAX_STACK_PIECE)
      return [...pieces, ...runs.flatMap((run) => stackPieces(run, size))];
  }
  return pieces;
}

/** What is not resident takes a whole piece along, so pieces are small as long as there are enough of them. */
const SMALL_STACK_PIECE = 256;

function stackPieces({ start, end }: { start: number; end: number }, size: number): RootPiece[] {
  const pieces: RootPiece[] = [];
  // One more than a plan has room for tells as well that it has none.
  for (let offset = start; offset < end && pieces.length <= MAX_ROOT_PIECES; offset += size)
    pieces.push({ kind: "stack", offset, size: Math.min(size, end - offset) });
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

const TOO_SCATTERED = "the values of one call stand in more places than one event copies";

function overLimit(eventBytes: number): string {
  return `over the limit of ${eventBytes} bytes per event`;
}

function isRoomFor(pieces: readonly RootPiece[], eventBytes: number): boolean {
  return pieces.length <= MAX_ROOT_PIECES && RECORD.size + rootLayout({ pieces }).size <= eventBytes;
}

/** A variable that is too large, without the bytes from the stack that `room` does not hold. */
function withinRoom(one: Planned, room: number, eventBytes: number): Planned {
  let left = Math.floor(Math.max(0, room - WORD) / WORD) * WORD;
  const location = one.location.flatMap((piece): Piece[] => {
    const { offset, size, place } = piece;
    if (place.at === "register") left -= WORD;
    if (place.at !== "cfa") return [piece];
    const kept = Math.max(0, Math.min(size, left));
    left -= Math.ceil(kept / WORD) * WORD;
    if (kept === size) return [piece];
    const over = { at: "unknown", reason: overLimit(eventBytes) } as const;
    const rest: Piece = { offset: offset + kept, size: size - kept, place: over };
    return kept === 0 ? [rest] : [{ offset, size: kept, place }, rest];
  });
  return { ...one, location };
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
      if (piece.kind === "stack")
        this.stack.push({ piece: index, root, start: piece.offset, end: piece.offset + piece.size });
      else if (piece.kind !== "dictionary") this.registers.set(piece.register, { piece: index, root });
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
    const at = roots.register(place.register);
    if (refused !== undefined || at === undefined) return [{ offset, size, reason: refused ?? NOT_COPIED }];
    const float = FLOAT_SET.has(place.register) ? ({ float: true } as const) : {};
    return [{ offset, size, root: at.root, piece: at.piece, ...float }];
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

type CapturedShape = CapturedVariable & { readonly shape: Shape };

/** The slots of all variables whose words are copied, with their offsets in the root area. */
function rootSlots(variables: readonly CapturedShape[]): ShapeSlot[] {
  const slots: ShapeSlot[] = [];
  for (const { pieces, shape } of variables) {
    for (const slot of shape.slots) {
      const placed = placeSlot(slot, pieces);
      if (placed !== undefined && slots.length < MAX_TYPE_SLOTS) slots.push(placed);
    }
  }
  return slots;
}

function contextSlots(context: readonly ContextWord[], roots: RootMap): ShapeSlot[] {
  return context.flatMap(({ register, target }) => {
    const root = roots.register(register)?.root;
    if (root === undefined || target === undefined) return [];
    const one = { length: { kind: "one" }, maxElements: 1, maxBytes: MAX_EVENT_BYTES, deepens: false } as const;
    return [{ pointer: root, via: { kind: "target", target }, ...one }];
  });
}

function placeSlot(slot: ShapeSlot, pieces: readonly CapturedPiece[]): ShapeSlot | undefined {
  const { via, length } = slot;
  const pointer = rootOf(pieces, slot.pointer);
  const word = via.kind === "eface" || via.kind === "itab" ? rootOf(pieces, via.word) : undefined;
  const at = length.kind === "one" ? undefined : rootOf(pieces, length.at);
  if (pointer === undefined) return undefined;
  let placed: ShapeSlot = { ...slot, pointer };
  if (via.kind === "eface" || via.kind === "itab") {
    if (word === undefined) return undefined;
    placed = { ...placed, via: { ...via, word } };
  }
  if (length.kind !== "one") {
    if (at === undefined) return undefined;
    placed = { ...placed, length: { ...length, at } };
  }
  return placed;
}

/**
 * Text comes first come, first served, unless the event cannot hold all of it at the full limit: then each gets the same,
 * smaller share, and cut text shows how much is left out.
 */
function fairShares(slots: readonly ShapeSlot[], room: number): ShapeSlot[] {
  const texts = slots.filter(isText);
  const wanted = texts.reduce((sum, { maxBytes }) => sum + CHUNK.size + Math.ceil(maxBytes / WORD) * WORD, 0);
  if (wanted <= room) return [...slots];
  const share = Math.floor(room / texts.length / WORD) * WORD - CHUNK.size;
  return slots.flatMap((slot) => {
    if (!isText(slot)) return [slot];
    return share > 0 ? [{ ...slot, maxElements: share, maxBytes: Math.min(slot.maxBytes, share) }] : [];
  });
}

function isText({ via }: ShapeSlot): boolean {
  return via.kind === "target" && via.target.of === "bytes";
}

/** What was copied of a secret because pieces begin at words. */
function rootMasks({ offset, size }: { readonly offset: number; readonly size: number }, roots: RootMap): Mask[] {
  const masks: Mask[] = [];
  for (let at = offset; at < offset + size; ) {
    const run = roots.stackRun(at, offset + size - at);
    if (run !== undefined) masks.push({ offset: run.root, length: run.size });
    at += run?.size ?? 1;
  }
  return masks;
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
