/** Every argument and result of the calls of test/programs/values, and of random ones, against what the program prints. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Findings } from "../matrix/findings.ts";
import { buildValues } from "./build.ts";
import { checkValues, MAX_UNAVAILABLE, unavailablePart, wrongValues } from "./check.ts";
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

for (const [version, mode] of BUILDS)
  test(`go${version} ${mode}: values of every kind`, async (t) => {
    const findings = checkValues(await observe(await buildValues(version, mode, systematicSource())));
    t.diagnostic(findings.text(1));
    nothingWrong(findings);
  });

for (const [version, mode] of RANDOM_BUILDS)
  test(`go${version} ${mode}: random types and values`, async (t) => {
    const source = randomSource(RANDOM.functions, RANDOM.callsEach, RANDOM.seed);
    const findings = checkValues(await observe(await buildValues(version, mode, source)));
    t.diagnostic(findings.text(1));
    nothingWrong(findings);
  });

function nothingWrong(findings: Findings): void {
  assert.deepEqual(wrongValues(findings), []);
  assert.ok(findings.counts["compared"]! > 2000, `${findings.counts["compared"]} values compared`);
  const unavailable = unavailablePart(findings);
  assert.ok(unavailable <= MAX_UNAVAILABLE, `${(100 * unavailable).toFixed(1)} % unavailable`);
}
