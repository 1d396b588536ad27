/** Interfaces: the dynamic type through the type word, the value in the data word or behind it. */
import { EFACE, IFACE, ITAB } from "../goabi/runtime/interface.ts";
import { WORD } from "../goabi/runtime/word.ts";
import type { GoType, InterfaceType } from "../goabi/type.ts";
import type { Value } from "./api.ts";
import { EMPTY, type Missing, type Region } from "./memory.ts";
import { absent, type Compile, type Decode, NO_LOAD_BIAS, unavailable, type Walk } from "./walk.ts";

export function interfaceDecoder(type: InterfaceType, compile: Compile): Decode {
  return (at, offset, walk) => {
    const missing = at.missing(offset, WORD);
    if (missing !== undefined) return absent(type, missing);
    const { name, kind } = type;
    // The same place in both: 0 is nil, whatever the data word says.
    const word = at.word(offset + EFACE.type);
    if (word === 0) return { type: name, kind, nil: true };
    const descriptor = type.empty ? word : descriptorOf(at.word(offset + IFACE.itab), walk);
    if (typeof descriptor !== "number") return absent(type, descriptor);
    if (walk.loadBias === undefined) return unavailable(type, NO_LOAD_BIAS);
    const dynamic = walk.resolver.dynamicType(descriptor - walk.loadBias);
    if ("reason" in dynamic) return unavailable(type, dynamic.reason);
    return walk.inside(type, () => {
      const full = walk.part();
      if (full !== undefined) return absent(type, full);
      const elem = dynamic.direct
        ? compile(dynamic.type)(at, offset + EFACE.data, walk)
        : boxed(dynamic.type, at, offset + EFACE.data, compile, walk);
      return { type: name, kind, elem };
    });
  };
}

function descriptorOf(itab: number, walk: Walk): number | Missing {
  const region = walk.memory.at(itab, ITAB.size);
  if ("reason" in region) return region;
  return region.missing(ITAB.type, WORD) ?? region.word(ITAB.type);
}

/** A box is storage, no pointer of the program's: its depth is not counted. */
function boxed(type: GoType, at: Region, offset: number, compile: Compile, walk: Walk): Value {
  const missing = at.missing(offset, WORD);
  if (missing !== undefined) return absent(type, missing);
  if (type.size === 0) return compile(type)(EMPTY, 0, walk);
  const region = walk.memory.at(at.word(offset), Math.max(type.size, 1));
  return "reason" in region ? absent(type, region) : compile(type)(region, 0, walk);
}
