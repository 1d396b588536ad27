/** Results of the commands that print and end: lines to stdout, with a reader that may go away. */
import { Output } from "./output.ts";
import { printable } from "./terminal.ts";

/** Characters of one write: a list of 100 000 functions is not built up in memory. */
const CHUNK_LENGTH = 64 << 10;

export class Printer {
  private readonly output = Output.stdout();
  private text = "";

  /** False when nobody reads any more. */
  async line(text: string): Promise<void> {
    this.text += `${printable(text)}\n`;
    if (this.text.length >= CHUNK_LENGTH) await this.flush();
  }

  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value));
  }

  async close(): Promise<void> {
    await this.flush();
    await this.output.close();
    const failure = await Promise.race([this.output.over, Promise.resolve(undefined)]);
    if (failure !== undefined) throw failure;
  }

  private async flush(): Promise<void> {
    const text = this.text;
    this.text = "";
    await this.output.write(text);
  }
}

/** Columns as wide as their widest cell, up to a bound; the last one as it is. */
export function columns(rows: readonly (readonly string[])[], maxWidth = 60): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      if (cell.length <= maxWidth) widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
