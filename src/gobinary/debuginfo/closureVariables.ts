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

/**
 * In the object's order; undefined where DWARF does not describe the function. Optimised code can leave variables out:
 * one that leaves a hole in the object is listed as unknown (of the last ones nothing tells).
 */
export function closureVariables(dwarf: Dwarf, entry: number): readonly ClosureVariable[] | undefined {
  const die = dwarf.subprogramAt(entry);
  if (die === undefined) return undefined;
  const originOffset = numberOf(die, AT.abstractOrigin);
  const origin = originOffset === undefined ? undefined : dwarf.dieAt(originOffset);
  const byOffset = new Map<number, ClosureVariable>();
  for (const child of [...dwarf.children(die), ...(origin === undefined ? [] : dwarf.children(origin))]) {
    const variable = child.tag === TAG.variable ? closureVariable(dwarf, child) : undefined;
    if (variable !== undefined && byOffset.size < MAX_CAPTURED) byOffset.set(variable.offset, variable);
  }
  return withHoles([...byOffset.values()].sort((a, b) => a.offset - b.offset));
}

function withHoles(listed: readonly ClosureVariable[]): ClosureVariable[] {
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

const UNLISTED: GoType = {
  kind: "unknown",
  name: "",
  size: -1,
  align: 1,
  named: false,
  reason: "a captured variable is not in the binary's DWARF",
};

function closureVariable(dwarf: Dwarf, die: Die): ClosureVariable | undefined {
  const originOffset = numberOf(die, AT.abstractOrigin);
  const description = originOffset === undefined ? die : (dwarf.dieAt(originOffset) ?? die);
  const offset = numberOf(die, AT.goClosureOffset) ?? numberOf(description, AT.goClosureOffset);
  if (offset === undefined || !(offset >= CLOSURE.captured)) return undefined;
  const name = nameOf(description);
  const type = dwarf.types.at(numberOf(description, AT.type));
  if (!name.startsWith("&")) return { name, type, offset, byReference: false };
  return type.kind === "ptr" ? { name: name.slice(1), type: type.elem, offset, byReference: true } : undefined;
}
