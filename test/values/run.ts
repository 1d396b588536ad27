/**
 * `npm run test:values`: traces the calls of test/programs/values on every Go version in several build modes and
 * compares every argument and result with what the program itself prints. Prints how many were compared, equal,
 * unavailable (by reason) and wrong (each); fails when one is wrong or too many are unavailable.
 *
 *   --versions 1.15.15,1.27.4  --modes default,pie,noopt,strip  --examples 5
 *   --random N --seed S        only N random functions, each called with several random values
 */
import { parseArgs } from "node:util";
import { GO_VERSIONS } from "../matrix/toolchains.ts";
import { buildValues } from "./build.ts";
import { checkValues, MAX_UNAVAILABLE, unavailablePart } from "./check.ts";
import { randomSource, systematicSource } from "./generate.ts";
import { observe } from "./target.ts";

/** Random functions beside the systematic ones: some 5 000 values. */
const RANDOM_FUNCTIONS = 200;
const CALLS_EACH = 5;

const { values: options } = parseArgs({
  options: {
    versions: { type: "string", default: GO_VERSIONS.join() },
    modes: { type: "string", default: "default,noopt,pie,strip" },
    examples: { type: "string", default: "5" },
    random: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const random = randomSource(Number(options.random ?? RANDOM_FUNCTIONS), CALLS_EACH, Number(options.seed));
const sources = { random, ...(options.random === undefined ? { "every kind": systematicSource() } : {}) };
const complaints: string[] = [];

for (const version of options.versions.split(","))
  for (const mode of options.modes.split(","))
    for (const [name, source] of Object.entries(sources))
      await compare(`go${version} ${mode}, ${name}`, version, mode, source);

console.log(complaints.length === 0 ? "Every value is right." : `FAILED:\n${complaints.join("\n")}`);
process.exit(complaints.length === 0 ? 0 : 1);

async function compare(title: string, version: string, mode: string, source: string): Promise<void> {
  try {
    const findings = checkValues(await observe(await buildValues(version, mode, source)));
    console.log(`${title}: ${findings.text(Number(options.examples))}`);
    const part = unavailablePart(findings);
    if (findings.counts["wrong"]! > 0) complaints.push(`${title}: ${findings.counts["wrong"]} wrong`);
    if (part > MAX_UNAVAILABLE) complaints.push(`${title}: ${(100 * part).toFixed(1)} % unavailable`);
  } catch (error) {
    complaints.push(`${title}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
