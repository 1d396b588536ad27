/** What is asked of the helper is put together in steps: of many functions it takes seconds, and Ctrl-C is heard between two. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import { attachRequest } from "../../../src/engine/plan/tracePlan.ts";
import { ProbeTable } from "../../../src/engine/trace/probeTable.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import { DEFAULT_LIMITS } from "../../../src/probe/api.ts";
import { buildGo } from "../../programs/build.ts";

test("it ends when it is called off in the middle", async () => {
  const engine = createEngine();
  try {
    const binary = await engine.openFile(newJob(), buildGo("calls"));
    const [fn] = await engine.resolve(binary, ["main.work"]);
    const plan = await engine.plan(binary, fn!, secretNames([]));
    assert.ok("fn" in plan);
    const table = new ProbeTable({
      plans: [plan],
      returns: false,
      rate: undefined,
      watches: [],
      withProbeAddress: (p) => p,
    });
    table.firstProbe = 1;
    const [probe] = table.specs();
    let planned = 0;
    const probes = Array.from({ length: 1000 }, () => ({
      ...probe!,
      get plan() {
        planned += 1;
        return probe!.plan;
      },
    }));
    const caller = new AbortController();
    const target = { kind: "process", pid: 1, startTime: "1" } as const;
    const session = { session: 1, probes, plans: [plan] };
    const asked = attachRequest(caller.signal, session, target, binary, DEFAULT_LIMITS, secretNames([]));
    setImmediate(() => caller.abort());
    await assert.rejects(asked, { name: "AbortError" });
    assert.ok(planned > 0 && planned < 1000, `${planned} of 1000 probes`);
  } finally {
    await engine.dispose();
  }
});
