/** Random conditions: the calls that pass are those for which the program itself says that the condition holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConditions } from "./check.ts";

const BUILDS = [
  ["1.16.15", "default"],
  ["1.27.4", "default"],
] as const;
const COUNT = 24;
const SEED = 7;

for (const [version, mode] of BUILDS)
  test(`go${version} ${mode}: ${COUNT} random conditions`, async (t) => {
    const findings = await checkConditions(version, mode, COUNT, SEED);
    t.diagnostic(findings.text(3));
    assert.deepEqual([...findings.kinds()], []);
    assert.equal(findings.counts["conditions"], COUNT);
    for (const verdict of ["yes", "no", "undecided"]) assert.ok(findings.counts[verdict]! > 0, `no call is ${verdict}`);
  });
