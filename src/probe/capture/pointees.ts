/**
 * What pointers lead to that literals in generic functions have captured: the kernel program finds the type by the
 * dictionary whose address stands in the closure object, as it finds an interface's by its type word.
 */
import { WORD } from "../../goabi/runtime/word.ts";
import { fitsShape } from "../../goabi/shaped.ts";
import type { DictionaryPlace, GoType } from "../../goabi/type.ts";
import type { Closure, DictionaryData, RuntimeType } from "../../gobinary/api.ts";

/** The variables of one literal whose types its dictionary tells. */
type Literal = readonly { readonly place: DictionaryPlace; readonly type: GoType; readonly byReference: boolean }[];

/**
 * One for each dictionary that is such a literal's by all of its types. Where several literals say different things of a
 * dictionary, its pointers are not followed: a word has one target.
 */
export function pointeesOf(closures: readonly Closure[], dictionaries: DictionaryData | undefined): RuntimeType[] {
  if (dictionaries === undefined) return [];
  const literals = literalsWithPointers(closures);
  if (literals.length === 0) return [];
  const pointees: RuntimeType[] = [];
  const starts = new Set(dictionaries.candidates);
  for (const address of starts) {
    const types = new Set<GoType>();
    const typeAt = (place: DictionaryPlace) =>
      isInside(address, place, starts) ? dictionaries.typeAt(address, place) : undefined;
    for (const literal of literals) for (const type of pointersIn(literal, typeAt)) types.add(type);
    const [type] = types;
    if (type !== undefined && types.size === 1) pointees.push({ address, type, direct: true });
  }
  return pointees;
}

function literalsWithPointers(closures: readonly Closure[]): Literal[] {
  const literals = new Map<string, Literal>();
  for (const { captured } of closures) {
    const literal = captured.flatMap(({ instance, type, byReference }) =>
      instance === undefined ? [] : [{ place: instance.place, type, byReference }],
    );
    if (!literal.some(isFollowed)) continue;
    // Many are instances of one function: those of one structure ask the same.
    const key = literal.map(({ place, type }) => `${JSON.stringify(place)} ${type.kind} ${type.name}`).join();
    if (!literals.has(key)) literals.set(key, literal);
  }
  return [...literals.values()];
}

function isFollowed({ type, byReference }: Literal[number]): boolean {
  return type.kind === "ptr" && !byReference;
}

/** One dictionary may follow the other without a gap. */
function isInside(address: number, place: DictionaryPlace, starts: ReadonlySet<number>): boolean {
  if (!("word" in place)) return true;
  for (let word = 1; word <= place.word; word++) if (starts.has(address + word * WORD)) return false;
  return true;
}

function pointersIn(literal: Literal, typeAt: (place: DictionaryPlace) => GoType | undefined): GoType[] {
  const found: GoType[] = [];
  for (const variable of literal) {
    const type = typeAt(variable.place);
    if (type === undefined || !fitsShape(variable.type, type)) return [];
    if (isFollowed(variable)) found.push(type);
  }
  return found;
}
