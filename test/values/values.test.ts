/** Every argument and result of the calls of test/programs/values, and of random ones, against what the program prints. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Findings } from "../matrix/findings.ts";
import { buildValues } from "./build.ts";
import { checkValues, wrongValues } from "./check.ts";
import { randomSource, systematicSource } from "./generate.ts";
import { observe } from "./target.ts";

/** Both ABIs, each kind of map, each place of types (DWARF 4 and 5, the source), position-independent and not optimised. */
const BUILDS = [
  ["1.15.15", "default"],
  ["1.17.13", "strip"],
  ["1.20.14", "noopt"],
  ["1.23.12", "pie"],
  ["1.24.13", "default"],
  ["1.27.4", "default"],
  ["1.27.4", "strip"],
] as const;
const RANDOM = { functions: 120, callsEach: 4, seed: 11 };
const RANDOM_BUILDS = [
  ["1.16.15", "default"],
  ["1.27.4", "default"],
] as const;

/** Wrong for as long as what is named is not built. */
const NOT_BUILT: readonly { readonly value: RegExp; readonly versions?: RegExp; readonly what: string }[] = [
  { value: /^main\.(?:secrets|login) /, what: "values with secret names are redacted" },
  {
    value: /^main\.\w+: .*; shown: /,
    versions: /^1\.1[56]\./,
    what: "a zero-sized parameter stands in source order (its DWARF orders parameters by their place)",
  },
];

for (const [version, mode] of BUILDS)
  test(`go${version} ${mode}: values of every kind`, async (t) => {
    const findings = checkValues(await observe(await buildValues(version, mode, systematicSource())));
    t.diagnostic(findings.text(1));
    nothingWrong(version, findings);
  });

for (const [version, mode] of RANDOM_BUILDS)
  test(`go${version} ${mode}: random types and values`, async (t) => {
    const source = randomSource(RANDOM.functions, RANDOM.callsEach, RANDOM.seed);
    const findings = checkValues(await observe(await buildValues(version, mode, source)));
    t.diagnostic(findings.text(1));
    nothingWrong(version, findings);
  });

function nothingWrong(version: string, findings: Findings): void {
  const expected = NOT_BUILT.filter(({ versions }) => versions?.test(version) ?? true);
  const wrong = wrongValues(findings).filter((detail) => !expected.some(({ value }) => value.test(detail)));
  assert.deepEqual(wrong, []);
  assert.ok(findings.counts["compared"]! > 2000, `${findings.counts["compared"]} values compared`);
  assert.ok(findings.counts["equal"]! > 0, "no value is equal");
}
