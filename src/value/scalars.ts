/** Values without inner structure: numbers, booleans, addresses, strings, and times as package time prints them. */

import { SCALAR_LAYOUTS } from "../goabi/layout.ts";
import { SLICE } from "../goabi/runtime/slice.ts";
import { STRING } from "../goabi/runtime/string.ts";
import type { GoType, ScalarKind, ScalarType, StructType } from "../goabi/type.ts";
import { RUNE_TAIL } from "../probe/api.ts";
import type { Value } from "./api.ts";
import { formatComplex, formatFloat } from "./float.ts";
import type { Missing, Region } from "./memory.ts";
import { quote, wholeRunes } from "./quote.ts";
import { formatDuration, formatTime } from "./time.ts";
import { absent, type Decode, unavailable, type Walk } from "./walk.ts";

/** User addresses fit 47 bits (Linux, Documentation/arch/x86/x86_64/mm.rst): no string is longer. */
const MAX_LENGTH = 2 ** 47;

export function scalarDecoder(type: ScalarType): Decode {
  const { size } = SCALAR_LAYOUTS[type.kind];
  if (type.size !== size) return () => unavailable(type, "its type's size cannot be right");
  if (type.kind === "string") return (at, offset, walk) => decodeString(type, at, offset, walk);
  if (type.kind === "bool") return (at, offset) => decodeBool(type, at, offset);
  const { name, kind } = type;
  if (kind === "unsafe.Pointer") {
    return (at, offset) => {
      const missing = at.missing(offset, size);
      if (missing !== undefined) return absent(type, missing);
      const text = at.hexWord(offset);
      return text === "0x0" ? { type: name, kind, nil: true } : { type: name, kind, text };
    };
  }
  const write = kind === "int64" && isTimeType(type, "Duration") ? durationText : WRITERS[kind];
  return (at, offset) => {
    const missing = at.missing(offset, size);
    return missing === undefined ? { type: name, kind, text: write(at, offset) } : absent(type, missing);
  };
}

/** The length word of a string or slice; a torn or stale one is no length. */
export function lengthAt(at: Region, offset: number): number | Missing {
  const length = at.word(offset);
  if (length <= MAX_LENGTH) return length;
  return { reason: `its length word ${BigInt.asIntN(64, at.u64(offset))} is no length` };
}

/** A string's or byte slice's storage, as far as it was copied: up to the limit, and what tells how it may be cut there. */
export function storageBytes(
  at: Region,
  offset: number,
  length: number,
  walk: Walk,
): { readonly bytes: Uint8Array } | Missing {
  if (length === 0) return { bytes: NO_BYTES };
  const address = at.word(offset + STRING.pointer);
  if (address === 0) return { reason: `it has length ${length} but no storage` };
  const wanted = Math.min(length, walk.limits.stringBytes + RUNE_TAIL);
  const tooMany = walk.stringBytes(wanted);
  if (tooMany !== undefined) return tooMany;
  const region = walk.memory.at(address, wanted);
  if ("reason" in region) return region;
  const run = region.run(wanted);
  // A secret's bytes stop the text even behind its start.
  if (run.length < wanted && (run.length === 0 || run.why.redacted === true)) return run.why;
  return { bytes: region.bytes(0, run.length) };
}

/** The bytes of a text of `length`, `limit` of them at the most, as text of which nothing but the end may be left out. */
export function cutText(bytes: Uint8Array, length: number, limit: number): { text: string; cut?: number } {
  const shown = shownBytes(bytes, length, limit);
  const left = length - shown.length;
  return left === 0 ? { text: quote(shown) } : { text: quote(shown), cut: left };
}

/** Those of them that a text of `length`, `limit` of them at the most, shows: no rune is cut. */
export function shownBytes(bytes: Uint8Array, length: number, limit: number): Uint8Array {
  const isWhole = bytes.length >= length && length <= limit;
  return isWhole ? bytes : bytes.subarray(0, cutAt(bytes, length, limit));
}

function cutAt(bytes: Uint8Array, length: number, limit: number): number {
  // A rune that the text itself breaks off is none.
  return bytes.length >= length ? wholeRunes(withEnd(bytes), limit) : wholeRunes(bytes, limit);
}

/** With bytes behind it that continue no rune. */
function withEnd(bytes: Uint8Array): Uint8Array {
  const ended = new Uint8Array(bytes.length + RUNE_TAIL);
  ended.set(bytes);
  return ended;
}

/** The standard library's type, not one of another package whose last element is `time`. */
function isTimeType(type: GoType, name: string): boolean {
  const full = `time.${name}`;
  return type.name === full && (type.linkName ?? full) === full;
}

/** time.Time; undefined for other structs. */
export function timeDecoder(type: StructType): Decode | undefined {
  if (!isTimeType(type, "Time")) return undefined;
  const offsetOf = (name: string) => type.fields.find((field) => field.name === name && field.type.size === 8)?.offset;
  const wall = offsetOf("wall");
  const ext = offsetOf("ext");
  if (wall === undefined || ext === undefined) return undefined;
  return (at, offset) => {
    const missing = at.missing(offset + wall, 8) ?? at.missing(offset + ext, 8);
    if (missing !== undefined) return absent(type, missing);
    const text = formatTime(at.u64(offset + wall), BigInt.asIntN(64, at.u64(offset + ext)));
    if (text === undefined) return unavailable(type, "its words are no time");
    return { type: type.name, kind: type.kind, text };
  };
}

const NO_BYTES = new Uint8Array(0);

type NumberKind = Exclude<ScalarKind, "bool" | "string" | "unsafe.Pointer">;

const WRITERS: Readonly<Record<NumberKind, (at: Region, offset: number) => string>> = {
  int: signedWord,
  int8: (at, offset) => String(at.i8(offset)),
  int16: (at, offset) => String(at.i16(offset)),
  int32: (at, offset) => String(at.i32(offset)),
  int64: signedWord,
  uint: unsignedWord,
  uint8: (at, offset) => String(at.u8(offset)),
  uint16: (at, offset) => String(at.u16(offset)),
  uint32: (at, offset) => String(at.u32(offset)),
  uint64: unsignedWord,
  uintptr: (at, offset) => at.hexWord(offset),
  float32: (at, offset) => formatFloat(at.f32(offset), 32),
  float64: (at, offset) => formatFloat(at.f64(offset), 64),
  complex64: (at, offset) => formatComplex(at.f32(offset), at.f32(offset + 4), 32),
  complex128: (at, offset) => formatComplex(at.f64(offset), at.f64(offset + 8), 64),
};

function signedWord(at: Region, offset: number): string {
  return String(at.smallInteger(offset) ?? BigInt.asIntN(64, at.u64(offset)));
}

function unsignedWord(at: Region, offset: number): string {
  const value = at.word(offset);
  return String(Number.isSafeInteger(value) ? value : at.u64(offset));
}

function durationText(at: Region, offset: number): string {
  return formatDuration(BigInt.asIntN(64, at.u64(offset)));
}

function decodeBool(type: ScalarType, at: Region, offset: number): Value {
  const missing = at.missing(offset, 1);
  if (missing !== undefined) return absent(type, missing);
  const byte = at.u8(offset);
  if (byte > 1) return unavailable(type, `its byte ${byte} is no bool`);
  return { type: type.name, kind: type.kind, text: byte === 1 ? "true" : "false" };
}

function decodeString(type: ScalarType, at: Region, offset: number, walk: Walk): Value {
  const missing = at.missing(offset, STRING.size);
  if (missing !== undefined) return absent(type, missing);
  const length = lengthAt(at, offset + STRING.length);
  if (typeof length !== "number") return absent(type, length);
  const storage = storageBytes(at, offset, length, walk);
  if ("reason" in storage) return absent(type, storage);
  return { type: type.name, kind: type.kind, len: length, ...cutText(storage.bytes, length, walk.limits.stringBytes) };
}

/** A slice's header; absent where it cannot be one. */
export function sliceHeader(
  at: Region,
  offset: number,
): { pointer: number; length: number; capacity: number } | Missing {
  const missing = at.missing(offset, SLICE.size);
  if (missing !== undefined) return missing;
  const length = lengthAt(at, offset + SLICE.length);
  if (typeof length !== "number") return length;
  const capacity = lengthAt(at, offset + SLICE.capacity);
  if (typeof capacity !== "number") return capacity;
  if (length > capacity) return { reason: `its length ${length} is over its capacity ${capacity}` };
  const pointer = at.word(offset + SLICE.pointer);
  if (pointer === 0 && capacity !== 0) return { reason: `it has length ${length} but no storage` };
  return { pointer, length, capacity };
}
