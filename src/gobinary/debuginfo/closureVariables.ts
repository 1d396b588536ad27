/**
 * The variables that a closure captured, from its subprogram DIE: since Go 1.23 each has its place in the closure
 * object (DW_AT_go_closure_offset, cmd/internal/dwarf/dwarf.go); those by reference are listed as `&n`.
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

/** In the object's order. Optimised code can leave variables out. */
export function closureVariables(dwarf: Dwarf, entry: number): readonly ClosureVariable[] {
  const byOffset = new Map<number, ClosureVariable>();
  for (const die of variables(dwarf, entry)) {
    const variable = closureVariable(dwarf, die);
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
    end = offset + (byReference ? WORD : Math.max(type.size, 0));
  }
  return captured;
}

const UNLISTED = unknownVariable("a captured variable is not in the binary's DWARF");

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

function variables(dwarf: Dwarf, entry: number): Die[] {
  const die = dwarf.subprogramAt(entry);
  if (die === undefined) return [];
  const originOffset = numberOf(die, AT.abstractOrigin);
  const origin = originOffset === undefined ? undefined : dwarf.dieAt(originOffset);
  const children = [...dwarf.children(die), ...(origin === undefined ? [] : dwarf.children(origin))];
  return children.filter(({ tag }) => tag === TAG.variable);
}

function described(dwarf: Dwarf, die: Die): Die {
  const originOffset = numberOf(die, AT.abstractOrigin);
  return originOffset === undefined ? die : (dwarf.dieAt(originOffset) ?? die);
}

function closureVariable(dwarf: Dwarf, die: Die): ClosureVariable | undefined {
  const description = described(dwarf, die);
  const offset = numberOf(die, AT.goClosureOffset) ?? numberOf(description, AT.goClosureOffset);
  if (offset === undefined || !(offset >= CLOSURE.captured)) return undefined;
  const name = nameOf(description);
  const type = dwarf.types.at(numberOf(description, AT.type));
  if (!name.startsWith("&")) return { name, type, offset, byReference: false };
  return type.kind === "ptr" ? { name: name.slice(1), type: type.elem, offset, byReference: true } : undefined;
}
