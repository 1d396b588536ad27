/**
 * A function's parameters and results from its subprogram DIE. A function that is also inlined somewhere has its names
 * and types in an abstract DIE, whose list is in source order and full, while the concrete one may be neither.
 */

import { AT, FORM, TAG } from "../../dwarf/constants.ts";
import { type Die, formOf, nameOf, numberOf } from "../../dwarf/die.ts";
import { evaluate } from "../../dwarf/expr.ts";
import type { ListedVariable } from "../places/listedVariable.ts";
import type { Dwarf } from "./dwarf.ts";
import { placePieces } from "./place.ts";

export interface DwarfSignature {
  readonly params: ListedVariable[];
  readonly results: ListedVariable[];
  /** The abstract DIE's list was there: it is the compiler's list before optimisation. */
  readonly fromAbstract: boolean;
  /** The linker's name, without ABI marks. */
  readonly name: string;
  /** Bytes of code. */
  readonly size: number | undefined;
  readonly declLine: number | undefined;
}

/** Go functions have at most some dozen parameters; generated ones some hundred. */
const MAX_PARAMETERS = 4096;

export async function readSignature(dwarf: Dwarf, die: Die, entry: number): Promise<DwarfSignature> {
  const concrete = dwarf
    .children(die)
    .filter((child) => child.tag === TAG.formalParameter)
    .slice(0, MAX_PARAMETERS);
  const originOffset = numberOf(die, AT.abstractOrigin);
  const origin = originOffset === undefined ? undefined : dwarf.dieAt(originOffset);
  const abstract =
    origin === undefined ? [] : dwarf.children(origin).filter((child) => child.tag === TAG.formalParameter);
  const byOrigin = new Map<number, Die>();
  const own: Die[] = [];
  for (const child of concrete) {
    const target = numberOf(child, AT.abstractOrigin);
    if (target === undefined) own.push(child);
    else if (!byOrigin.has(target)) byOrigin.set(target, child);
  }
  const params: ListedVariable[] = [];
  const results: ListedVariable[] = [];
  const seen = new Set<string>();
  // The numbers count the dictionary of a generic instance, which optimised DWARF leaves out.
  const generic = (origin === undefined ? "" : nameOf(origin)).includes("go.shape.");
  const dictionary = generic && ![...abstract, ...own].some((child) => nameOf(child) === ".dict") ? 1 : 0;
  const numbered: Numbered[] = [];
  const add = async (description: Die, located: Die | undefined): Promise<void> => {
    const name = nameOf(description);
    const isResult = (numberOf(description, AT.variableParameter) ?? 0) !== 0;
    // Go 1.16 to 1.26 lists some results twice. Names are unique in a signature, but for `_`, which DWARF does not show.
    const key = `${isResult ? "r" : "p"} ${name}`;
    if (seen.has(key)) return;
    seen.add(key);
    const variable = await readVariable(dwarf, description, located, entry, isResult);
    const number = /^~[prb](\d+)$/.exec(name)?.[1];
    const list = isResult ? results : params;
    // Without an abstract DIE the list is in order as it is.
    if (number === undefined || origin === undefined) list.push(variable);
    else numbered.push({ list, index: Number(number) - (isResult ? 0 : dictionary), variable });
  };
  for (const description of abstract) await add(description, byOrigin.get(description.offset));
  for (const description of own) await add(description, description);
  insertNumbered(numbered);
  const declLine = numberOf(die, AT.declLine) ?? (origin === undefined ? undefined : numberOf(origin, AT.declLine));
  return {
    params,
    results,
    fromAbstract: origin !== undefined,
    name: nameOf(origin ?? die),
    size: sizeOf(die),
    declLine,
  };
}

function sizeOf(die: Die): number | undefined {
  const low = numberOf(die, AT.lowPc);
  const high = numberOf(die, AT.highPc);
  if (low === undefined || high === undefined) return undefined;
  return formOf(die, AT.highPc) === FORM.addr ? high - low : high;
}

interface Numbered {
  readonly list: ListedVariable[];
  readonly index: number;
  readonly variable: ListedVariable;
}

/**
 * `~r1` and `~p0` carry their index (of the results since 1.18, of receiver and parameters), and stand last where the
 * abstract DIE left them out. Before 1.18 the number counts parameters and results together: order is all it gives.
 */
function insertNumbered(numbered: readonly Numbered[]): void {
  const ascending = numbered.toSorted((a, b) => a.index - b.index);
  for (const { list, index, variable } of ascending) {
    if (index <= list.length) list.splice(Math.max(index, 0), 0, variable);
    else list.push(variable);
  }
}

async function readVariable(
  dwarf: Dwarf,
  description: Die,
  located: Die | undefined,
  entry: number,
  isResult: boolean,
): Promise<ListedVariable> {
  const type = dwarf.types.at(numberOf(description, AT.type));
  const raw = nameOf(description);
  // `~p0`: blank or unnamed parameter (Go ≥ 1.22). `~r0`, `~b0`: unnamed and blank results, numbered by result since
  // 1.18 and by position in the whole signature before.
  // A closure that is called in place has the variables that it captures as parameters, those by reference as `&n`.
  const blank = !isResult && /^(?:[~.&].*|_?)$/.test(raw);
  const expression = located === undefined ? undefined : await dwarf.locationAt(located, entry);
  const location =
    expression === undefined || (expression.length === 0 && type.size !== 0)
      ? undefined
      : placePieces(evaluate(expression, dwarf.arch), type);
  return {
    name: raw === "" ? "_" : raw,
    type,
    blank,
    ...(location === undefined ? {} : { dwarf: location }),
  };
}
