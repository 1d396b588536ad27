import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatsEvent } from "../../../../src/engine/api.ts";
import { ProbeTable } from "../../../../src/engine/trace/probeTable.ts";
import { Tallies } from "../../../../src/engine/trace/tallies.ts";
import type { FunctionPlan } from "../../../../src/probe/api.ts";
import { counters, inlinedCallPlan, planOf } from "./plans.ts";

function tallies(plans: readonly FunctionPlan[], returns = true): Tallies {
  const table = new ProbeTable({ plans, returns, rate: undefined, watches: [], withProbeAddress: (plan) => plan });
  table.firstProbe = 100;
  return new Tallies(plans, table, returns);
}

const f = planOf("main.f", 0x2000, 2); // 100; 101 and 102 are its returns
const g = planOf("main.g", 0x3000, 1); // 103; 104
const NONE = {
  filtered: 0,
  throttled: 0,
  dropped: 0,
  undecided: 0,
  returns: 0,
  unwound: 0,
  unknownEnds: 0,
  openCalls: 0,
};

function stats(func: string, more: Partial<StatsEvent>): StatsEvent {
  return { event: "stats", func, hits: 0, emitted: 0, ...NONE, ...more };
}

test("every emitted call is counted with its end", () => {
  const made = tallies([f, g]);
  const counted = [
    counters(100, { emitted: 100, throttled: 7, dropped: 3, refused: 2, unwound: 5, untold: 1 }),
    counters(101, { emitted: 40, dropped: 4 }),
    counters(102, { emitted: 30, dropped: 0, unpaired: 9 }),
    counters(103, { emitted: 1 }),
    counters(104, {}),
  ];
  made.onCounters(counted, [
    { probe: 100, open: 12, unknown: 6 },
    { probe: 103, open: 1, unknown: 0 },
  ]);
  assert.deepEqual(made.summary(), [
    stats("main.f", {
      hits: 110,
      emitted: 100,
      throttled: 7,
      dropped: 3,
      returns: 70,
      unwound: 5,
      unknownEnds: 4 + 2 + 1 + 6,
      openCalls: 12,
    }),
    stats("main.g", { hits: 1, emitted: 1, openCalls: 1 }),
  ]);
});

test("while the trace runs, what has not ended is open", () => {
  const made = tallies([g]);
  made.onCounters([counters(100, { emitted: 10, unwound: 2 }), counters(101, { emitted: 5, dropped: 1 })]);
  assert.deepEqual(made.summary(), [
    stats("main.g", { hits: 10, emitted: 10, returns: 5, unwound: 2, unknownEnds: 1, openCalls: 2 }),
  ]);
});

test("every trap costs, also that of a return whose call was throttled; as the helper says, else as predicted", () => {
  const table = new ProbeTable({ plans: [f], returns: true, rate: 1, watches: [], withProbeAddress: (plan) => plan });
  table.firstProbe = 100;
  const made = new Tallies([f], table, true);
  made.onCounters([
    counters(100, { emitted: 10, throttled: 90 }),
    counters(101, { emitted: 6, unpaired: 54 }),
    counters(102, { emitted: 4, unpaired: 36 }),
  ]);
  const predicted = 100 * f.entry!.predictedNs + 100 * f.returns[0]!.predictedNs;
  assert.deepEqual(made.costs(), [{ func: "main.f", hits: 100, ns: predicted }]);
  const costs = [700, 9000, 8000].map((hitNs) => ({ hitNs, captureNs: 0 }));
  table.costs = costs;
  assert.deepEqual(made.costs(), [{ func: "main.f", hits: 100, ns: 100 * 700 + 60 * 9000 + 40 * 8000 }]);
  table.costs = costs.map(({ hitNs }) => ({ hitNs: hitNs - 500, captureNs: 500 }));
  const ns = 100 * 200 + 10 * 500 + 60 * 8500 + 6 * 500 + 40 * 7500 + 4 * 500;
  assert.deepEqual(made.costs(), [{ func: "main.f", hits: 100, ns }], "what is throttled is not captured");
  assert.deepEqual(table.callCostOf(0), { entryNs: 700, returnNs: 9000, follows: false });
  // What deep programs have measured comes beside it.
  made.onCounters([counters(100, { emitted: 10, spentNs: 34_000 })]);
  assert.deepEqual(made.costs(), [{ func: "main.f", hits: 10, ns: 10 * 700 + 34_000 }]);
});

test("inlined calls count as calls and have no end", () => {
  const made = tallies([{ ...g, inlinedCalls: [inlinedCallPlan("main.h", 9, 0x4000)] }]);
  made.onCounters([counters(100, { emitted: 3 }), counters(101, { emitted: 3 }), counters(102, { emitted: 8 })], []);
  assert.deepEqual(made.summary(), [stats("main.g", { hits: 11, emitted: 11, returns: 3 })]);
});

test("without counters, what arrived is what is known", () => {
  for (const [returns, ends] of [
    [true, { returns: 1, unwound: 1, openCalls: 1 }],
    [false, {}],
  ] as const) {
    const made = tallies([f, g], returns);
    for (const event of ["call", "call", "call", ...(returns ? (["return", "unwound"] as const) : [])] as const)
      made.onEvent(event, 1);
    assert.deepEqual(made.summary(), [stats("main.f", {}), stats("main.g", { hits: 3, emitted: 3, ...ends })]);
  }
});
