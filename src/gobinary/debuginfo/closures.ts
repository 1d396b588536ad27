/**
 * What closures have captured, as DWARF has it since Go 1.23: variables with DW_AT_go_closure_offset, their place in the
 * closure object. One that is captured by reference is named `&n`, and its type is the pointer.
 */
import { AT } from "../../dwarf/constants.ts";
import { type Die, nameOf, numberOf } from "../../dwarf/die.ts";
import type { Closure } from "../api.ts";
import type { Dwarf } from "./dwarf.ts";

export function readClosures(dwarf: Dwarf): Closure[] {
  const part = (die: Die): Closure["captured"][number] => {
    const origin = numberOf(die, AT.abstractOrigin);
    const described = (origin === undefined ? undefined : dwarf.dieAt(origin)) ?? die;
    return {
      name: nameOf(described).replace(/^&/, ""),
      offset: numberOf(die, AT.goClosureOffset) ?? 0,
      type: dwarf.types.at(numberOf(described, AT.type)),
    };
  };
  return Array.from(dwarf.closures(), ([address, dies]) => ({
    address,
    captured: dies.map(part).toSorted((a, b) => a.offset - b.offset),
  }));
}
