/** A short run of every target from a fixed seed; `npm run fuzz` is the long one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./fuzz.ts";
import { TARGETS, WEIGHTS } from "./targets.ts";

const INPUTS = 2000;
const SEED = 20_261_122;

for (const target of Object.keys(TARGETS)) {
  const count = Math.ceil((INPUTS * WEIGHTS[target]!) / 100);
  test(`${target}: ${count} damaged inputs give an answer or a UserError`, async () => {
    const { done, failures } = await fuzz(target, SEED, count);
    assert.deepEqual(
      failures,
      [],
      `again: node test/fuzz/run.ts --target ${target} --seed ${failures[0]?.seed} --inputs 1`,
    );
    assert.equal(done, count);
  });
}

test("parts of a run add up", () => {
  assert.deepEqual(Object.keys(WEIGHTS), Object.keys(TARGETS));
  assert.equal(
    Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0),
    100,
  );
});
