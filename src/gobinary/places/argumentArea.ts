/** The argument area of a call as `_func.args` measures it and FUNCDATA_ArgInfo describes it. */

import { ARCHITECTURES, type Arch } from "../../arch/arch.ts";
import { roundUp } from "../../goabi/layout.ts";
import type { CallingConvention, Location } from "../../goabi/location.ts";
import type { GoType } from "../../goabi/type.ts";

export interface ArgumentArea {
  readonly offsets: readonly number[];
  readonly size: number;
}

/** abi-internal.md: stack parameters, stack results, then a spill slot for each register parameter. */
export function argumentArea(
  arch: Arch,
  convention: CallingConvention,
  types: readonly GoType[],
  resultTypes: readonly GoType[],
  params: readonly Location[],
  results: readonly Location[],
): ArgumentArea | undefined {
  const first = ARCHITECTURES[arch].firstStackOffset;
  let end = 0;
  const offsets: (number | undefined)[] = [];
  const stackEnd = (location: Location, type: GoType): number | undefined => {
    const piece = location[0];
    if (piece === undefined) {
      // Zero-sized values stand on the stack and only align it.
      end = roundUp(end, type.align);
      return end;
    }
    if (piece.place.at !== "cfa") return undefined;
    end = piece.place.offset - first + type.size;
    return piece.place.offset - first;
  };
  for (const [index, location] of params.entries()) {
    if (location.some((piece) => piece.place.at === "unknown")) return undefined;
    offsets.push(stackEnd(location, types[index]!));
  }
  end = roundUp(end, 8);
  for (const [index, location] of results.entries()) {
    if (location.some((piece) => piece.place.at === "unknown") && convention === "stack") return undefined;
    stackEnd(location, resultTypes[index]!);
  }
  end = roundUp(end, 8);
  for (const [index, offset] of offsets.entries()) {
    if (offset !== undefined) continue;
    const type = types[index]!;
    end = roundUp(end, type.align);
    offsets[index] = end;
    end += type.size;
  }
  return { offsets: offsets.map((offset) => offset ?? 0), size: roundUp(end, 8) };
}
