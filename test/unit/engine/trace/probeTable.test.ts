import assert from "node:assert/strict";
import { test } from "node:test";
import { endsAreSeen, ProbeTable, type TracedProbes } from "../../../../src/engine/trace/probeTable.ts";
import { refuse } from "../../../../src/goabi/refusal.ts";
import { inlinedCallPlan, planOf, site } from "./plans.ts";

function table(traced: Partial<TracedProbes>): ProbeTable {
  const made = new ProbeTable({
    plans: [],
    returns: true,
    rate: undefined,
    watches: [],
    withProbeAddress: (plan) => plan,
    ...traced,
  });
  made.firstProbe = 100;
  return made;
}

/** `kind fn` of the role, then what the helper is asked. */
const rows = (of: ProbeTable): string[] =>
  of.specs().map((spec) => {
    const role = of.roleOf(spec.id);
    const fn = role === undefined || role.kind === "watch" ? "" : ` ${role.plan.fn.name}`;
    const entry = spec.entryId === undefined ? "" : ` of ${spec.entryId}`;
    return `${spec.id} ${role?.kind}${fn}: ${spec.role}${entry} at ${spec.offset.toString(16)}${spec.pairReturns ? ", paired" : ""}`;
  });

const f = planOf("main.f", 0x2000, 2);
const g = planOf("main.g", 0x3000, 1);

test("role and request stand beside each other: entries, their returns, inlined calls, the runtime", () => {
  const withInlined = {
    ...g,
    inlinedCalls: [inlinedCallPlan("main.h", 9, 0x4000), { ...inlinedCallPlan("main.h", 10, 0x4100), ...refuse("") }],
  };
  const watches = [
    { kind: "goexit" as const, site: site(0x8000) },
    { kind: "resume" as const, site: site(0x9000) },
  ];
  const made = table({ plans: [f, withInlined], watches });
  assert.deepEqual(rows(made), [
    "100 entry main.f: entry at 1000, paired",
    "101 return main.f: return of 100 at 1010",
    "102 return main.f: return of 100 at 1020",
    "103 entry main.g: entry at 2000, paired",
    "104 return main.g: return of 103 at 2010",
    "105 inlined main.g: entry at 3000",
    "106 inlined main.g: entry at 3100",
    "107 watch: goexit at 7000",
    "108 watch: resume at 8000",
  ]);
  assert.equal(made.size, 9);
  assert.deepEqual([made.roleOf(99), made.roleOf(109)], [undefined, undefined]);
});

test("without returns there are entries alone, and none is paired", () => {
  assert.deepEqual(rows(table({ plans: [f, g], returns: false })), [
    "100 entry main.f: entry at 1000",
    "101 entry main.g: entry at 2000",
  ]);
});

test("a function that never returns is paired (its calls are unwound); one that jumps on to another is not", () => {
  const panics = planOf("main.panics", 0x2000, 0);
  const jumps = { ...planOf("main.jumps", 0x3000, 1), jumpsAway: true };
  assert.deepEqual(rows(table({ plans: [panics, jumps] })), [
    "100 entry main.panics: entry at 1000, paired",
    "101 entry main.jumps: entry at 2000",
  ]);
  assert.deepEqual([endsAreSeen(panics), endsAreSeen(jumps)], [true, false]);
});

test("a rate holds for calls; every probe tells its own address where the load bias is not known", () => {
  const rip = { kind: "register", register: "RIP" } as const;
  const made = table({ plans: [f], rate: 50, withProbeAddress: (plan) => ({ ...plan, pieces: [rip] }) });
  const [entry, back] = made.specs();
  assert.deepEqual([entry?.rate, entry?.plan.pieces], [50, [rip]]);
  assert.deepEqual([back?.rate, back?.plan.pieces], [undefined, [rip]]);
});

test("what a call takes, with what is not known before it is copied", () => {
  const text = {
    pointer: 0,
    via: { kind: "type", type: "bytes" },
    length: { kind: "word", at: 8 },
    maxElements: 256,
    maxBytes: 256,
    deepens: false,
  } as never;
  const capture = { ...g.call.capture, slots: [text] };
  const plans = [
    { ...f, call: { ...f.call, capture } },
    { ...g, return: { ...g.return, capture } },
  ];
  const made = table({ plans });
  made.costs = [700, 9000, 8000, 600, 9100].map((hitNs) => ({ hitNs: hitNs - 90, captureNs: 90 }));
  assert.equal(made.callCostOf(0).follows, false, "what flat programs read is reckoned");
  made.measured = [true, true, true, true, true];
  assert.deepEqual(made.callCostOf(0), { entryNs: 700, returnNs: 9000, follows: true });
  assert.deepEqual(made.callCostOf(1), { entryNs: 600, returnNs: 9100, follows: true });
  assert.deepEqual(table({ plans, returns: false }).callCostOf(1), { entryNs: 900, follows: false });
  assert.deepEqual([made.callProbesOf(0), made.callProbesOf(1), made.callProbesOf(2)], [[100], [103], []]);
});
