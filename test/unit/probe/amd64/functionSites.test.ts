/**
 * Probe sites in real binaries: a golden table for each Go version, reviewed against the disassembly. That hits equal
 * calls at these sites is shown with real probes in test/kernel/sites.test.ts.
 * PROBELENS_UPDATE_GOLDEN=1 writes the golden files anew.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { secretNames } from "../../../../src/goabi/secretNames.ts";
import { openBinary } from "../../../../src/gobinary/open.ts";
import { findSites } from "../../../../src/probe/amd64/functionSites.ts";
import { DEFAULT_LIMITS, type ProbeSite } from "../../../../src/probe/api.ts";
import { planFunction } from "../../../../src/probe/plan.ts";
import { buildGo } from "../../../programs/build.ts";

const VARIANTS: [string, ...string[]][] = [
  ["1.15.15"],
  ["1.16.15", "-gcflags=-N -l"],
  ["1.17.13"],
  ["1.20.14"],
  ["1.24.13"],
  ["1.26.8"],
  ["1.26.8", "-buildmode=pie"],
  ["1.27.4"],
  ["1.27.4", "-gcflags=-N -l"],
];

for (const [version, ...flags] of VARIANTS) {
  test(`sites of Go ${[version, ...flags].join(" ")}`, async () => {
    const file = readFileSync(buildGo("sites", `go${version}`, ...flags));
    const binary = await openBinary({
      name: "sites",
      size: file.length,
      read: async (offset, length) => new Uint8Array(file.subarray(offset, offset + length)),
    });
    const lines: string[] = [];
    for (const fn of await binary.functions()) {
      if (!fn.name.startsWith("main.") || fn.notTraceable !== undefined) continue;
      const code = await binary.code(fn);
      const signature = await binary.signature(fn);
      const planned = planFunction({
        fn,
        arch: binary.arch,
        signature,
        code,
        limits: DEFAULT_LIMITS,
        isSecret: secretNames([]),
      });
      lines.push(fn.name);
      if (!planned.ok) {
        lines.push(`  not traceable: ${planned.reason}`);
        continue;
      }
      const { entry, returns } = planned.plan;
      for (const site of [entry, ...returns]) {
        assert.deepEqual(
          file.subarray(site.offset, site.offset + site.expected.length / 2),
          Buffer.from(site.expected, "hex"),
        );
      }
      lines.push(
        `  entry  ${describe(entry, fn.entry)}`,
        ...returns.map((site) => `  return ${describe(site, fn.entry)}`),
      );
    }
    const golden = new URL(
      `golden/sites_${[version, ...flags].join("_").replace(/[^\w.]+/g, "-")}.golden.txt`,
      import.meta.url,
    );
    const text = `${lines.join("\n")}\n`;
    if (process.env.PROBELENS_UPDATE_GOLDEN === "1") writeFileSync(fileURLToPath(golden), text);
    assert.equal(text, readFileSync(golden, "utf8"));
  });
}

/** Addresses differ between builds of the same code; distances from the entry do not. */
function describe(site: ProbeSite, entry: number): string {
  const at = `+${site.address - entry}`.padEnd(6);
  const text = site.instruction.replace(/0x[0-9a-f]{5,}/g, (address) => {
    const distance = Number(address) - entry;
    return distance >= 0 && distance < 0x10000 ? `+${distance}` : "elsewhere";
  });
  const skip = site.skipIfBelowOrEqual ? ", not when taken" : "";
  return `${at}${site.kind.padEnd(9)} ${text}; CFA = RSP+${site.cfaOffset}${skip}`;
}

/** Hand-assembled: shapes that compilers seldom or never make, and damage. */
const CASES: [name: string, hex: string, registers: string[], expected: string][] = [
  ["nothing", "", [], "its machine code cannot be decoded: the function has no code"],
  ["a lone ret", "c3", [], "stepped +0 ret"],
  [
    "one byte of a longer instruction",
    "48",
    [],
    "its machine code cannot be decoded: the bytes at +0 are no complete instruction",
  ],
  [
    "an instruction cut at the end",
    "90c3e90000",
    [],
    "its machine code cannot be decoded: the bytes at +2 are no complete instruction",
  ],
  [
    "a branch into an instruction",
    "eb0148c7c001000000c3",
    [],
    "its machine code cannot be decoded: +0 branches into the middle of +3",
  ],
  ["int3 only", "cccccc", [], "the kernel accepts no probe on its first instruction (int3)"],
  ["ud2", "0f0b", [], "the kernel accepts no probe on its first instruction (ud2)"],
  ["lock prefix", "f0480fc101c3", [], "the kernel accepts no probe on its first instruction (lock xadd [rcx], rax)"],
  ["a vector instruction", "c5f877c3", [], "the kernel accepts no probe on its first instruction (vzeroupper)"],
  ["andn is stepped", "c4e2f8f2c3c3", [], "stepped +0 andn rax, rax, rbx"],
  [
    "vcmpsd is not, the kernel would take it for a ret",
    "c5fbc2c101c3",
    [],
    "the kernel accepts no probe on its first instruction (vcmpltsd xmm0, xmm0, xmm1)",
  ],
  ["push r12 is emulated", "4154415cc3", [], "emulated +0 push r12"],
  ["push with REX.W is not", "4850c3", [], "stepped +0 push rax"],
  ["push of memory is not", "ff30c3", [], "stepped +0 push qword ptr [rax]"],
  ["nop with a size prefix is", "6690c3", [], "emulated +0 xchg ax, ax"],
  ["long nop is not, everywhere", "0f1f4000c3", [], "stepped +0 nop [rax]"],
  ["endbr64 is stepped", "f30f1efa55c3", ["RSP"], "emulated +4 push rbp"],
  // The kernel takes 49 90 for a nop: a probe would undo the exchange.
  ["xchg r8, rax", "4990c3", [], "the kernel accepts no probe on its first instruction (xchg r8, rax)"],
  ["a jump past a change of an argument", "b801000000eb00c3", ["RAX"], "stepped +0 mov eax, 1"],
  ["a jump past a change of another register", "b801000000eb00c3", ["RBX"], "emulated +5 jmp +7"],
  ["a partial write counts", "b001eb00c3", ["RAX"], "stepped +0 mov al, 1"],
  ["a jump past a store", "48890890eb00c3", ["RAX"], "stepped +0 mov [rax], rcx"],
  ["a jump past a store into the new frame", "4883ec1848896c2410eb00c3", [], "emulated +9 jmp +b CFA=32"],
  ["a jump past a store above the new frame", "4883ec1848896c2418eb00c3", [], "stepped +0 sub rsp, 0x18"],
  ["a jump past a store into the spill area", "4889442410eb00c3", ["spill at 8"], "emulated +5 jmp +7"],
  ["a jump past a store below the spill area", "4889442408eb00c3", ["spill at 8"], "stepped +0 mov [rsp+8], rax"],
  // cmp qword ptr [rax+8], 3; jle: with a nil pointer the jle is never reached.
  ["a branch past a load through a pointer", "48837808037e00c3", ["RAX"], "stepped +0 cmp qword ptr [rax+8], 3"],
  ["a branch past a load from g", "4983be00010000007400c3", ["R14"], "emulated +8 je +a"],
  ["a branch past a load from the stack", "48837c2408007400c3", [], "emulated +6 je +8"],
  ["a branch past a nil check", "84007400c3", ["RAX"], "stepped +0 test [rax], al"],
  ["a branch past a division", "48f7f37400c3", [], "stepped +0 div rbx"],
  ["a jump past a change of a float argument", "f20f59c1eb00c3", ["X0"], "stepped +0 mulsd xmm0, xmm1"],
  ["a jump past a read of float arguments", "660f2ec1eb00c3", ["X0", "X1"], "emulated +4 jmp +6"],
  ["a jump past a pop", "58eb00c3", [], "stepped +0 pop rax"],
  ["a branch target before the jump", "4889c37400eb00c3", [], "emulated +3 je +5"],
  [
    "a loop around the whole",
    "48ffc875fbc3",
    ["RAX"],
    "a loop leads back to its first instruction, so hits would not equal calls",
  ],
  ["a nop before ret", "4889c390c3", ["RAX", "RBX"], "stepped +0 mov rbx, rax; return emulated +3 nop"],
  ["a nop before ret that is jumped over", "85c0740190c3", [], "emulated +2 je +5; return stepped +5 ret"],
  ["ret with a size", "c20800", [], "stepped +0 ret 8"],
];

test("sites of hand-assembled code", async (t) => {
  for (const [name, hex, registers, expected] of CASES) {
    await t.test(name, () => {
      const code = Uint8Array.from(Buffer.from(hex, "hex"));
      const found = findSites({
        fn: { entry: 0x400000, offset: 0 },
        code,
        registers: new Set(["RSP", ...registers]),
        ...(registers.includes("spill at 8") ? { spillArea: 8 } : {}),
      });
      if (!found.ok) return assert.equal(found.reason, expected);
      const text = ({ kind, address, instruction, cfaOffset }: ProbeSite) =>
        `${kind} +${address - 0x400000} ${instruction.replace(/0x40000([0-9a-f])/, "+$1")}${cfaOffset === 8 ? "" : ` CFA=${cfaOffset}`}`;
      const entry = text(found.entry);
      const withReturns = [entry, ...found.returns.map((site) => `return ${text(site)}`)].join("; ");
      assert.ok([entry, withReturns].includes(expected), `${withReturns}, expected ${expected}`);
    });
  }
});

const JUMPS: [name: string, hex: string, away: boolean][] = [
  ["a jump inside", "55eb005dc3", false],
  ["a branch inside", "5574005dc3", false],
  ["a call", "55e800010000c3", false],
  ["a jump to another function", "55e900010000", true],
  ["a jump back to one before", "55e900feffff", true],
  ["a branch to another function, beside a ret", "550f8400010000c3", true],
  ["a jump through a register", "55ffe0", true],
];

test("a jump that leads out of the function is told: such a call ends elsewhere", () => {
  for (const [name, hex, away] of JUMPS) {
    const code = Uint8Array.from(Buffer.from(hex, "hex"));
    const found = findSites({ fn: { entry: 0x400000, offset: 0 }, code, registers: new Set(["RSP"]) });
    assert.ok(found.ok, name);
    assert.equal(found.jumpsAway, away, name);
  }
});

/** `+N` (or both, of a branch; none: where the return address leads), change of RSP, changed float registers. */
const LEADS: [name: string, hex: string, registers: string[], expected: string][] = [
  ["push rbp", "55c3", [], "+1 -8"],
  ["the branch of a stack check, not taken", "493b6610760290c3e800000000ebf1", ["R14"], "+2 0"],
  ["a branch, either way", "4885c07401905dc3", ["RAX"], "+2 +3 0"],
  ["a jump", "eb0090c3", [], "+2 0"],
  ["a call", "e80b000000c3", [], "+16 -8"],
  ["a return", "c3", [], "8"],
  ["what changes a float register", "f20f59c1c3", ["X0"], "+4 0 X0"],
  ["a jump through a register", "ffe0", [], "unknown"],
  ["a change of RSP that is not constant", "4829c4c3", [], "unknown"],
];

test("where a thread is behind the entry site", () => {
  for (const [name, hex, registers, expected] of LEADS) {
    const code = Uint8Array.from(Buffer.from(hex, "hex"));
    const found = findSites({ fn: { entry: 0x400000, offset: 0 }, code, registers: new Set(["RSP", ...registers]) });
    assert.ok(found.ok, name);
    const { resume, changesFloats } = found.entry;
    const text =
      resume === undefined ? ["unknown"] : [...resume.ip.map((place) => `+${place}`), resume.sp, ...changesFloats];
    assert.equal(text.join(" "), expected, name);
  }
});

/** `cmp rsp, [r14+16]; jbe` to a block that calls and jumps back: what it saves, and what it brings back. */
const CHECKS: [name: string, save: string, restore: string, restored: string[], cameBack?: false][] = [
  ["nothing", "", "", []],
  ["one register", "4889442408", "488b442408", ["RAX"]],
  ["two registers, of which one is a byte", "4889442408885c2410", "488b4424080fb65c2410", ["RAX", "RBX"], false],
  ["a float register", "f20f11442408", "f20f10442408", ["X0"]],
  ["from another place", "4889442408", "488b442410", []],
  ["saved, and not brought back", "4889442408", "", []],
  ["brought back, and changed", "4889442408", "488b44240831c0", []],
];

test("which arguments a stack check keeps, and where it came back to", () => {
  for (const [name, save, restore, restored, cameBack] of CHECKS) {
    const block = `${save}e800000000${restore}`;
    const size = block.length / 2;
    const code = Uint8Array.from(Buffer.from(`493b6610760290c3${block}eb${hexByte(-(8 + size + 2))}`, "hex"));
    const found = findSites({ fn: { entry: 0x400000, offset: 0 }, code, registers: new Set(["RSP"]) });
    assert.ok(found.ok, name);
    assert.deepEqual(found.entry.restored, restored, name);
    const address = 0x400000 + 8 + save.length / 2 + 5;
    assert.deepEqual(found.entry.cameBack, cameBack === false ? undefined : { register: "RBX", address }, name);
  }
});

function hexByte(signed: number): string {
  return (signed & 0xff).toString(16).padStart(2, "0");
}

test("any bytes give sites or a reason, and sites are whole instructions", () => {
  // A fixed linear congruential generator (Numerical Recipes' constants): the same bytes in every run.
  let seed = 1;
  const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 24;
  let found = 0;
  for (let round = 0; round < 5_000; round++) {
    const code = Uint8Array.from(
      { length: 1 + (next() % 40) },
      () => [next(), 0x90, 0x55, 0xc3, 0x48, 0x89, 0xeb, 0x74][next() % 8]!,
    );
    const sites = findSites({ fn: { entry: 0x1000, offset: 0x1000 }, code, registers: new Set(["RSP", "RAX", "RBX"]) });
    if (!sites.ok) {
      assert.ok(sites.reason.length > 0);
      continue;
    }
    found++;
    for (const site of [sites.entry, ...sites.returns]) {
      const at = site.address - 0x1000;
      assert.equal(Buffer.from(code.subarray(at, at + site.expected.length / 2)).toString("hex"), site.expected);
    }
  }
  assert.ok(found > 500, `${found} of 5000 were functions`);
});
