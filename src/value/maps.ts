/** Maps: entries up to the limit, sorted by their text; secret ones by their string keys. */
import { type MapFlavour, type MapStorage, mapStorage } from "../goabi/runtime/map.ts";
import type { SlotArray } from "../goabi/runtime/slotGroup.ts";
import { STRING } from "../goabi/runtime/string.ts";
import { WORD } from "../goabi/runtime/word.ts";
import type { IsSecretName } from "../goabi/secretNames.ts";
import type { GoType, MapType } from "../goabi/type.ts";
import type { Entry, Value } from "./api.ts";
import { type MapSlot, mapSlots } from "./mapSlots.ts";
import { EMPTY, type Missing, REDACTED, type Region } from "./memory.ts";
import { quote } from "./quote.ts";
import { textOf } from "./text.ts";
import { absent, type Compile, type Decode, leftOut, unavailable, type Walk } from "./walk.ts";

const UNKNOWN_VERSION = "the layout of maps of this Go version is not known";

export function mapDecoder(type: MapType, flavour: MapFlavour, compile: Compile, isSecret: IsSecretName): Decode {
  let storage: MapStorage | undefined;
  return (at, offset, walk) => {
    const missing = at.missing(offset, WORD);
    if (missing !== undefined) return absent(type, missing);
    const { name, kind } = type;
    const address = at.word(offset);
    if (address === 0) return { type: name, kind, nil: true };
    storage ??= mapStorage(flavour, type);
    const layout = storage;
    if (layout === undefined)
      return unavailable(type, flavour === "unknown" ? UNKNOWN_VERSION : "the layout of its entries is not known");
    return walk.storage(type, address, () => {
      const found = mapSlots(walk.memory, address, layout, walk.limits.elements);
      if ("reason" in found) return absent(type, found);
      const { keys, elems } = layout.kind === "hmap" ? layout.bucket : layout.group;
      const entries: Entry[] = [];
      for (const slot of found.slots) {
        if (walk.part() !== undefined) break;
        const key = decodeSlot(type.key, slot.region, slot.key, keys, compile, walk);
        const hidden = hidesValue(key, isSecret, () => wholeKey(key, slot, walk));
        const value =
          hidden === undefined
            ? decodeSlot(type.elem, slot.region, slot.elem, elems, compile, walk)
            : absent(type.elem, hidden);
        entries.push({ key, value });
      }
      if (entries.length === 0 && found.count > 0 && found.missing !== undefined) return absent(type, found.missing);
      const head = { type: name, kind, len: found.count, entries: sorted(entries) };
      return { ...head, ...leftOut(found.count, walk.limits.elements, entries.length, found.missing) };
    });
  };
}

function decodeSlot(
  type: GoType,
  region: Region,
  offset: number,
  slot: SlotArray,
  compile: Compile,
  walk: Walk,
): Value {
  const decode = compile(type);
  if (type.size === 0) return decode(EMPTY, 0, walk);
  if (!slot.indirect) return decode(region, offset, walk);
  const missing = region.missing(offset, WORD);
  if (missing !== undefined) return absent(type, missing);
  const kept = walk.memory.at(region.word(offset), type.size);
  return "reason" in kept ? absent(type, kept) : decode(kept, 0, walk);
}

/**
 * Why the value must not be shown. A string key that was not read, or not to its end, may be a secret's. `whole`: the key
 * as text, where more of it is known than is shown.
 */
export function hidesValue(
  key: Value,
  isSecret: IsSecretName,
  whole: () => string | undefined = () => undefined,
): Missing | undefined {
  if (key.kind === "interface" && key.elem !== undefined) return hidesValue(key.elem, isSecret);
  if (key.kind === "interface") return key.nil === true ? undefined : NO_KEY;
  if (key.kind !== "string") return undefined;
  if (key.text === undefined) return NO_KEY;
  const text = key.cut === undefined ? key.text : whole();
  // Escapes of control characters end in letters that are not the name's.
  if (isSecret((text ?? key.text).replace(/\\(?:x..|u....|U.{8}|.)/g, " "))) return REDACTED;
  return text === undefined ? NO_KEY : undefined;
}

/** Of a key that is itself a string, which the kernel copied beyond what is shown. */
function wholeKey({ len = 0 }: Value, { region, key }: MapSlot, { memory }: Walk): string | undefined {
  const storage = memory.at(region.word(key + STRING.pointer), len);
  return "reason" in storage || storage.run(len).length < len ? undefined : quote(storage.bytes(0, len));
}

const NO_KEY: Missing = { reason: "its key, which may be a secret's, was not read to its end" };

/** By the key's text in byte order, then the value's. */
function sorted(entries: Entry[]): readonly Entry[] {
  if (entries.length < 2) return entries;
  return entries
    .map((entry) => ({ entry, text: textOf(entry.key) }))
    .sort((a, b) => compareBytes(a.text, b.text) || compareBytes(textOf(a.entry.value), textOf(b.entry.value)))
    .map(({ entry }) => entry);
}

/** The order of the texts' UTF-8 bytes, which is that of code points; JavaScript's puts U+E000 to U+FFFF last. */
export function compareBytes(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let at = 0; at < end; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left !== right) return inByteOrder(left) - inByteOrder(right);
  }
  return a.length - b.length;
}

function inByteOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
