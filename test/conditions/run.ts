/**
 * `npm run test:conditions`: random `--where` conditions, evaluated by the program itself, against the calls that pass.
 *
 *   --count 200 --seed 1  --versions 1.16.15,1.27.4  --modes default  --examples 20
 */
import { parseArgs } from "node:util";
import { checkConditions } from "./check.ts";

const { values: options } = parseArgs({
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    versions: { type: "string", default: "1.16.15,1.27.4" },
    modes: { type: "string", default: "default,noopt" },
    examples: { type: "string", default: "20" },
  },
});
let wrong = 0;
for (const version of options.versions.split(","))
  for (const mode of options.modes.split(",")) {
    const findings = await checkConditions(version, mode, Number(options.count), Number(options.seed));
    console.log(`go${version} ${mode}: ${findings.text(Number(options.examples))}`);
    for (const { details } of findings.kinds()) wrong += details.length;
  }
console.log(wrong === 0 ? "Every condition is decided as Go decides it." : `${wrong} differences`);
process.exit(wrong === 0 ? 0 : 1);
