/**
 * Delve as a library (see delve/main.go): subprograms, their parameters, and where DWARF puts them at the first
 * instruction. It says the same as llvm-dwarfdump did about every variable of three Go versions, in a tenth of the time.
 */
import { buildProgram } from "../build.ts";
import { linesOf } from "./lines.ts";
import type { WitnessFunction, WitnessPiece } from "./variables.ts";

/** Go that builds the reader: Delve reads the programs of all versions. */
const READER = "1.27.4";

interface Line {
  readonly name: string;
  readonly entry: number;
  readonly declLine?: number;
  readonly variables: readonly {
    readonly name: string;
    readonly isResult: boolean;
    readonly typeName: string;
    readonly typeSize?: number;
    readonly location?: readonly Partial<WitnessPiece>[];
  }[];
}

/** Go functions with code, each with parameters and results as DWARF lists them. */
export async function* subprograms(file: string): AsyncIterable<WitnessFunction> {
  for await (const text of linesOf(await reader(), [file])) {
    const { name, entry, declLine, variables } = JSON.parse(text) as Line;
    yield {
      name,
      entry,
      declLine,
      variables: variables.map(({ typeSize, location, ...rest }) => ({
        ...rest,
        typeSize,
        location: location?.map(({ size, place }) => ({ size, place })),
      })),
    };
  }
}

/** How many inlined copies of each function there are in Go code, by its name. */
export async function inlinedCallCount(file: string): Promise<Map<string, number>> {
  const copies = new Map<string, number>();
  for await (const text of linesOf(await reader(), ["-inlined", file])) {
    const line = JSON.parse(text) as { name: string; copies: number };
    copies.set(line.name, line.copies);
  }
  return copies;
}

function reader(): Promise<string> {
  return buildProgram({
    folder: "test/matrix/witness/delve",
    module: "example.com/delve",
    version: READER,
    name: "default",
    flags: [],
    hasRequirements: true,
  });
}
