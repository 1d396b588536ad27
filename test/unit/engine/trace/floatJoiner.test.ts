/** Events and the records of their float registers, in every order in which they may come. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FloatJoiner } from "../../../../src/engine/trace/floatJoiner.ts";
import type { EventPlan } from "../../../../src/probe/api.ts";
import { FLOAT_REGISTERS } from "../../../../src/protocol/capture.ts";
import type { RawEvent } from "../../../../src/protocol/records.ts";
import { rawEvent } from "./plans.ts";

const PLAN: EventPlan = {
  capture: {
    pieces: [
      { kind: "register", register: "RAX" },
      { kind: "float", register: "X1" },
      { kind: "float", register: "X0" },
    ],
    slots: [],
    masks: [],
  },
  variables: [],
};

/** Call `id` on thread `tid`; the kernel program leaves the places of X1 and X0 alone. */
function call(id: number, tid: number, floats: RawEvent["floats"] | undefined = "follow"): RawEvent {
  const root = Uint8Array.from({ length: 24 }, () => 0xee);
  const more = { tid, root, failedPieces: 0b110 };
  return rawEvent("call", 1, id, floats === undefined ? more : { ...more, floats });
}

/** X0 is 2 × id, X1 is 2 × id + 1. */
function registers(id: number, tid: number, probe = 1): RawEvent {
  const values = new Float64Array(FLOAT_REGISTERS.length).map((_, index) => 2 * id + index);
  return rawEvent("floats", probe, id, { tid, root: new Uint8Array(values.buffer) });
}

function noRegisters(id: number, tid: number): RawEvent {
  return rawEvent("floats", 1, id, { tid });
}

function plain(id: number, tid: number): RawEvent {
  return rawEvent("call", 2, id, { tid });
}

/** `id:X1,X0`, `id:why there are none`, or `id` of an event without float registers. */
function text({ callId, kind, floats, failedPieces, floatsMissing, root }: RawEvent): string {
  const name = `${callId}${kind === "return" ? "r" : ""}`;
  if (floats === undefined) return name;
  if (failedPieces !== 0) return `${name}:${floatsMissing}`;
  const view = new DataView(root.buffer, root.byteOffset);
  return `${name}:${view.getFloat64(8, true)},${view.getFloat64(16, true)}`;
}

const MISSED = "in FP register: the signal frame did not come";

const CASES: [name: string, given: readonly RawEvent[], delivered: string, missed?: number][] = [
  ["its registers come next", [call(5, 1), registers(5, 1)], "5:11,10"],
  ["nothing to wait for", [plain(5, 1), plain(6, 1)], "5 6"],
  [
    "threads in between, in the kernel's order",
    [call(5, 1), plain(6, 2), call(7, 3), registers(7, 3), plain(8, 4), registers(5, 1)],
    "5:11,10 6 7:15,14 8",
  ],
  ["the frame was another place's", [call(5, 1), noRegisters(5, 1)], `5:${MISSED}`, 1],
  ["their record was lost", [call(5, 1), call(6, 1), registers(6, 1)], `5:${MISSED} 6:13,12`, 1],
  ["registers of another call", [call(5, 1), registers(6, 1), registers(5, 1)], "5:11,10"],
  ["of another probe", [call(5, 1), registers(5, 1, 3), registers(5, 1)], "5:11,10"],
  ["of another thread", [call(5, 1), registers(5, 2), registers(5, 1)], "5:11,10"],
  ["too late", [call(5, 1), plain(6, 1), registers(5, 1)], `5:${MISSED} 6`, 1],
  ["on a system stack", [call(5, 1, "no goroutine")], "5:in FP register, on a system stack"],
  [
    "a full table",
    [call(4, 2), call(5, 1, "no room"), registers(4, 2)],
    "4:9,8 5:in FP register: too many threads wait for a signal",
  ],
  [
    "call and return at one instruction",
    [call(5, 1), { ...call(5, 1), kind: "return", probe: 7 }, registers(5, 1), registers(5, 1, 7)],
    "5:11,10 5r:11,10",
  ],
];

test("events get their registers, or the reason why there are none", () => {
  for (const [name, given, delivered, missed = 0] of CASES) {
    const texts: string[] = [];
    const joiner = new FloatJoiner((event) => texts.push(text(event)));
    for (const event of given) joiner.take(event, event.probe === 2 ? undefined : PLAN);
    assert.equal(texts.join(" "), delivered, name);
    assert.equal(joiner.holds, false, name);
    assert.equal(joiner.missed, missed, name);
  }
});

test("what waits outlives its batch, and at the end goes without", () => {
  const texts: string[] = [];
  const joiner = new FloatJoiner((event) => texts.push(text(event)));
  const [first, second] = [call(5, 1), call(6, 2)];
  joiner.take(first, PLAN);
  joiner.take(second, PLAN);
  joiner.keep();
  first.root.fill(0);
  second.root.fill(0);
  assert.ok(joiner.holds);
  joiner.take(registers(6, 2), undefined);
  assert.deepEqual(texts, []);
  const point = joiner.now;
  joiner.take(call(7, 3), PLAN);
  joiner.giveUpBefore(point);
  assert.deepEqual(texts, [`5:${MISSED}`, "6:13,12"]);
  assert.ok(joiner.holds);
  joiner.take(registers(7, 3), undefined);
  assert.equal(texts.at(-1), "7:15,14");
  assert.equal(joiner.holds, false);
});

test("a thread that never answers holds up a bounded number of events", () => {
  const delivered: RawEvent[] = [];
  const joiner = new FloatJoiner((event) => delivered.push(event));
  joiner.take(call(1, 1), PLAN);
  let sent = 1;
  while (delivered.length === 0) joiner.take(plain(++sent, 2), undefined);
  assert.equal(delivered.length, sent);
  assert.ok(sent < 20_000, String(sent));
});
