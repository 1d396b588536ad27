/** The standard library's `debug/gosym`: pclntab's functions, for programs without symbols. */
import { buildProgram } from "../build.ts";
import { linesOf } from "./lines.ts";

export interface TableFunction {
  readonly name: string;
  readonly entry: number;
  readonly end: number;
  readonly file: string;
  /** Line of the first instruction. */
  readonly line: number;
}

/** Go whose gosym reads the tables of all versions. */
const READER = "1.27.4";

/** `textStart`: address of `runtime.text`, where known from a twin with symbols. */
export async function tableFunctions(file: string, textStart: number | undefined): Promise<TableFunction[]> {
  const program = await buildProgram({
    folder: "test/matrix/witness/gosym",
    module: "example.com/gosym",
    version: READER,
    name: "default",
    flags: [],
  });
  const functions: TableFunction[] = [];
  for await (const line of linesOf(program, textStart === undefined ? [file] : [file, textStart.toString(16)])) {
    const [entry, end, number, name, path] = line.split("\t");
    functions.push({
      name: name!,
      entry: Number.parseInt(entry!, 16),
      end: Number.parseInt(end!, 16),
      file: path!,
      line: Number(number),
    });
  }
  return functions;
}
