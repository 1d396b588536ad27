/** Probe sites, returns and lines against `go tool objdump`. */

import { secretNames } from "../../src/goabi/secretNames.ts";
import type { GoBinary } from "../../src/gobinary/api.ts";
import { type CodePlan, DEFAULT_LIMITS } from "../../src/probe/api.ts";
import { planFunction } from "../../src/probe/plan.ts";
import { Findings, hex } from "./findings.ts";
import type { DisassembledFunction } from "./witness/objdump.ts";

/** Lines are compared at the entry and at every so many instructions after it, inlined ones among them. */
const LINE_STEP = 23;

export async function checkCode(
  binary: GoBinary,
  disassembled: AsyncIterable<DisassembledFunction>,
): Promise<Findings> {
  const findings = new Findings();
  for await (const witness of disassembled) {
    const fn = await binary.functionAt(witness.entry);
    if (fn === undefined || fn.entry !== witness.entry) {
      findings.differ("no function of ours", `${hex(witness.entry)} ${witness.name}`);
      continue;
    }
    findings.count("functions");
    if (fn.notTraceable !== undefined) {
      findings.count("not traceable");
      continue;
    }
    if (fn.file === "") {
      findings.differ("C function held for traceable", fn.name);
      continue;
    }
    if (fn.file !== witness.file && witness.file !== "") findings.count("in another file at entry");
    for (let i = 0; i < witness.instructions.length; i += LINE_STEP) {
      const position = await binary.positionOf(witness.instructions[i]!);
      findings.count("lines");
      if (position?.line !== Math.max(0, witness.lines[i]!))
        findings.differ(
          "line",
          `${fn.name}+${witness.instructions[i]! - fn.entry}: ours ${position?.line}, objdump ${witness.lines[i]}`,
        );
    }
    const signature = await binary.signature(fn);
    const planned = planFunction({
      fn,
      arch: binary.arch,
      // Sites do not need types; a program without DWARF has none.
      signature: signature.ok
        ? signature
        : { ok: true, signature: { params: [], results: [], complete: true, source: "dwarf" } },
      code: await binary.code(fn),
      limits: DEFAULT_LIMITS,
      isSecret: secretNames([]),
    });
    if (!planned.ok) findings.differ(`not planned: ${planned.reason.replace(/[+\d]+/g, "N")}`, fn.name);
    else compareSites(findings, planned.plan, witness);
  }
  return findings;
}

function compareSites(findings: Findings, { fn, entry, returns }: CodePlan, witness: DisassembledFunction): void {
  if (!witness.instructions.includes(entry.address))
    findings.differ("entry site inside an instruction", `${fn.name}+${entry.address - fn.entry}`);
  findings.count(`${entry.kind} entries`);
  const theirs = witness.returns.map((address) => address - fn.entry);
  // A site may stand on the nop before its ret.
  const ours = returns.map(({ address, instruction }) => {
    const index = witness.instructions.indexOf(address);
    return (instruction.startsWith("nop") ? witness.instructions[index + 1]! : address) - fn.entry;
  });
  findings.count("returns", theirs.length);
  if (ours.join() !== theirs.join())
    findings.differ("returns", `${fn.name}: ours +${ours.join(" +")}, objdump +${theirs.join(" +")}`);
}
