/** Arrays and slices: elements up to the limit, bytes as text where they read well. */

import { arrayLayout } from "../goabi/layout.ts";
import type { ArrayType, GoType, SliceType } from "../goabi/type.ts";
import { RUNE_TAIL } from "../probe/api.ts";
import type { Value } from "./api.ts";
import { EMPTY, type Missing, type Region } from "./memory.ts";
import { isReadableText } from "./quote.ts";
import { cutText, sliceHeader, storageBytes } from "./scalars.ts";
import { absent, type Compile, type Decode, leftOut, unavailable, type Walk } from "./walk.ts";

/** `[]byte`, `[3]byte` and defined types of them; a slice of a defined byte type is a slice like others. */
export function isBytes(type: SliceType | ArrayType): boolean {
  return type.elem.kind === "uint8" && !type.elem.named;
}

export function sliceDecoder(type: SliceType, compile: Compile): Decode {
  return (at, offset, walk) => {
    const header = sliceHeader(at, offset);
    if ("reason" in header) return absent(type, header);
    const { pointer, length, capacity } = header;
    const { name, kind } = type;
    if (pointer === 0) return { type: name, kind, nil: true, len: 0, cap: 0 };
    const head = { type: name, kind, len: length, cap: capacity };
    if (isBytes(type)) {
      const storage = storageBytes(at, offset, length, walk);
      return "reason" in storage
        ? absent(type, storage)
        : { ...head, ...byteText(type.elem, storage.bytes, length, walk.limits.stringBytes) };
    }
    if (length === 0) return { ...head, elems: [] };
    return walk.storage(type, pointer, () => {
      const shown = storedElements(type.elem, pointer, Math.min(length, walk.limits.elements), walk);
      if ("reason" in shown) return absent(type, shown);
      return { ...head, ...elements(type.elem, compile, { ...shown, offset: 0 }, length, walk) };
    });
  };
}

export function arrayDecoder(type: ArrayType, compile: Compile): Decode {
  const { name, kind, length, elem } = type;
  // -1 is what a type of unknown size has: then its elements say why.
  if (elem.size >= 0 && arrayLayout({ size: elem.size, align: 1 }, length)?.size !== type.size)
    return () => unavailable(type, "its type's size cannot be right");
  return (at, offset, walk) => {
    if (isBytes(type)) {
      const limit = walk.limits.stringBytes;
      const shown = Math.min(length, limit + RUNE_TAIL);
      const missing = at.missing(offset, shown) ?? walk.stringBytes(shown);
      if (missing !== undefined) return absent(type, missing);
      return { type: name, kind, len: length, ...byteText(elem, at.bytes(offset, shown), length, limit) };
    }
    return walk.inside(type, () => {
      const count = Math.min(length, walk.limits.elements);
      return { type: name, kind, len: length, ...elements(elem, compile, { region: at, offset, count }, length, walk) };
    });
  };
}

/** `count` elements that stand one after the other, and why there are no more. */
interface Stored {
  readonly region: Region;
  readonly offset: number;
  readonly count: number;
  readonly why?: Missing;
}

/** Of `wanted` elements those that were copied: whole ones, or one in parts. */
function storedElements(elem: GoType, address: number, wanted: number, walk: Walk): Omit<Stored, "offset"> | Missing {
  if (elem.size <= 0 || wanted === 0) return { region: EMPTY, count: wanted };
  const region = walk.memory.at(address, wanted * elem.size);
  if ("reason" in region) return region;
  if (region.length === 0) return region.run(1).why;
  const count = Math.max(1, Math.floor(region.length / elem.size));
  return count < wanted ? { region, count, why: region.run(wanted * elem.size).why } : { region, count: wanted };
}

/** Stored elements of a sequence of `length`. */
function elements(
  elem: GoType,
  compile: Compile,
  { region, offset, count, why }: Stored,
  length: number,
  walk: Walk,
): Pick<Value, "elems" | "cut" | "unavailable"> {
  const decode = compile(elem);
  const elems: Value[] = [];
  for (let index = 0; index < count; index++) {
    const full = walk.part();
    elems.push(full === undefined ? decode(region, offset + index * elem.size, walk) : absent(elem, full));
    if (full !== undefined) break;
  }
  return { elems, ...leftOut(length, walk.limits.elements, elems.length, why) };
}

/** As text, else as numbers; `limit` bytes at the most. */
function byteText(
  elem: GoType,
  bytes: Uint8Array,
  length: number,
  limit: number,
): Pick<Value, "text" | "elems" | "cut"> {
  const text = cutText(bytes, length, limit);
  if (isReadableText(bytes.subarray(0, length - (text.cut ?? 0)))) return text;
  const shown = bytes.subarray(0, limit);
  const elems = Array.from(shown, (byte): Value => ({ type: elem.name, kind: elem.kind, text: String(byte) }));
  return shown.length < length ? { elems, cut: length - shown.length } : { elems };
}
