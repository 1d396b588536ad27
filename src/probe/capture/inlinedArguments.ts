/** Which arguments of an inlined call are known at its mark. */

import { unknownLocation } from "../../goabi/assign.ts";
import type { Location } from "../../goabi/location.ts";
import type { GoType } from "../../goabi/type.ts";
import { wordsOf } from "../../goabi/words.ts";
import type { InlinedParam } from "../../gobinary/api.ts";

/**
 * `unchanged`: the source shows that the function never changes the parameter, nor takes its address; undefined: there is
 * no source that can be relied on. Then every value that DWARF has under the parameter's name is the argument.
 *
 * Only registers are believed: cmd/compile's ssa/debug.go follows each change of them. Stack slots are another matter: a
 * parameter that came in a register gets its place in the caller's frame although nothing was ever stored there, and a
 * slot may hold another value already.
 */
export function inlinedLocation(
  type: GoType,
  param: InlinedParam | undefined,
  unchanged: boolean | undefined,
): Location {
  if (unchanged !== true) return unknownLocation(type, unchanged === undefined ? NO_SOURCE : CHANGED);
  if (param === undefined || param.type.size !== type.size || param.type.name !== type.name)
    return unknownLocation(type, NOT_DESCRIBED);
  const { location } = param;
  if (location === undefined) return unknownLocation(type, NOWHERE);
  if (location.some(({ place }) => place.at === "cfa")) return unknownLocation(type, IN_MEMORY);
  // Strings and structs get one register as their place where DWARF has lost track of their parts.
  if (location.length !== registersOf(type) || location.some(({ place }) => place.at === "unknown"))
    return unknownLocation(type, PARTLY);
  // Pieces that leave out padding may have been laid out wrongly.
  const known = location.reduce((sum, piece) => sum + piece.size, 0);
  return known === type.size ? location : unknownLocation(type, PARTLY);
}

/** Registers that a value is kept in; undefined where it is kept in memory. */
function registersOf(type: GoType): number | undefined {
  if (type.size > MAX_SSA_BYTES || holdsArray(type)) return undefined;
  const words = wordsOf(type, MAX_SSA_BYTES);
  return words.kind === "words" ? words.words.length : undefined;
}

function holdsArray(type: GoType, depth = 0): boolean {
  if (type.kind === "array" || depth > MAX_DEPTH) return true;
  return type.kind === "struct" && type.fields.some((field) => holdsArray(field.type, depth + 1));
}

/** cmd/compile, ssa.CanSSA: larger values are kept in memory. */
const MAX_SSA_BYTES = 32;
const MAX_DEPTH = 8;

const NO_SOURCE = "inlined, and no source that is known to be the program's shows whether the function changes it";
const CHANGED = "inlined, and the function may change it";
const NOT_DESCRIBED = "inlined, and the binary does not describe this call";
const NOWHERE = "inlined, and in no register there";
const PARTLY = "inlined, and only partly in registers there";
const IN_MEMORY = "inlined, and in memory there, which may not have been written yet";
