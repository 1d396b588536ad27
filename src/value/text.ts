/** One value as Go text, from its type and its captured bytes. */
import type { ArrayType, GoType, InterfaceType, SliceType, StructType } from "../goabi/type.ts";
import type { CaptureLimits } from "../probe/api.ts";
import { REDACTED } from "../probe/captureVariables.ts";
import { isByteSlice } from "../probe/shape.ts";
import { formatComplex, formatFloat } from "./float.ts";
import type { CapturedMemory, ValueBytes } from "./memory.ts";
import { isReadableText, quote, wholeRunes } from "./quote.ts";
import { formatDuration, formatTime } from "./time.ts";

export function unavailable(reason: string): string {
  return reason === REDACTED ? "<redacted>" : `<unavailable: ${reason}>`;
}

/** Elements of an array that are shown (design: the limit of slices). */
const MAX_ELEMENTS = 64;
/** Fields and elements of one value: zero-sized ones need no bytes, so the event's size does not bound them. */
const MAX_PARTS = 10_000;
/** A sound type nests far less; a damaged one may contain itself. */
const MAX_DEPTH = 64;
/** User addresses fit 47 bits (Linux, Documentation/arch/x86/x86_64/mm.rst): no string is longer. */
const MAX_LENGTH = 1n << 47n;
const WORD = 8;

export class ValueText {
  private readonly memory: CapturedMemory;
  private readonly limits: CaptureLimits;
  private parts = 0;

  constructor(memory: CapturedMemory, limits: CaptureLimits) {
    this.memory = memory;
    this.limits = limits;
  }

  /** `offset`: where the value starts in `bytes`. */
  render(type: GoType, bytes: ValueBytes, offset: number, depth = 0): string {
    if (++this.parts > MAX_PARTS || depth > MAX_DEPTH) return unavailable("the value has too many parts to show");
    try {
      return this.textOf(type, new Cursor(bytes, offset), depth);
    } catch (error) {
      if (error instanceof Unreadable) return unavailable(error.message);
      throw error;
    }
  }

  private textOf(type: GoType, at: Cursor, depth: number): string {
    switch (type.kind) {
      case "unknown":
        return unavailable(type.reason);
      case "bool":
        return boolText(at.uint(0, 1));
      case "int8":
      case "int16":
      case "int32":
      case "int64":
      case "int": {
        const value = BigInt.asIntN(type.size * 8, at.uint(0, type.size));
        return isTimeType(type, "Duration") ? formatDuration(value) : String(value);
      }
      case "uint8":
      case "uint16":
      case "uint32":
      case "uint64":
      case "uint":
        return String(at.uint(0, type.size));
      case "uintptr":
        return hex(at.uint(0, type.size));
      case "float32":
        return formatFloat(at.float(0, 32), 32);
      case "float64":
        return formatFloat(at.float(0, 64), 64);
      case "complex64":
        return formatComplex(at.float(0, 32), at.float(4, 32), 32);
      case "complex128":
        return formatComplex(at.float(0, 64), at.float(8, 64), 64);
      case "string":
        return this.stringText(at);
      case "unsafe.Pointer":
        return `${type.name}(${pointerText(at)})`;
      case "ptr":
        return `(${type.name})(${pointerText(at)})`;
      case "slice":
        return this.sliceText(type, at);
      case "array":
        return this.arrayText(type, at, depth);
      case "struct":
        return this.structText(type, at, depth);
      case "map":
        return nilOr(at, `${type.name}(nil)`, "maps are not shown yet");
      case "chan":
        return nilOr(at, `${type.name}(nil)`, "channels are not shown yet");
      case "func":
        return nilOr(at, "func(nil)", "functions are not shown yet");
      default:
        return interfaceText(type, at);
    }
  }

  private stringText(at: Cursor): string {
    const { bytes, length } = this.storage(at);
    const shown = bytes.subarray(0, bytes.length < length ? wholeRunes(bytes) : bytes.length);
    return quote(shown) + cutMark(length - shown.length);
  }

  private sliceText(type: SliceType, at: Cursor): string {
    const name = typeText(type);
    const pointer = at.uint(0, WORD);
    const length = at.length(WORD);
    const capacity = at.length(2 * WORD);
    if (length > capacity) throw new Unreadable(`its length ${length} is over its capacity ${capacity}`);
    if (pointer === 0n) {
      if (capacity !== 0) throw new Unreadable(`it has length ${length} but no storage`);
      return `${name}(nil)`;
    }
    if (isByteSlice(type)) return `${name}${this.byteText(this.storage(at))}`;
    return length === 0 ? `${name}{}` : unavailable("slices are not shown yet");
  }

  private arrayText(type: ArrayType, at: Cursor, depth: number): string {
    const name = typeText(type);
    if (isByteArray(type)) {
      const bytes = at.bytes(0, Math.min(type.length, this.limits.stringBytes));
      return `${name}${this.byteText({ bytes, length: type.length })}`;
    }
    const shown = Math.min(type.length, MAX_ELEMENTS);
    const texts: string[] = [];
    for (let index = 0; index < shown; index++) {
      texts.push(this.render(type.elem, at.source, at.offset + index * type.elem.size, depth + 1));
    }
    if (shown < type.length) texts.push(`…+${type.length - shown}`);
    return `${name}{${texts.join(", ")}}`;
  }

  private structText(type: StructType, at: Cursor, depth: number): string {
    if (isTimeType(type, "Time")) {
      const text = timeText(type, at);
      if (text !== undefined) return text;
    }
    const texts: string[] = [];
    for (const field of type.fields) {
      texts.push(`${field.name}:${this.render(field.type, at.source, at.offset + field.offset, depth + 1)}`);
      if (this.parts > MAX_PARTS) break;
    }
    return `${type.name}{${texts.join(", ")}}`;
  }

  /** The storage of a string or byte slice, as far as it was copied. */
  private storage(at: Cursor): Storage {
    const pointer = at.uint(0, WORD);
    const length = at.length(WORD);
    if (length === 0) return { bytes: new Uint8Array(0), length };
    if (pointer === 0n) throw new Unreadable(`it has length ${length} but no storage`);
    const read = this.memory.read(pointer, Math.min(length, this.limits.stringBytes));
    if (!read.ok) throw new Unreadable(read.reason);
    return { bytes: read.bytes, length };
  }

  /** `("…")` where the bytes read well as text, else `{0, 255}`. */
  private byteText({ bytes, length }: Storage): string {
    const text = bytes.subarray(0, bytes.length < length ? wholeRunes(bytes) : bytes.length);
    if (isReadableText(text)) return `(${quote(text)}${cutMark(length - text.length)})`;
    const cut = bytes.length < length ? `, …+${length - bytes.length}` : "";
    return `{${Array.from(bytes).join(", ")}${cut}}`;
  }
}

interface Storage {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Why a part cannot be shown; caught where that part begins, so that the rest of the value stays. */
class Unreadable extends Error {}

/** Reads relative to one value's start. */
class Cursor {
  readonly source: ValueBytes;
  readonly offset: number;

  constructor(source: ValueBytes, offset: number) {
    this.source = source;
    this.offset = offset;
  }

  uint(offset: number, size: number): bigint {
    const view = this.view(offset, size);
    switch (size) {
      case 1:
        return BigInt(view.getUint8(0));
      case 2:
        return BigInt(view.getUint16(0, true));
      case 4:
        return BigInt(view.getUint32(0, true));
      case 8:
        return view.getBigUint64(0, true);
      default:
        throw new Unreadable(`a number of ${size} bytes`);
    }
  }

  float(offset: number, bits: 32 | 64): number {
    const view = this.view(offset, bits / 8);
    return bits === 32 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  }

  /** A length or capacity word; a torn or stale one is refused. */
  length(offset: number): number {
    const value = BigInt.asIntN(64, this.uint(offset, WORD));
    if (value < 0n || value > MAX_LENGTH) throw new Unreadable(`its length word ${value} is no length`);
    return Number(value);
  }

  bytes(offset: number, size: number): Uint8Array {
    const view = this.view(offset, size);
    return new Uint8Array(view.buffer, view.byteOffset, size);
  }

  private view(offset: number, size: number): DataView {
    const read = this.source.read(this.offset + offset, size);
    if (!read.ok) throw new Unreadable(read.reason);
    return read.view;
  }
}

function boolText(value: bigint): string {
  if (value === 0n) return "false";
  if (value === 1n) return "true";
  throw new Unreadable(`its byte ${value} is no bool`);
}

function pointerText(at: Cursor): string {
  const address = at.uint(0, WORD);
  return address === 0n ? "nil" : hex(address);
}

function nilOr(at: Cursor, nil: string, reason: string): string {
  return at.uint(0, WORD) === 0n ? nil : unavailable(reason);
}

function interfaceText(_: InterfaceType, at: Cursor): string {
  return nilOr(at, "nil", "interfaces are not shown yet");
}

function timeText(type: StructType, at: Cursor): string | undefined {
  const offsetOf = (name: string) => type.fields.find((field) => field.name === name && field.type.size === 8)?.offset;
  const wall = offsetOf("wall");
  const ext = offsetOf("ext");
  if (wall === undefined || ext === undefined) return undefined;
  const text = formatTime(at.uint(wall, 8), BigInt.asIntN(64, at.uint(ext, 8)));
  if (text === undefined) throw new Unreadable("its words are no time");
  return `${type.name}(${text})`;
}

/** The standard library's type, not one of another package whose last element is `time`. */
function isTimeType(type: GoType, name: string): boolean {
  const full = `time.${name}`;
  return type.name === full && (type.linkName ?? full) === full;
}

function isByteArray(type: ArrayType): boolean {
  return type.elem.kind === "uint8" && !type.elem.named;
}

/** `[]byte` and `[3]byte` for what `%T` calls `[]uint8` and `[3]uint8`, when they are shown as bytes. */
function typeText(type: SliceType | ArrayType): string {
  if (type.named) return type.name;
  if (type.kind === "slice") return isByteSlice(type) ? "[]byte" : type.name;
  return isByteArray(type) ? `[${type.length}]byte` : type.name;
}

function cutMark(left: number): string {
  return left > 0 ? `…+${left}` : "";
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
