/** What is told of probes that cost too much, and when nothing is left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Removal, ThinnedEvent } from "../../../../src/engine/api.ts";
import { ProbeTable } from "../../../../src/engine/trace/probeTable.ts";
import { Removals, removedMessage, thinnedMessage } from "../../../../src/engine/trace/removals.ts";
import { inlinedCallPlan, planOf } from "./plans.ts";

const f = { ...planOf("main.f", 0x2000, 2), inlinedCalls: [inlinedCallPlan("main.caller", 9, 0x4000)] }; // 100; 101, 102; 103
const g = planOf("main.g", 0x3000, 1); // 104; 105

function removals() {
  const plans = [f, g];
  const table = new ProbeTable({
    plans,
    returns: true,
    rate: undefined,
    watches: [],
    withProbeAddress: (plan) => plan,
  });
  table.firstProbe = 100;
  const told: (readonly Removal[])[] = [];
  const messages: string[] = [];
  const thinned: (readonly ThinnedEvent[])[] = [];
  const left: number[] = [];
  const costs: number[] = [];
  const made = new Removals({
    functions: plans.map(({ fn }) => fn.name),
    table,
    budget: 5,
    tell: (removed, message) => {
      told.push(removed);
      messages.push(message);
    },
    tellThinned: (events) => thinned.push(events),
    nothingLeft: ({ rate, costPercent }) => {
      left.push(rate);
      costs.push(costPercent);
    },
  });
  const figures = { rate: 12_345.6, costPercent: 17.256, timeNs: String(process.hrtime.bigint()) };
  const take = (probe: number, returns = false): void =>
    made.take({ probe, what: returns ? "returns" : "calls", ...figures });
  const thin = (probe: number): void => made.take({ probe, what: "captures", maxRate: 1666.6667, ...figures });
  return { made, told, messages, thinned, left, costs, take, thin };
}

test("an event has the contract's fields, and what came together is told together", () => {
  const { made, told, left, take } = removals();
  take(100, true);
  take(104);
  take(999);
  made.flush();
  made.flush();
  assert.deepEqual(
    told.map((all) => all.map(({ event: { ts: _ts, ...event }, part }) => ({ ...event, part }))),
    [
      [
        { event: "removed", func: "main.f", reason: "budget", rate: 12_300, costPercent: 17.3, part: "returns" },
        { event: "removed", func: "main.g", reason: "budget", rate: 12_300, costPercent: 17.3, part: "calls" },
      ],
    ],
  );
  const fields = ["event", "func", "ts", "reason", "rate", "costPercent"];
  assert.deepEqual(
    told[0]?.map(({ event }) => Object.keys(event)),
    [[...fields, "part"], fields],
  );
  assert.deepEqual(left, []);
});

test("nothing is left when the last probe that sees calls is gone, inlined ones too", () => {
  const { made, told, left, take } = removals();
  for (const probe of [100, 104]) take(probe);
  made.flush();
  assert.deepEqual(left, []);
  take(103);
  made.flush();
  assert.deepEqual(left, [12_300]);
  assert.deepEqual(
    told.flat().map(({ part }) => part),
    ["calls", "calls", "inlined"],
  );
});

test("what went last is told with all that it cost", () => {
  const { made, costs, take } = removals();
  for (const probe of [103, 104]) take(probe);
  made.flush();
  take(100);
  take(100, true);
  made.flush();
  assert.deepEqual(costs, [34.6]);
});

test("how to go on is said once, however many messages a flood takes", () => {
  const { made, messages, take } = removals();
  for (const probe of [103, 104, 100]) {
    take(probe);
    made.flush();
  }
  assert.deepEqual(
    messages.map((message) => /main\.[fg] .*?( A condition |$)/.exec(message)?.[1]),
    [" A condition ", "", ""],
  );
});

test("what is captured less is told apart: nothing is gone", () => {
  const { made, told, thinned, left, thin } = removals();
  thin(100);
  made.flush();
  assert.deepEqual([told, left, made.isGone(0)], [[], [], false]);
  const [{ ts, ...event } = { ts: "" }] = thinned[0] ?? [];
  assert.match(ts, /Z$/);
  const figures = { rate: 12_300, costPercent: 17.3, maxRate: 1670 };
  assert.deepEqual(event, { event: "thinned", func: "main.f", reason: "budget", ...figures });
  assert.match(
    thinnedMessage(thinned[0] ?? [], 5),
    /fewer calls are captured since \d\d:\d\d:\d\d: main\.f at most 1 670 a second \(of 12 300, .*17\.3 % .*as throttled/,
  );
});

test("a function is gone when its own code's probe and those of all inlined calls are", () => {
  const { made, take } = removals();
  take(100);
  assert.equal(made.isGone(0), false);
  take(103);
  assert.equal(made.isGone(0), true);
  assert.equal(made.isGone(1), false);
  made.flush();
});

test("the message names function, rate, cost and time, and says how to go on", () => {
  const removal = (func: string, part: Removal["part"]): Removal => ({
    event: { event: "removed", func, ts: "2026-11-28T20:31:05Z", reason: "budget", rate: 83_100, costPercent: 104 },
    part,
  });
  const clock = new Date("2026-11-28T20:31:05Z").toTimeString().slice(0, 8);
  assert.equal(
    removedMessage([removal("main.f", "returns"), removal("main.f", "calls")], 5),
    `tracing cost the process more than the budget of 5 % of a core, so these probes were removed at ${clock}: ` +
      "the returns of main.f (83 100 a second, about 104 % of a core), main.f (83 100 a second, about 104 % of a core); " +
      "from then on they are not counted. A condition or a rate makes no hit cheaper: trace a function that is called " +
      "less often, or allow more (--budget PERCENT or off; in the editor probelens.budget)",
  );
  const many = ["a", "b", "c", "d", "e"].map((name) => removal(`main.${name}`, "calls"));
  assert.match(removedMessage(many, 5), /main\.c \([^)]*\), and 2 more; from then on/);
});
