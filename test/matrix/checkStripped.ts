/** Our function list of a program without symbols against `debug/gosym`'s: entries, ends, names, files and lines. */
import type { GoBinary } from "../../src/gobinary/api.ts";
import { Findings, hex } from "./findings.ts";
import type { TableFunction } from "./witness/gosym.ts";

/** Functions of amd64 start at multiples of 32 (PGO builds: 64 for hot ones). */
const ALIGNMENT = 64;

export async function checkStripped(binary: GoBinary, witnesses: readonly TableFunction[]): Promise<Findings> {
  const findings = new Findings();
  const ours = new Map((await binary.functions()).map((fn) => [fn.entry, fn]));
  findings.count("ours", ours.size);
  findings.count("gosym's", witnesses.length);
  for (const witness of witnesses) {
    const fn = ours.get(witness.entry);
    if (fn === undefined) {
      // The linker's marks have an entry in the table, and no code.
      if (witness.end > witness.entry)
        findings.differ("gosym's, but not ours", `${hex(witness.entry)} ${witness.name}`);
      else findings.count("empty");
      continue;
    }
    ours.delete(witness.entry);
    if (fn.name !== witness.name)
      findings.differ("another name", `${hex(fn.entry)} ours ${fn.name}, gosym ${witness.name}`);
    // The table has no ends: gosym takes the next entry, so padding counts there.
    if (fn.end > witness.end || fn.end <= fn.entry || witness.end - fn.end >= ALIGNMENT)
      findings.differ("another end", `${fn.name}: ours ${hex(fn.end)}, gosym ${hex(witness.end)}`);
    const position = await binary.positionOf(fn.entry);
    if (position?.line !== Math.max(0, witness.line) || position.file !== witness.file)
      findings.differ(
        "another line at the entry",
        `${fn.name}: ours ${position?.file}:${position?.line}, gosym ${witness.file}:${witness.line}`,
      );
  }
  for (const fn of ours.values()) findings.differ("ours, but not gosym's", `${hex(fn.entry)} ${fn.name}`);
  return findings;
}
