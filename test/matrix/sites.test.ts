/**
 * Probe sites against the independent witness (witness/sites/main.go): those of a large program, and wrong ones, of which
 * it must complain. PROBELENS_SITES=PATH,… checks these programs instead; `npm run matrix -- --real` has more.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { openBinary } from "../../src/gobinary/open.ts";
import { decodeFunction } from "../../src/probe/amd64/decode.ts";
import { buildShapes } from "./build.ts";
import { checkProgram } from "./checkProgram.ts";
import { chosenSites } from "./checkSites.ts";
import { judge } from "./expected.ts";
import { FileSource } from "./fileSource.ts";
import { Findings } from "./findings.ts";
import { CI_VERSIONS, modeNamed } from "./toolchains.ts";
import { type ChosenSites, checkChosen } from "./witness/sites.ts";

const programs = process.env["PROBELENS_SITES"]?.split(",") ?? [
  join(execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim(), "bin/gofmt"),
];

for (const file of programs)
  test(`every site of ${file} keeps its obligations`, async (t) => {
    const { findings } = await checkProgram(file, undefined, ["sites"]);
    const found = findings.get("sites")!;
    t.diagnostic(found.text(3));
    assert.deepEqual(judge("sites", found), []);
    const { emulated = 0, stepped = 0, refused = 0, checked = 0, functions = 0 } = found.counts;
    assert.equal(checked, emulated + stepped);
    assert.equal(functions, checked + refused);
    assert.ok(emulated > functions / 2, found.text(0));
  });

interface Code {
  readonly code: Uint8Array;
  /** Of each instruction, from the function's first. */
  readonly starts: readonly number[];
}
type Wrong = [what: string, wrong: (sites: ChosenSites, code: Code) => ChosenSites | undefined, complaint: RegExp];

const WRONG: readonly Wrong[] = [
  [
    "the first instruction of a function with a stack check",
    (sites, code) => (hasStackCheck(sites, code) ? at(sites, code, 0) : undefined),
    /a way leads from behind the site \+0 to it again/,
  ],
  [
    "an instruction that most calls do not reach",
    (sites, code) => {
      const last = code.starts.length - 1;
      return hasStackCheck(sites, code) ? at(sites, code, last - 1) : undefined;
    },
    /before the site|is not the caller's|leads from behind the site/,
  ],
  [
    "a CFA that is off",
    (sites) => ({ ...sites, site: { ...sites.site, cfaOffset: sites.site.cfaOffset + 8 } }),
    /at the site CFA is not RSP/,
  ],
  [
    "a taken branch that counts",
    (sites) => (sites.site.skip ? { ...sites, site: { ...sites.site, skip: false } } : undefined),
    /a way leads from behind the site/,
  ],
  [
    "inside an instruction",
    (sites) =>
      sites.site.bytes.length > 2 ? { ...sites, site: { ...sites.site, address: sites.site.address + 1 } } : undefined,
    /no instruction's first byte/,
  ],
  [
    "emulated, what is stepped",
    (sites) => (sites.site.emulated ? undefined : { ...sites, site: { ...sites.site, emulated: true } }),
    /is not emulated by the kernel/,
  ],
  [
    "a ret left out",
    (sites) => (sites.returns.length > 0 ? { ...sites, returns: sites.returns.slice(1) } : undefined),
    /the ret \+\d+ is not probed/,
  ],
  [
    "an argument that the stack check loses",
    (sites, code) =>
      hasStackCheck(sites, code) && sites.registerABI && sites.argumentsKnown && sites.registers.length <= 3
        ? { ...sites, registers: [...sites.registers, "R11"] }
        : undefined,
    /back at the entry R11 is not the caller's/,
  ],
  [
    "an argument that it loses, and a return address that is another",
    (sites, code) =>
      hasStackCheck(sites, code) && sites.registerABI && sites.argumentsKnown && sites.registers.length <= 3
        ? {
            ...sites,
            registers: [...sites.registers, "RBX", "R11"],
            cameBack: { register: "RBX", address: sites.entry },
          }
        : undefined,
    /back at the entry R11 is not the caller's/,
  ],
  [
    "a jump to another function that is not told",
    (sites) => (sites.jumpsAway ? { ...sites, jumpsAway: false } : undefined),
    /a jump leads out of the function, and that is not said/,
  ],
];

for (const version of CI_VERSIONS)
  describe(`the witness complains of wrong sites, go${version}`, () => {
    let file: string;
    let chosen: ChosenSites[];
    const codes = new Map<number, Code>();

    before(async () => {
      file = await buildShapes(version, modeNamed("default"));
      const source = await FileSource.open(file);
      const binary = await openBinary(source);
      chosen = (await chosenSites(binary, new Findings())).filter(({ name }) => name.startsWith("main."));
      for (const { entry } of chosen) {
        const code = await binary.code((await binary.functionAt(entry))!);
        const decoded = decodeFunction(code);
        assert.ok(decoded.ok);
        codes.set(entry, { code, starts: decoded.instructions.map(({ at }) => at) });
      }
      await source.close();
    });

    for (const [what, wrong, complaint] of WRONG)
      test(what, async (t) => {
        const claims = chosen.flatMap((sites) => wrong(sites, codes.get(sites.entry)!) ?? []);
        const none = NONE_IN[what]?.includes(version) === true;
        assert.equal(claims.length === 0, none);
        for await (const { name, complaints } of checkChosen(file, file, claims))
          assert.ok(
            complaints.some((text) => complaint.test(text)),
            `${name}: ${complaints.join("; ")}`,
          );
        t.diagnostic(`${claims.length} functions`);
      });
  });

/** Where a version's functions have no such site. */
const NONE_IN: Readonly<Record<string, readonly string[]>> = {
  "a taken branch that counts": ["1.27.4"],
  "an argument that the stack check loses": ["1.15.15"],
  "an argument that it loses, and a return address that is another": ["1.15.15"],
  "a jump to another function that is not told": ["1.20.14"],
};

function hasStackCheck({ site, entry, end }: ChosenSites, { code }: Code): boolean {
  // What follows a stack check stands behind a `jbe`.
  const before = code.subarray(0, site.address - entry + (site.skip ? 6 : 0));
  return site.address < end && (before.includes(0x76) || Buffer.from(before).includes("0f86", "hex"));
}

/** The site moved to the function's n-th instruction. */
function at(sites: ChosenSites, { code, starts }: Code, n: number): ChosenSites {
  const start = starts[n]!;
  const bytes = Buffer.from(code.subarray(start, starts[n + 1])).toString("hex");
  return { ...sites, site: { address: sites.entry + start, bytes, emulated: false, cfaOffset: 8, skip: false } };
}
