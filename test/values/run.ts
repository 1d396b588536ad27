/**
 * `npm run test:values`: traces the calls of test/programs/values on every Go version in several build modes and
 * compares every argument and result with what the program itself prints. Prints how many were compared, equal,
 * unavailable (by reason) and wrong (each); fails when one is wrong or too many are unavailable.
 *
 *   --versions 1.15.15,1.27.4  --modes default,pie,noopt,strip  --examples 5
 *   --load N                   only N values of calls at full speed, while stacks move and the collector runs
 *   --random N --seed S        only N random functions, each called with several random values
 */
import { parseArgs } from "node:util";
import type { Findings } from "../matrix/findings.ts";
import { GO_VERSIONS } from "../matrix/toolchains.ts";
import { buildValues } from "./build.ts";
import { checkValues, MAX_UNAVAILABLE, unavailablePart } from "./check.ts";
import { randomSource, systematicSource } from "./generate.ts";
import { checkLoad } from "./load.ts";
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
    load: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const random = randomSource(Number(options.random ?? RANDOM_FUNCTIONS), CALLS_EACH, Number(options.seed));
const sources = { random, ...(options.random === undefined ? { "every kind": systematicSource() } : {}) };
const complaints: string[] = [];

for (const version of options.versions.split(","))
  for (const mode of options.modes.split(","))
    if (options.load !== undefined)
      await report(`go${version} ${mode}, load`, () => checkLoad(version, mode, Number(options.load)));
    else
      for (const [name, source] of Object.entries(sources))
        await compare(`go${version} ${mode}, ${name}`, version, mode, source);

console.log(complaints.length === 0 ? "Every value is right." : `FAILED:\n${complaints.join("\n")}`);
process.exit(complaints.length === 0 ? 0 : 1);

async function compare(title: string, version: string, mode: string, source: string): Promise<void> {
  await report(title, async () => checkValues(await observe(await buildValues(version, mode, source))));
}

async function report(title: string, check: () => Promise<Findings>): Promise<void> {
  try {
    const findings = await check();
    console.log(`${title}: ${findings.text(Number(options.examples))}`);
    const part = unavailablePart(findings);
    if (findings.counts["wrong"]! > 0) complaints.push(`${title}: ${findings.counts["wrong"]} wrong`);
    if (part > MAX_UNAVAILABLE) complaints.push(`${title}: ${(100 * part).toFixed(1)} % unavailable`);
  } catch (error) {
    complaints.push(`${title}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
