/** A function's results as callers see them: named `~r0`, `~r1`, … where the source does not, and none of them wrong. */
import type { CallingConvention } from "../goabi/location.ts";
import type { Variable } from "./api.ts";

/** cmd/compile 1.17 drops results in registers from the DWARF of optimised functions; 1.18 adds them back (issue 48573). */
const DROPS_REGISTER_RESULTS = 17;

/**
 * Gives unnamed and blank results their position as name. Where the list may lack a result, the registers of all of
 * them are in doubt: their types become unknown, so that no value can be shown.
 */
export function namedResults(
  results: readonly Variable[],
  convention: CallingConvention,
  goMinor: number,
  fromAbstract: boolean,
): Variable[] {
  const missing =
    convention === "register" &&
    (results.some(({ name }, index) => goMinor >= 18 && numberOf(name) !== undefined && numberOf(name) !== index) ||
      (goMinor === DROPS_REGISTER_RESULTS && (!fromAbstract || results.some(({ name }) => name.startsWith("~")))));
  return results.map((result, index) => {
    const name = numberOf(result.name) !== undefined || result.name === "_" ? `~r${index}` : result.name;
    if (!missing) return { ...result, name };
    const { name: typeName, size, align, named } = result.type;
    const reason = "the debug information does not list every result";
    return { ...result, name, type: { kind: "unknown", name: typeName, size, align, named, reason } };
  });
}

/** N of `~rN` or `~bN`. */
function numberOf(name: string): number | undefined {
  const number = /^~[rb](\d+)$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}
