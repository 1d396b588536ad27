/** A function's results as callers see them: named `~r0`, `~r1`, … where the source does not, and none of them wrong. */
import type { CallingConvention } from "../../goabi/location.ts";
import type { ListedVariable } from "./listedVariable.ts";

/**
 * cmd/compile 1.17 drops results in registers from the DWARF of optimised functions, without optimisation those that
 * escape to the heap; 1.18 adds them back (issue 48573).
 */
const DROPS_REGISTER_RESULTS = 17;
/** Since 1.18 the number in `~r1` counts results; before, parameters too. */
const NUMBERS_RESULTS = 18;
/** Range-over-func; see `rangeBody`. */
const RANGE_OVER_FUNC = 23;

export interface ResultWitnesses {
  /** Linker's name. */
  readonly name: string;
  readonly convention: CallingConvention;
  readonly goMinor: number;
  /** The list is the abstract DIE's: the compiler's list before optimisation. */
  readonly fromAbstract: boolean;
  /** It holds a range-over-func loop: the binary has the body, `NAME-range1`, inlined or not. */
  rangesOverFunc(): boolean;
}

export interface JudgedResults {
  readonly results: ListedVariable[];
  /** Why there may be more results than listed, a clause. */
  readonly missing?: string;
}

/**
 * Gives unnamed and blank results their position as name. Where the list may lack a result, the places of all of them
 * are in doubt: their types become unknown, so that no value can be shown.
 */
export function judgeResults(listed: readonly ListedVariable[], from: ResultWitnesses): JudgedResults {
  if (listed.length === 0 && isRangeBody(from)) return { results: [{ name: "~r0", type: BOOL, blank: false }] };
  const missing = missingResults(listed, from);
  // Those left over of a list have no position that could name them.
  const numbered = missing === undefined || from.goMinor >= NUMBERS_RESULTS;
  const left = numbered ? listed : listed.filter(({ name }) => !isUnnamed(name));
  const results = inOrder(left).map((result, index): ListedVariable => {
    const name = isUnnamed(result.name) ? `~r${index}` : result.name;
    if (missing === undefined) return { ...result, name };
    const { name: typeName, size, align, named } = result.type;
    return { ...result, name, type: { kind: "unknown", name: typeName, size, align, named, reason: missing } };
  });
  return missing === undefined ? { results } : { results, missing };
}

function isUnnamed(name: string): boolean {
  return numberOf(name) !== undefined || name === "_";
}

/** Up to Go 1.16 one that takes no space and its neighbour, both at one offset, may be listed in the wrong order. */
function inOrder(listed: readonly ListedVariable[]): readonly ListedVariable[] {
  const numbers = new Map(listed.map((result) => [result, numberOf(result.name) ?? Number.NaN]));
  if ([...numbers.values()].some(Number.isNaN)) return listed;
  return listed.toSorted((a, b) => numbers.get(a)! - numbers.get(b)!);
}

function missingResults(listed: readonly ListedVariable[], from: ResultWitnesses): string | undefined {
  const { convention, goMinor, fromAbstract } = from;
  if (hasNone(from.name)) return undefined;
  const unnamed = listed.filter(({ name }) => numberOf(name) !== undefined);
  if (convention === "register") {
    if (goMinor >= NUMBERS_RESULTS && listed.some(({ name }, index) => (numberOf(name) ?? index) !== index))
      return "the debug information does not list every result";
    if (goMinor === DROPS_REGISTER_RESULTS && (!fromAbstract || unnamed.length > 0))
      return "the debug information of Go 1.17 leaves out results in registers";
  }
  // Where a `return` stands in such a loop, rangefunc/rewrite.go renames every unnamed and blank result to `#rv1`, …,
  // which dwarfgen leaves out. One that still has its `~r0` shows that none was renamed.
  if (goMinor >= RANGE_OVER_FUNC && unnamed.length === 0 && from.rangesOverFunc())
    return "the debug information leaves out unnamed and blank results of functions that range over a function";
  return undefined;
}

/** The body of a range-over-func loop, `f-range1`: func(K, V) bool, its result named `#r1` and therefore not in DWARF. */
function isRangeBody({ name, goMinor }: ResultWitnesses): boolean {
  return goMinor >= RANGE_OVER_FUNC && /-range\d+$/.test(name);
}

/** `main.main`, `net/http.init`, `net/http.init.0`: the language allows them no results. */
function hasNone(name: string): boolean {
  return name === "main.main" || /^[^.]+\.init(\.\d+)?$/.test(name.slice(name.lastIndexOf("/") + 1));
}

const BOOL = { kind: "bool", name: "bool", size: 1, align: 1, named: false } as const;

/** N of `~rN` or `~bN`. */
function numberOf(name: string): number | undefined {
  const number = /^~[rb](\d+)$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}
