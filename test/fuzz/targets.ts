/** Every parser that reads bytes which others made. */
import type { LoadTarget } from "./target.ts";
import { binaryTarget, dwarfTarget } from "./targets/binary.ts";
import { codeTarget } from "./targets/code.ts";
import { conditionsTarget } from "./targets/conditions.ts";
import { namesTarget, sourceTarget } from "./targets/source.ts";
import { memoryTarget, valuesTarget } from "./targets/values.ts";
import { framesTarget, recordsTarget, requestsTarget } from "./targets/wire.ts";

export const TARGETS: Readonly<Record<string, LoadTarget>> = {
  binary: binaryTarget,
  dwarf: dwarfTarget,
  code: codeTarget,
  conditions: conditionsTarget,
  values: valuesTarget,
  memory: memoryTarget,
  frames: framesTarget,
  records: recordsTarget,
  requests: requestsTarget,
  source: sourceTarget,
  names: namesTarget,
};
/** Parts of a run's inputs; whole program files are slow, so they get fewer. They add up to 100. */
export const WEIGHTS: Readonly<Record<string, number>> = {
  binary: 14, dwarf: 14, code: 20, conditions: 4, values: 10, memory: 10, frames: 8, records: 10, requests: 2, source: 2, names: 6,
}; // biome-ignore format: a table
