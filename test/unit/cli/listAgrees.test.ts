/** What `list` says of a function is what a trace does with it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { functionRow } from "../../../src/cli/functionRow.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import { isRefusal } from "../../../src/goabi/refusal.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
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
      const plan = await engine.plan(binary, fn, secretNames([]));
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

void test("nothing is listed as traceable of a program whose goroutines cannot be told apart", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "probelens-list-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const program = readFileSync(buildGo("calls", "go1.27.4", "-ldflags=-s -w"));
  for (let at = program.indexOf("go1.27.4"); at >= 0; at = program.indexOf("go1.27.4", at))
    program.write("go1.99.4", at);
  const newer = join(folder, "newer");
  writeFileSync(newer, program, { mode: 0o755 });
  const engine = createEngine({ terminal: false });
  try {
    const binary = await engine.openFile(newJob({ notice: () => {} }), newer);
    for (const fn of await binary.functions()) {
      const { traceable, why } = await functionRow(binary, fn);
      assert.equal(traceable, false, fn.name);
      assert.equal(isRefusal(await engine.plan(binary, fn, secretNames([]))), true, fn.name);
      if (fn.name === "reflect.(*rtype).Name")
        assert.match(why ?? "", /where go1\.99\.4 keeps the numbers of goroutines/);
    }
  } finally {
    await engine.dispose();
  }
});
