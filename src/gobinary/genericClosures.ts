/**
 * Literals in generic functions: one body of code serves several instances, and the closure object holds the dictionary
 * that tells which. The compiler captures it like a variable called `.dict` (cmd/compile/internal/noder: reader.go since
 * Go 1.20, last and where it is needed; stencil.go before, first).
 */
import type { ClosureVariable, FuncInfo } from "../goabi/resolver.ts";
import { DICTIONARY, isShaped, shapeName } from "../goabi/shaped.ts";
import type { DictionaryPlace, GoType } from "../goabi/type.ts";
import { splitArguments } from "./runtime/typeArguments.ts";

type Func = Extract<FuncInfo, { captured: unknown }>;

/** By the name of a type that the instances of a function share: where the dictionary has the real one. */
export type PlacesOfShapes = ReadonlyMap<string, DictionaryPlace>;

/** What the object holds, the dictionary apart. */
export function withoutDictionary(info: Func): Func {
  const isGeneric = info.name.includes("[");
  const last = info.captured.length - 1;
  const found = info.captured.find((variable, index) => isDictionary(variable, isGeneric && index === last));
  if (found === undefined) return info;
  return { ...info, captured: info.captured.filter((variable) => variable !== found), dictionary: found.offset };
}

/** With the places that the dictionary has the variables' types at. */
export function withPlaces(info: Func, places: () => PlacesOfShapes): Func {
  if (info.dictionary === undefined || !info.captured.some(({ type }) => isShaped(type))) return info;
  const known = places();
  const captured = info.captured.map((variable) => {
    const inDictionary = isShaped(variable.type) ? known.get(shapeName(variable.type)) : undefined;
    return inDictionary === undefined ? variable : { ...variable, inDictionary };
  });
  return { ...info, captured };
}

/** By its name, or the type of the object's last word, `*[3]uintptr`: a reader of the object finds out what it holds. */
function isDictionary({ name, held }: ClosureVariable, isLast: boolean): boolean {
  if (name !== "") return name === DICTIONARY;
  const words = isLast && held?.kind === "ptr" && !held.named ? held.elem : undefined;
  return words?.kind === "array" && !words.named && words.elem.kind === "uintptr" && !words.elem.named;
}

/**
 * The functions around a literal, itself first: `main.f[go.shape.int].func1` stands in `main.f[go.shape.int]`. Undefined
 * where no type parameter can be told from another by its shape, because two have the same.
 */
export function enclosingNames(name: string): string[] | undefined {
  const open = name.indexOf("[");
  const args = open < 0 ? [] : splitArguments(name.slice(open + 1, name.lastIndexOf("]"))).map(withoutPaths);
  if (args.length === 0 || new Set(args).size < args.length) return undefined;
  const names = [name];
  for (let at = name.lastIndexOf("."); at > name.lastIndexOf("]"); at = name.lastIndexOf(".", at - 1))
    names.push(name.slice(0, at));
  return names;
}

/** Types of one name in two packages are one here: their variables could not be told apart. */
function withoutPaths(type: string): string {
  return type.replaceAll(/[^\s*[\](){},;]*\//g, "");
}

/** Of the types of these variables; one that stands at two places is left out. */
export function placesOfShapes(types: Iterable<GoType | undefined>): PlacesOfShapes {
  const places = new Map<string, DictionaryPlace>();
  const ambiguous = new Set<string>();
  for (const type of types) {
    const place = type?.inDictionary;
    if (type === undefined || place === undefined || !("word" in place)) continue;
    const name = shapeName(type);
    const before = places.get(name);
    if (before !== undefined && "word" in before && before.word !== place.word) ambiguous.add(name);
    places.set(name, place);
  }
  for (const name of ambiguous) places.delete(name);
  return places;
}
