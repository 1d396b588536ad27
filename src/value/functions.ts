/** Funcs: the code's name and what the closure object holds. */
import type { ClosureVariable } from "../goabi/resolver.ts";
import { CLOSURE } from "../goabi/runtime/closure.ts";
import { WORD } from "../goabi/runtime/word.ts";
import { DICTIONARY, fitsShape } from "../goabi/shaped.ts";
import type { FuncType, GoType } from "../goabi/type.ts";
import type { Field, Value } from "./api.ts";
import { absent, type Decode, NO_LOAD_BIAS, unavailable, type Walk } from "./walk.ts";

/** `main.T.M-fm`: the linker's name of the closure that a method value makes. */
const METHOD_VALUE = "-fm";

/** `decoderOf`: of a captured variable, secret names in mind. */
export function funcDecoder(type: FuncType, decoderOf: (variable: ClosureVariable) => Decode): Decode {
  return (at, offset, walk) => {
    const missing = at.missing(offset, WORD);
    if (missing !== undefined) return absent(type, missing);
    const { name, kind } = type;
    const address = at.word(offset);
    if (address === 0) return { type: name, kind, nil: true };
    const object = walk.memory.at(address, WORD);
    if ("reason" in object) return absent(type, object);
    const noCode = object.missing(CLOSURE.code, WORD);
    if (noCode !== undefined) return absent(type, noCode);
    if (walk.loadBias === undefined) return unavailable(type, NO_LOAD_BIAS);
    const info = walk.resolver.funcAt(object.word(CLOSURE.code) - walk.loadBias, address - walk.loadBias);
    if ("reason" in info) return unavailable(type, info.reason);
    const text = `func ${info.name}`;
    const rest = info.missing === undefined ? undefined : unavailable(type, info.missing);
    return walk.storage(type, address, () => {
      if (info.name.endsWith(METHOD_VALUE)) {
        const receiver = info.captured[0];
        const elem = receiver === undefined ? rest : captured(receiver, address, decoderOf(receiver), walk);
        return { type: name, kind, text, ...(elem === undefined ? {} : { elem }) };
      }
      const fields: Field[] = [];
      for (const shared of info.captured) {
        // What a literal in a generic function needs to know its type arguments: not the program's own variable.
        if (shared.name === DICTIONARY) continue;
        if (walk.part() !== undefined) break;
        const variable = instantiated(shared, info.dictionary, address, walk);
        fields.push({ name: variable.name, value: captured(variable, address, decoderOf(variable), walk) });
      }
      if (rest !== undefined) fields.push({ name: "", value: rest });
      return { type: name, kind, text, ...(fields.length === 0 ? {} : { fields }) };
    });
  };
}

/** With its type in this instance, where the object's dictionary tells it. `dictionary`: offset of its address. */
function instantiated(
  variable: ClosureVariable,
  dictionary: number | undefined,
  object: number,
  { memory, resolver, loadBias = 0 }: Walk,
): ClosureVariable {
  const { inDictionary, type } = variable;
  if (inDictionary === undefined || dictionary === undefined) return variable;
  const word = memory.at(object + dictionary, WORD);
  if ("reason" in word || word.missing(0, WORD) !== undefined) return variable;
  const real = resolver.typeInDictionary(word.word(0) - loadBias, inDictionary);
  return real === undefined || !fitsShape(type, real) ? variable : { ...variable, type: real };
}

function captured(variable: ClosureVariable, object: number, decode: Decode, walk: Walk): Value {
  const { type, offset, byReference } = variable;
  if (!byReference) return decodeAt(object + offset, type, decode, walk);
  const word = walk.memory.at(object + offset, WORD);
  if ("reason" in word) return absent(type, word);
  const missing = word.missing(0, WORD);
  return missing === undefined ? decodeAt(word.word(0), type, decode, walk) : absent(type, missing);
}

function decodeAt(address: number, type: GoType, decode: Decode, walk: Walk): Value {
  const region = walk.memory.at(address, type.size === 0 ? 0 : Math.max(type.size, 1));
  return "reason" in region ? absent(type, region) : decode(region, 0, walk);
}
