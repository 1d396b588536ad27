/**
 * What pointers lead to that literals in generic functions have captured: the kernel program finds the type by the
 * dictionary whose address stands in the closure object, as it finds an interface's by its type word.
 */
import type { DictionaryPlace, GoType, PointerType } from "../../goabi/type.ts";
import type { Closure, DictionaryData, RuntimeType } from "../../gobinary/api.ts";

/** One for each dictionary. Of one that has several such types none is followed: a word has one target. */
export function pointeesOf(closures: readonly Closure[], dictionaries: DictionaryData | undefined): RuntimeType[] {
  if (dictionaries === undefined) return [];
  const places = new Map<string, DictionaryPlace>();
  for (const { captured } of closures)
    for (const { pointee } of captured)
      if (pointee !== undefined) places.set(JSON.stringify(pointee.place), pointee.place);
  const pointees: RuntimeType[] = [];
  for (const address of dictionaries.candidates) {
    const types = new Set<PointerType>();
    for (const place of places.values()) {
      const type = dictionaries.typeAt(address, place);
      if (type !== undefined && isPointer(type)) types.add(type);
    }
    const [type] = types;
    if (type !== undefined && types.size === 1) pointees.push({ address, type, direct: true });
  }
  return pointees;
}

function isPointer(type: GoType): type is PointerType {
  return type.kind === "ptr";
}
