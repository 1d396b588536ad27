/** `go tool nm`: the symbol table as Go's own tools read it. */
import { linesOf } from "./lines.ts";

export interface TextSymbol {
  readonly name: string;
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** Code symbols by address. */
export async function textSymbols(file: string): Promise<TextSymbol[]> {
  const symbols: TextSymbol[] = [];
  for await (const line of linesOf("go", ["tool", "nm", "-n", "-size", "-type", file])) {
    const match = /^\s*([0-9a-f]+)\s+(\d+)\s+([Tt])\s(.*)$/.exec(line);
    if (match === null) continue;
    symbols.push({ address: Number.parseInt(match[1]!, 16), size: Number(match[2]), name: match[4]! });
  }
  return symbols;
}
