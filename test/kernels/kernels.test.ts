/** The oldest and the newest kernel that Debian has; `npm run test:kernels` runs them all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type KernelName, OutOfReach } from "./debianKernel.ts";
import { CHECKS, reportKernel } from "./kernelReport.ts";
import { missingTool } from "./machine.ts";
import { kernelTable, writtenTable } from "./table.ts";

const missing = missingTool();
const OLDEST = "5.10";

for (const kernel of [OLDEST, "newest"] satisfies KernelName[])
  test(`Linux ${kernel}`, { skip: missing !== undefined && `${missing} is missing` }, async (t) => {
    const report = await reportKernel(kernel, CHECKS).catch((error: unknown) => {
      if (!(error instanceof OutOfReach)) throw error;
      t.skip(`its package cannot be had: ${error.message}`);
      return undefined;
    });
    if (!report) return;
    t.diagnostic(report.release);
    for (const { name, state, why } of report.checks)
      await t.test(name, (check) => {
        if (state === "skipped") check.skip(why);
        else assert.equal(state, "passed", why);
      });
    // The newest changes by itself; the oldest stays as it is.
    if (kernel === OLDEST)
      await t.test("docs/kernels.md says the same", () => {
        const page = oldestColumn(writtenTable());
        for (const [row, cell] of oldestColumn(kernelTable([report]))) assert.equal(page.get(row), cell, row);
      });
  });

/** Its cells by the names of the rows. */
function oldestColumn(table: string): Map<string, string> {
  const lines = table.split("\n").filter((line) => line.startsWith("| "));
  return new Map(
    lines.map((line): [string, string] => {
      const [, row = "", cell = ""] = line.split("|").map((part) => part.trim());
      return [row, cell];
    }),
  );
}
