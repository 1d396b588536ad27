/** `probelens list`. */

import { createEngine, type FullEngine } from "../engine/engine.ts";
import { newJob } from "../engine/job.ts";
import { matchPattern } from "../engine/plan/resolvePatterns.ts";
import type { GoBinary, GoFunction } from "../gobinary/api.ts";
import { shown } from "../protocol/shown.ts";
import { COMMANDS } from "./commands.ts";
import { functionRow, signatureText } from "./functionRow.ts";
import { checkTarget, type ParsedOptions } from "./options.ts";
import { columns, Printer } from "./print.ts";
import { say } from "./terminal.ts";

/** Lines that are aligned together: the list begins before its last function is known. */
const LINES_TOGETHER = 500;

export async function runList(parsed: ParsedOptions): Promise<number> {
  checkTarget(COMMANDS.list, parsed);
  const engine = createEngine({ terminal: true, source: parsed.texts.get("--source") });
  try {
    const binary = await openTarget(engine, parsed);
    const told = binary.warnings.length;
    const [pattern] = parsed.positionals;
    const functions = pattern === undefined ? await binary.functions() : await matchPattern(binary, pattern);
    const printer = new Printer();
    if (parsed.flags.has("--json")) {
      for (const fn of functions) await printer.json(await functionRow(binary, fn));
    } else {
      await printTable(printer, binary, functions);
    }
    sayWarnings(binary, told);
    await printer.close();
    return 0;
  } finally {
    await engine.dispose();
  }
}

export async function openTarget(engine: FullEngine, parsed: ParsedOptions): Promise<GoBinary> {
  const job = newJob({ notice: say });
  const pid = parsed.numbers.get("--pid");
  const binary =
    pid === undefined
      ? await engine.openFile(job, parsed.texts.get("--binary") ?? "")
      : await engine.openProcess(job, pid, parsed.positionals);
  sayWarnings(binary, 0);
  return binary;
}

/** Damage that shows only where something is read is told after the answer; `from`: how many were told before it. */
export function sayWarnings(binary: GoBinary, from: number): void {
  for (const warning of binary.warnings.slice(from)) say(`${shown(binary.name)}: ${warning}`);
}

async function printTable(printer: Printer, binary: GoBinary, functions: readonly GoFunction[]): Promise<void> {
  for (let at = 0; at < functions.length; at += LINES_TOGETHER) {
    const rows: string[][] = [];
    for (const fn of functions.slice(at, at + LINES_TOGETHER)) {
      const row = await functionRow(binary, fn);
      const place = row.file === "" ? "-" : `${row.file}:${row.line}`;
      rows.push([row.func, place, row.traceable ? signatureText(row) : `not traceable: ${row.why}`]);
    }
    for (const line of columns(rows)) await printer.line(line);
  }
}
