/** `npm run test:kernels`: the product in each of Debian's kernels; with `--load-only` the verifier alone. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KERNELS, type KernelName, OutOfReach } from "./debianKernel.ts";
import { CHECKS, type KernelReport, reportKernel, TESTS } from "./kernelReport.ts";
import { loadOnly } from "./loadOnly.ts";
import { BootFailure, missingTool } from "./machine.ts";
import { kernelTable, writeTable } from "./table.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const { values: options } = parseArgs({
  options: {
    kernel: { type: "string", multiple: true, default: KERNELS },
    checks: { type: "boolean", default: false },
    "load-only": { type: "boolean", default: false },
    object: { type: "string", default: join(ROOT, "dist/probelens.bpf.o") },
    config: { type: "string", default: "" },
    tests: { type: "string", multiple: true },
    "log-lines": { type: "string", default: "400" },
  },
});
const kernels = options.kernel.map((name) => {
  const found = KERNELS.find((kernel) => kernel === name);
  if (found !== undefined) return found;
  console.error(`test:kernels: no kernel ${name}; there are ${KERNELS.join(", ")}`);
  process.exit(2);
});
const missing = missingTool();
if (missing !== undefined) {
  console.error(`test:kernels: ${missing} is missing: sh .ci/setup.sh --test installs it`);
  process.exit(2);
}

const totals = { passed: 0, failed: 0, skipped: 0 };
const reports: KernelReport[] = [];
for (const kernel of kernels) {
  const from = performance.now();
  try {
    if (options["load-only"]) await loadIn(kernel);
    else await checkIn(kernel);
  } catch (error) {
    // Without a mirror there is no kernel to boot; everything else is this project's fault.
    if (error instanceof OutOfReach) totals.skipped += 1;
    else if (error instanceof BootFailure) totals.failed += 1;
    else throw error;
    console.log(`Linux ${kernel}: ${error.message}`);
  }
  console.log(`Linux ${kernel}: ${((performance.now() - from) / 1000).toFixed(0)} s\n`);
}
if (reports.length > 0) console.log(kernelTable(reports));
if (reports.length === KERNELS.length && totals.failed === 0) writeTable(reports);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0);

async function loadIn(kernel: KernelName): Promise<void> {
  const config = options.config.split(",").filter((field) => field !== "");
  const { text, loaded, refused } = await loadOnly(kernel, {
    object: options.object,
    config,
    logLines: Number(options["log-lines"]),
  });
  console.log(text);
  totals.passed += loaded;
  totals.failed += refused;
}

async function checkIn(kernel: KernelName): Promise<void> {
  const report = await reportKernel(kernel, [...CHECKS, ...(options.checks ? [] : (options.tests ?? TESTS))]);
  reports.push(report);
  console.log(`Linux ${report.release}`);
  for (const { name, state, why, ms } of report.checks) {
    totals[state] += 1;
    console.log(`  ${state}  ${name}${ms > 0 ? ` (${(ms / 1000).toFixed(1)} s)` : ""}${why === "" ? "" : `\n${why}`}`);
  }
  for (const line of report.doctor) console.log(`  doctor: ${line}`);
}
