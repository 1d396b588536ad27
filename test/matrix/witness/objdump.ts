/** `go tool objdump`: instruction boundaries, returns and lines as Go's own disassembler sees them. */
import { linesOf } from "./lines.ts";

export interface DisassembledFunction {
  readonly name: string;
  readonly entry: number;
  /** Path that stands beside the name; empty where there is none. */
  readonly file: string;
  /** Line of the first instruction. */
  readonly entryLine: number;
  /** Addresses of all instructions. */
  readonly instructions: readonly number[];
  /** Line of each. */
  readonly lines: readonly number[];
  /** Addresses of `ret`. */
  readonly returns: readonly number[];
}

export async function* disassemble(file: string, pattern?: string): AsyncIterable<DisassembledFunction> {
  const args = ["tool", "objdump", ...(pattern === undefined ? [] : ["-s", pattern]), file];
  let current: (DisassembledFunction & { instructions: number[]; lines: number[]; returns: number[] }) | undefined;
  let header: { name: string; file: string } | undefined;
  for await (const line of linesOf("go", args)) {
    const title = /^TEXT (.*)\(SB\)\s?(.*)$/.exec(line);
    if (title !== null) {
      if (current !== undefined) yield current;
      current = undefined;
      header = { name: title[1]!, file: title[2]! };
      continue;
    }
    const match = /^\s+(.*?):(-?\d+)\t+0x([0-9a-f]+)\t+[0-9a-f]+\t+(.*?)\s*$/.exec(line);
    if (match === null || header === undefined) continue;
    const address = Number.parseInt(match[3]!, 16);
    current ??= { ...header, entry: address, entryLine: Number(match[2]), instructions: [], lines: [], returns: [] };
    current.instructions.push(address);
    current.lines.push(Number(match[2]));
    if (/^(REPNE |REP )?RET\b/.test(match[4]!)) current.returns.push(address);
  }
  if (current !== undefined) yield current;
}
