/**
 * The parameters of one inlined call, with the places that its DIE's location lists give at one instruction. Go's lists
 * name the place of any value that the compiler knows under the parameter's name, later assigned ones too; whether that
 * is the argument is for the caller to judge.
 */

import { AT, TAG } from "../../dwarf/constants.ts";
import { attribute, type Die, nameOf, numberOf } from "../../dwarf/die.ts";
import { evaluate } from "../../dwarf/expr.ts";
import type { Location } from "../../goabi/location.ts";
import type { InlinedParam } from "../api.ts";
import { MAX_INLINE_DEPTH } from "../inltree.ts";
import type { Dwarf } from "./dwarf.ts";
import { placePieces } from "./place.ts";

/** Where the call is looked for. */
export interface InlinedPlace {
  /** Entry of the function with code of its own. */
  readonly enclosing: number;
  /** An instruction of the call, and of none inside it. */
  readonly within: number;
  /** Number of inlined calls that the instruction is in. */
  readonly depth: number;
  /** Linker name of what was inlined. */
  readonly name: string;
}

/** Undefined where DWARF does not describe just this call. */
export async function readInlinedParams(
  dwarf: Dwarf,
  place: InlinedPlace,
  pc: number,
): Promise<InlinedParam[] | undefined> {
  const die = findCall(dwarf, place);
  const origin = die === undefined ? undefined : originOf(dwarf, die);
  if (die === undefined || origin === undefined || nameOf(origin) !== place.name) return undefined;
  const located = new Map<number, Die>();
  for (const child of dwarf.children(die)) {
    const target = child.tag === TAG.formalParameter ? numberOf(child, AT.abstractOrigin) : undefined;
    if (target === undefined) continue;
    // Listed twice: it cannot be told which of the two is meant.
    if (located.has(target)) return undefined;
    located.set(target, child);
  }
  const params: InlinedParam[] = [];
  for (const child of dwarf.children(origin)) {
    if (child.tag !== TAG.formalParameter || (numberOf(child, AT.variableParameter) ?? 0) !== 0) continue;
    const type = dwarf.types.at(numberOf(child, AT.type));
    const location = await locationOf(dwarf, located.get(child.offset), type, pc);
    params.push({ name: nameOf(child), type, ...(location === undefined ? {} : { location }) });
  }
  return params;
}

/** The innermost inlined call around an instruction. */
function findCall(dwarf: Dwarf, { enclosing, within, depth }: InlinedPlace): Die | undefined {
  let die = dwarf.subprogramAt(enclosing);
  let call: Die | undefined;
  let calls = 0;
  for (let level = 0; die !== undefined && level < MAX_INLINE_DEPTH; level++) {
    const inside: Die[] = dwarf
      .children(die)
      .filter(({ tag }) => tag === TAG.inlinedSubroutine || tag === TAG.lexicalBlock)
      .filter((child) => dwarf.contains(child, within));
    // Blocks and calls of one level do not overlap; where they do, nothing is certain.
    if (inside.length > 1) return undefined;
    const [next] = inside;
    if (next === undefined) break;
    if (next.tag === TAG.inlinedSubroutine) {
      call = next;
      calls++;
    }
    die = next;
  }
  return calls === depth ? call : undefined;
}

function originOf(dwarf: Dwarf, die: Die): Die | undefined {
  const offset = numberOf(die, AT.abstractOrigin);
  return offset === undefined ? undefined : dwarf.dieAt(offset);
}

async function locationOf(
  dwarf: Dwarf,
  die: Die | undefined,
  type: InlinedParam["type"],
  pc: number,
): Promise<Location | undefined> {
  // A place without a list is that of a variable in memory, which may not have been written yet.
  if (die === undefined || typeof attribute(die, AT.location) !== "number") return undefined;
  const expression = await dwarf.locationAt(die, pc);
  if (expression === undefined || (expression.length === 0 && type.size !== 0)) return undefined;
  return placePieces(evaluate(expression, dwarf.arch, false), type);
}
