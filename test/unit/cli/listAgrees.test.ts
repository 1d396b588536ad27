/** What `list` says of a function is what a trace does with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { functionRow } from "../../../src/cli/functionRow.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import { isRefusal } from "../../../src/goabi/refusal.ts";
import { buildGo } from "../../programs/build.ts";

/** A program has functions of the runtime whose code has no place for a probe, such as a loop to the first instruction. */
const WITHOUT_SITE = /its first instruction|jump table|accepts no probe/;

void test("every function that is listed as traceable is planned, and no other, for the same reason", async () => {
  const engine = createEngine({ terminal: false });
  try {
    const job = newJob({ notice: () => {} });
    const binary = await engine.openFile(job, buildGo("calls"));
    const differing: unknown[] = [];
    let withoutSite = 0;
    for (const fn of await binary.functions()) {
      const { func, traceable, why } = await functionRow(binary, fn);
      const plan = await engine.plan(binary, fn);
      const refused = isRefusal(plan) ? plan.reason : undefined;
      if (traceable !== (refused === undefined) || why !== refused) differing.push({ func, why, refused });
      if (why !== undefined && WITHOUT_SITE.test(why)) withoutSite += 1;
    }
    assert.deepEqual(differing, []);
    assert.notEqual(withoutSite, 0);
  } finally {
    await engine.dispose();
  }
});
