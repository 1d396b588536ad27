/** How many inlined copies of a function we count, against DWARF's inlined subroutines as Go's debug/dwarf reads them. */
import type { GoBinary } from "../../src/gobinary/api.ts";
import { Findings } from "./findings.ts";

export async function checkInlined(binary: GoBinary, witness: ReadonlyMap<string, number>): Promise<Findings> {
  const findings = new Findings();
  for (const fn of await binary.functions()) {
    const theirs = witness.get(fn.name) ?? 0;
    const ours = await binary.inlinedCallCount(fn);
    findings.count("functions");
    findings.count("copies", ours);
    if (ours !== theirs)
      findings.differ(
        ours > theirs ? "more copies than DWARF has" : "fewer copies than DWARF has",
        `${fn.name}: ours ${ours}, DWARF ${theirs}`,
      );
  }
  return findings;
}
