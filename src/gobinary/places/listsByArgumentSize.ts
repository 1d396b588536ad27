/**
 * Go ≤ 1.16 with a parameter that DWARF leaves out (blank or unnamed): no FUNCDATA_ArgInfo lists them, yet much is known.
 * All arguments stand on the stack in source order, `_func.args` says where they end, and DWARF's list of results is
 * whole. So results are counted from the end, and a parameter's place is proven where DWARF's place for it allows no
 * other.
 *
 * What DWARF says is not believed blindly. It may name the slot of another parameter that the code assigned to this one
 * (`x` of math/big.(*Int).And stands at `y`'s), and of a value of several words it may name the one that is used.
 */

import { ARCHITECTURES, type Arch } from "../../arch/arch.ts";
import { POINTER_LAYOUT, roundUp } from "../../goabi/layout.ts";
import type { Location } from "../../goabi/location.ts";
import type { GoType } from "../../goabi/type.ts";
import type { ListedVariable } from "./listedVariable.ts";

/** Where they stand as bytes from the CFA; undefined: not proven. */
export interface ProvenPlaces {
  readonly params: readonly (Location | undefined)[];
  readonly results: readonly (Location | undefined)[];
}

/** `argsSize`: `_func.args`, parameters and results together. */
export function provenOnStack(
  arch: Arch,
  params: readonly ListedVariable[],
  results: readonly ListedVariable[],
  argsSize: number,
): ProvenPlaces {
  const first = ARCHITECTURES[arch].firstStackOffset;
  const nothing = { params: params.map(() => undefined), results: results.map(() => undefined) };
  if (argsSize < 0 || [...params, ...results].some(({ type }) => type.size < 0)) return nothing;
  const { offsets, size } = laidOut(results.map(({ type }) => type));
  const end = argsSize - size;
  if (end < 0 || end % POINTER_LAYOUT.size !== 0) return nothing;
  const at = (type: GoType, offset: number): Location =>
    type.size === 0 ? [] : [{ offset: 0, size: type.size, place: { at: "cfa", offset: first + offset } }];
  const starts = provenStarts(
    params.map((param) => claimOf(param, first)),
    end,
  );
  return {
    params: params.map(({ type }, index) => {
      const start = starts[index];
      return start === undefined ? undefined : at(type, start);
    }),
    results: results.map(({ type }, index) => at(type, end + offsets[index]!)),
  };
}

/** One parameter and what DWARF claims of it: its start, or one of its bytes. Offsets from the first argument. */
interface Claim {
  readonly size: number;
  readonly align: number;
  readonly start?: number;
  readonly within?: number;
}

function claimOf({ type, dwarf }: ListedVariable, first: number): Claim {
  const base = { size: type.size, align: type.align };
  const places = dwarf?.map(({ offset, place }) => (place.at === "cfa" ? place.offset - first - offset : undefined));
  const start = places?.[0];
  if (type.size === 0 || start === undefined || places!.some((place) => place !== start)) return base;
  // A piece for each word tells the start; one for the whole value only where the value is one word.
  return places!.length > 1 || isOneWord(type) ? { ...base, start } : { ...base, within: start };
}

function isOneWord({ kind, size }: GoType): boolean {
  return (
    size <= POINTER_LAYOUT.size && kind !== "struct" && kind !== "array" && kind !== "complex64" && kind !== "unknown"
  );
}

/** Between which starts each one can stand, `end` being where the parameters end at the latest. */
interface Range {
  readonly low: number;
  readonly high: number;
}

function provenStarts(claims: readonly Claim[], end: number): (number | undefined)[] {
  const ranges = rangesOf(claims, end);
  if (ranges.some(({ low, high }) => low > high)) return claims.map(() => undefined);
  return claims.map((claim, index) => {
    const { low, high } = ranges[index]!;
    if (low !== high || claim.size === 0) return undefined;
    if (claim.start === undefined)
      return claims.every((_, other) => canBeTrusted(claims, other, end)) ? low : undefined;
    return canBeTrusted(claims, index, end) ? low : undefined;
  });
}

/** Whether the slot that DWARF names for this one can be no other parameter's. */
function canBeTrusted(claims: readonly Claim[], index: number, end: number): boolean {
  const { start, size, align } = claims[index]!;
  if (start === undefined) return true;
  const { low, high } = rangesOf(claims.with(index, { size, align }), end)[index]!;
  return claims.every((other, at) => {
    if (at === index || other.start !== undefined || other.size < size) return true;
    return at < index ? high === start : low === start;
  });
}

function rangesOf(claims: readonly Claim[], end: number): Range[] {
  let low = 0;
  const lows = claims.map((claim) => {
    const own = claim.start ?? Math.max(low, claim.within === undefined ? low : claim.within - claim.size + 1);
    const start = own < low ? Number.POSITIVE_INFINITY : roundUp(own, claim.align);
    low = start + claim.size;
    return start;
  });
  let high = end;
  const highs = claims
    .toReversed()
    .map((claim) => {
      const latest = high - claim.size;
      const own = claim.start ?? Math.min(latest, claim.within ?? latest);
      const start = own > latest ? Number.NEGATIVE_INFINITY : Math.floor(own / claim.align) * claim.align;
      high = start;
      return start;
    })
    .reverse();
  return lows.map((start, index) => ({ low: start, high: highs[index]! }));
}

/** Results begin at a word and end at one. */
function laidOut(types: readonly GoType[]): { offsets: number[]; size: number } {
  let end = 0;
  const offsets = types.map((type) => {
    const offset = roundUp(end, type.align);
    end = offset + type.size;
    return offset;
  });
  return { offsets, size: roundUp(end, POINTER_LAYOUT.size) };
}
