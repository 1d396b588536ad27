/**
 * The variables that a closure captured, from its subprogram DIE: since Go 1.23 each has its place in the closure
 * object (DW_AT_go_closure_offset, cmd/internal/dwarf/dwarf.go); those by reference are listed as `&n`, and
 * some others, too (captureModes.ts).
 */
import { AT, TAG } from "../../dwarf/constants.ts";
import { type Die, nameOf, numberOf } from "../../dwarf/die.ts";
import { roundUp } from "../../goabi/layout.ts";
import type { ClosureVariable } from "../../goabi/resolver.ts";
import { CLOSURE } from "../../goabi/runtime/closure.ts";
import { WORD } from "../../goabi/runtime/word.ts";
import type { GoType } from "../../goabi/type.ts";
import type { Dwarf } from "./dwarf.ts";

export const CLOSURE_OFFSETS_SINCE = 23;
/** Closures capture some dozen variables; generated ones some hundred. */
const MAX_CAPTURED = 1024;

export type CaptureMode = "value" | "reference";
/** Of a variable that is listed as `&n`; undefined: nothing tells. `elem`: its type. */
export type ModeOf = (die: Die, offset: number, elem: GoType) => CaptureMode | undefined;

/** In the object's order. Optimised code can leave variables out. */
export function closureVariables(dwarf: Dwarf, entry: number, modeOf: ModeOf): readonly ClosureVariable[] {
  const byOffset = new Map<number, ClosureVariable>();
  for (const die of variables(dwarf, entry)) {
    const variable = closureVariable(dwarf, die, modeOf);
    if (variable !== undefined && byOffset.size < MAX_CAPTURED) byOffset.set(variable.offset, variable);
  }
  return [...byOffset.values()].sort((a, b) => a.offset - b.offset);
}

/** A variable that is left out is listed as unknown where it leaves a hole in the object. */
export function withHoles(listed: readonly ClosureVariable[]): ClosureVariable[] {
  const captured: ClosureVariable[] = [];
  let end: number = CLOSURE.captured;
  for (const variable of listed) {
    const { type, offset, byReference } = variable;
    if (offset > roundUp(end, byReference ? WORD : Math.max(type.align, 1)))
      captured.push({ name: "", type: UNLISTED, offset: end, byReference: false });
    captured.push(variable);
    // After one whose size in the object is not known, nothing tells of holes.
    if (type.size < 0 && !byReference) end = Number.POSITIVE_INFINITY;
    else end = offset + (byReference ? WORD : type.size);
  }
  return captured;
}

export const UNLISTED = unknownVariable("a captured variable is not in the binary's DWARF");
const OF_UNKNOWN_MODE = unknownVariable("the program does not tell whether it was captured by value or by reference");

export function unknownVariable(reason: string): GoType {
  return { kind: "unknown", name: "", size: -1, align: 1, named: false, reason };
}

/**
 * Names of a closure's own variables, locals among them. Before Go 1.23, too, one that is captured by reference is
 * listed as `&n`.
 */
export function variableNames(dwarf: Dwarf, entry: number): ReadonlySet<string> {
  return new Set(variables(dwarf, entry).map((die) => nameOf(described(dwarf, die))));
}

/** Types of a function's parameters and variables. */
export function variableTypes(dwarf: Dwarf, entry: number): GoType[] {
  return variables(dwarf, entry, [TAG.variable, TAG.formalParameter]).map((die) =>
    dwarf.types.at(numberOf(described(dwarf, die), AT.type)),
  );
}

function variables(dwarf: Dwarf, entry: number, tags: readonly number[] = [TAG.variable]): Die[] {
  const die = dwarf.subprogramAt(entry);
  if (die === undefined) return [];
  const originOffset = numberOf(die, AT.abstractOrigin);
  const origin = originOffset === undefined ? undefined : dwarf.dieAt(originOffset);
  const children = [...dwarf.children(die), ...(origin === undefined ? [] : dwarf.children(origin))];
  return children.filter(({ tag }) => tags.includes(tag));
}

function described(dwarf: Dwarf, die: Die): Die {
  const originOffset = numberOf(die, AT.abstractOrigin);
  return originOffset === undefined ? die : (dwarf.dieAt(originOffset) ?? die);
}

/** The type of a variable that is listed as `&n`. */
export function typeOfListedAddress(dwarf: Dwarf, die: Die): GoType | undefined {
  const description = described(dwarf, die);
  const type = nameOf(description).startsWith("&") ? dwarf.types.at(numberOf(description, AT.type)) : undefined;
  return type?.kind === "ptr" ? type.elem : undefined;
}

function closureVariable(dwarf: Dwarf, die: Die, modeOf: ModeOf): ClosureVariable | undefined {
  const description = described(dwarf, die);
  const offset = numberOf(die, AT.goClosureOffset) ?? numberOf(description, AT.goClosureOffset);
  if (offset === undefined || !(offset >= CLOSURE.captured)) return undefined;
  const name = nameOf(description);
  if (!name.startsWith("&"))
    return { name, type: dwarf.types.at(numberOf(description, AT.type)), offset, byReference: false };
  const elem = typeOfListedAddress(dwarf, die);
  if (elem === undefined) return undefined;
  const mode = modeOf(die, offset, elem);
  const type = mode === undefined ? OF_UNKNOWN_MODE : elem;
  return { name: name.slice(1), type, offset, byReference: mode === "reference" };
}
