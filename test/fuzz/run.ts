/**
 * `npm run fuzz`: damaged inputs for every parser; fails on a crash, a hang, unbounded memory or a wrong answer.
 *
 *   --inputs N      all targets together (default 100 000)
 *   --seed N        the first input's seed (default: from the clock; printed)
 *   --target NAME   only this one
 *
 * An input is made from its seed alone: `--target NAME --seed N --inputs 1` is that input again.
 */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";
import { TARGETS, WEIGHTS } from "./targets.ts";

const { values: options } = parseArgs({
  options: { inputs: { type: "string", default: "100000" }, seed: { type: "string" }, target: { type: "string" } },
});
const inputs = Number(options.inputs);
const firstSeed = options.seed === undefined ? 1 + (Date.now() % 2 ** 30) : Number(options.seed);
const names = options.target === undefined ? Object.keys(TARGETS) : [options.target];
if (
  !Number.isInteger(inputs) ||
  inputs < 1 ||
  !Number.isInteger(firstSeed) ||
  names.some((name) => !(name in TARGETS))
) {
  console.error(`usage: node test/fuzz/run.ts [--inputs N] [--seed N] [--target ${Object.keys(TARGETS).join("|")}]`);
  process.exit(2);
}

console.log(`first seed ${firstSeed}`);
let total = 0;
let failed = 0;
for (const target of names) {
  const count = names.length === 1 ? inputs : Math.ceil((inputs * WEIGHTS[target]!) / 100);
  const started = performance.now();
  const { done, failures, slowest } = await fuzz(target, firstSeed, count);
  const seconds = (performance.now() - started) / 1000;
  total += done;
  failed += failures.length;
  console.log(
    `${target}: ${done} inputs, ${failures.length} failures, ${seconds.toFixed(1)} s, slowest ${slowest.ms.toFixed(0)} ms (seed ${slowest.seed})`,
  );
  for (const { seed, error } of failures) {
    console.log(`  ${error.replaceAll("\n", "\n  ")}`);
    console.log(`  again: node test/fuzz/run.ts --target ${target} --seed ${seed} --inputs 1`);
  }
}
console.log(`${total} inputs, ${failed} failures`);
process.exit(failed > 0 ? 1 : 0);
