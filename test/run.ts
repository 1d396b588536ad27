/**
 * Runs the tests (all, or the folders and files named) in one process group after the other and prints the totals.
 * Kernel and editor tests share one machine's probes and ports, so files run one at a time there.
 */
import "../src/protocol/promptExit.ts";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** One file's bound; the slowest boots two kernels (test/kernels), each of which has fifteen minutes. */
const FILE_TIMEOUT_MS = 32 * 60_000;

const named = process.argv.slice(2);
const totals = { passed: 0, failed: 0, skipped: 0 };

for (const group of named.length > 0
  ? named
  : [
      "test/unit",
      "test/fuzz",
      "test/kernel",
      "test/kernels",
      "test/matrix",
      "test/values",
      "test/conditions",
      "test/vscode",
    ]) {
  const files = filesOf(group);
  if (files.length === 0) {
    console.error(`test/run.ts: no *.test.ts file at ${group}`);
    process.exit(2);
  }
  await runFiles(files, group.includes("unit") ? 2 : 1);
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0);

async function runFiles(files: string[], concurrency: number): Promise<void> {
  const stream = run({ files, concurrency, timeout: FILE_TIMEOUT_MS });
  stream.on("test:pass", (data) => {
    if (data.details.type === "suite") return;
    if (data.skip === undefined || data.skip === false) totals.passed += 1;
    else totals.skipped += 1;
  });
  stream.on("test:fail", (data) => {
    // A suite's or file's failure is its tests' failure, unless it failed by itself.
    if (data.details.type !== "suite" || data.details.error?.cause instanceof Error) totals.failed += 1;
  });
  const report = stream.compose(new spec());
  for await (const chunk of report) process.stdout.write(chunk as Buffer);
}

function filesOf(group: string): string[] {
  const path = join(ROOT, group);
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => join(path, name));
}
