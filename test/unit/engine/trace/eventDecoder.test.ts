import assert from "node:assert/strict";
import { test } from "node:test";
import { EventDecoder } from "../../../../src/engine/trace/eventDecoder.ts";
import type { ProbeRole } from "../../../../src/engine/trace/probeTable.ts";
import type { SourcePosition } from "../../../../src/gobinary/api.ts";
import { inlinedCallPlan, planOf, program, rawEvent } from "./plans.ts";

const plan = planOf("main.f", 0x2000, 1);
const entry: ProbeRole = { kind: "entry", fn: 0, plan, paired: true };
const back: ProbeRole = { kind: "return", fn: 0, plan, site: plan.returns[0]! };
const inlined = inlinedCallPlan("main.h", 9, 0x4000);
assert.ok("site" in inlined);

const seen = new Map<number, SourcePosition | null>([
  [0x3004, { func: "main.main", file: "/src/app.go", line: 41 }],
  [0x3005, { func: "main.made", file: "", line: 0 }],
  [0x3006, null],
]);
const decoder = new EventDecoder({
  program,
  values: false,
  late: false,
  callers: {
    callAddress: ({ returnAddress }) => (returnAddress === 0n ? undefined : Number(returnAddress) - 1),
    loadBias: () => 0,
    lookup: (address) => seen.get(address),
  },
  toText: (ns) => `at ${ns}`,
});
const base = { id: 5, ts: "at 1000", pid: 42, tid: 43, goid: 18, func: "main.f" };

test("a call, with where it was made from", () => {
  const call = { event: "call", ...base, file: "/src/app.go", line: 7, args: [] };
  assert.deepEqual(decoder.decode(rawEvent("call", 100, 5), entry), { event: call, callAddress: 0x2004 });
  assert.deepEqual(decoder.decode(rawEvent("call", 100, 5, { returnAddress: 0n }), entry), { event: call });
  for (const [returnAddress, caller] of [
    [0x3005n, { caller: "main.main", callerLine: 41 }],
    [0x3006n, { caller: "main.made" }],
    [0x3007n, {}],
  ] as const) {
    const { args, ...head } = call;
    const decoded = decoder.decode(rawEvent("call", 100, 5, { returnAddress }), entry);
    assert.equal(JSON.stringify(decoded), JSON.stringify({ event: { ...head, ...caller, args } }), "in this order");
  }
  const refused = decoder.decode(rawEvent("call", 100, 5, { refused: true, returnAddress: 0n }), entry);
  assert.deepEqual(refused, { event: { ...call, endUnknown: true } });
});

test("an inlined call knows its caller", () => {
  const role: ProbeRole = { kind: "inlined", fn: 0, plan, inlined };
  const { event } = decoder.decode(rawEvent("call", 101, 5), role) ?? {};
  assert.deepEqual(event, {
    event: "call",
    ...base,
    file: "/src/app.go",
    line: 7,
    caller: "main.h",
    callerLine: 9,
    args: [],
    inlined: true,
  });
});

test("a return has the call's id, its own time and how long the call took", () => {
  const returned = { event: "return", ...base, results: [], durationNs: 250 };
  assert.deepEqual(decoder.decode(rawEvent("return", 102, 5), back), { event: returned });
  const incomplete = { ...back, plan: { ...plan, missingResults: "the list ends early" } };
  assert.deepEqual(decoder.decode(rawEvent("return", 102, 5), incomplete), {
    event: { event: "return", ...base, results: [], missingResults: "the list ends early", durationNs: 250 },
  });
});

test("an unwound call is told by the record that names its entry probe, and by no other", () => {
  assert.deepEqual(decoder.decode(rawEvent("unwound", 100, 5), entry), { event: { event: "unwound", ...base } });
  assert.equal(decoder.decode(rawEvent("unwound", 102, 5), back), undefined);
  assert.equal(decoder.decode(rawEvent("call", 103, 5), { kind: "watch", watch: "resume" }), undefined);
});

test("ids are exact up to the kernel's 53 bits", () => {
  const { event } = decoder.decode(rawEvent("call", 100, Number.MAX_SAFE_INTEGER), entry) ?? {};
  assert.equal(event?.id, Number.MAX_SAFE_INTEGER);
});

test("calls and returns of a generic function have the types of their dictionary, if that is known", () => {
  const eventPlan = (name: string) => ({
    ...plan.call,
    variables: [{ variable: { name, type: EMPTY, blank: false, location: [] }, pieces: [] }],
  });
  const instance = { address: 0x70, call: eventPlan("a"), return: eventPlan("r") };
  const generic = {
    ...plan,
    call: eventPlan("unknown"),
    return: eventPlan("unknown"),
    generic: {
      dictionary: { call: { root: 8, piece: 1 }, return: { root: 0, piece: 0 } },
      instance: (address: number) => (address === 0x70 ? instance : undefined),
    },
  };
  const shown = (event: "call" | "return", words: readonly number[], failedPieces = 0) => {
    const root = new Uint8Array(BigUint64Array.from(words, BigInt).buffer);
    const role = { ...(event === "call" ? entry : back), plan: generic } as ProbeRole;
    const decoded = decoder.decode(rawEvent(event, 100, 5, { root, failedPieces }), role)?.event;
    return decoded?.event === "call" ? decoded.args[0]?.name : decoded?.event === "return" && decoded.results[0]?.name;
  };
  assert.equal(shown("call", [1, 0x70]), "a");
  assert.equal(shown("return", [0x70, 1]), "r");
  assert.equal(shown("call", [0x70, 1]), "unknown");
  assert.equal(shown("return", [0, 0x70]), "unknown");
  assert.equal(shown("call", [1, 0x70], 0b10), "unknown");
  assert.equal(shown("call", [1]), "unknown");
});

const EMPTY = { kind: "struct", name: "struct {}", size: 0, align: 1, named: false, fields: [] } as const;
