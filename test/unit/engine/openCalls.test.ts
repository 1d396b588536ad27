import assert from "node:assert/strict";
import { test } from "node:test";
import { EventClock } from "../../../src/engine/trace/clock.ts";
import { type OpenCall, OpenCalls } from "../../../src/engine/trace/openCalls.ts";

let nextId = 1;
function frame(depth: number, goid = 5, pid = 1): OpenCall {
  const id = nextId;
  nextId += 1;
  return { id, callId: BigInt(id), pid, tid: 9, goid: BigInt(goid), depth: BigInt(depth), timeNs: 0n, fn: 0 };
}
const ids = (calls: readonly OpenCall[]): number[] => calls.map(({ id }) => id);

test("nested calls return inside out and leave nothing", () => {
  const open = new OpenCalls();
  const [outer, inner] = [frame(100), frame(200)];
  assert.deepEqual(open.enter(outer), []);
  assert.deepEqual(open.enter(inner), []);
  assert.deepEqual(open.leave(inner), { call: inner, gone: [] });
  assert.deepEqual(open.leave(outer), { call: outer, gone: [] });
  assert.equal(open.size, 0);
});

test("a frame that stands where another stood proves that it is gone", () => {
  const open = new OpenCalls();
  const [outer, middle, inner] = [frame(100), frame(200), frame(300)];
  for (const call of [outer, middle, inner]) open.enter(call);
  assert.deepEqual(ids(open.enter(frame(200))), ids([inner, middle]));
  assert.equal(open.size, 2);
});

test("a return from a shallower frame ends the deeper ones", () => {
  const open = new OpenCalls();
  const [outer, inner] = [frame(100), frame(300)];
  open.enter(outer);
  open.enter(inner);
  assert.deepEqual(open.leave(outer), { call: outer, gone: [inner] });
});

test("other goroutines and other processes prove nothing", () => {
  const open = new OpenCalls();
  open.enter(frame(300, 5, 1));
  assert.deepEqual(open.enter(frame(100, 6, 1)), []);
  assert.deepEqual(open.enter(frame(100, 5, 2)), []);
  assert.equal(open.size, 3);
});

test("a call on no goroutine ends only by its own return", () => {
  const open = new OpenCalls();
  const first = frame(0, 0);
  open.enter(first);
  assert.deepEqual(open.enter(frame(0, 0)), []);
  assert.equal(open.leave(first).call, first);
});

test("a return whose call was never seen joins nothing", () => {
  assert.deepEqual(new OpenCalls().leave(frame(100)), { call: undefined, gone: [] });
});

test("a goroutine that exits ends all its calls", () => {
  const open = new OpenCalls();
  const [outer, inner] = [frame(100), frame(300)];
  open.enter(outer);
  open.enter(inner);
  assert.deepEqual(ids(open.endGoroutine(outer)), ids([inner, outer]));
});

test("the table is bounded: the oldest call gives way", () => {
  const open = new OpenCalls(2);
  const calls = [frame(100, 1), frame(100, 2), frame(100, 3)] as const;
  for (const call of calls) open.enter(call);
  assert.equal(open.size, 2);
  assert.equal(open.leave(calls[0]).call, undefined);
  assert.equal(open.leave(calls[2]).call, calls[2]);
});

test("event times are the wall clock's, to the nanosecond", () => {
  const clock = new EventClock();
  const monotonic = process.hrtime.bigint();
  const [first, second] = [clock.toRfc3339(monotonic), clock.toRfc3339(monotonic + 1n)];
  assert.match(first, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  assert.ok(Math.abs(Date.parse(first) - Date.now()) <= 5);
  const nanoseconds = (text: string): bigint =>
    BigInt(Date.parse(text.slice(0, 19) + "Z")) * 1_000_000n + BigInt(text.slice(20, 29));
  assert.equal(nanoseconds(second) - nanoseconds(first), 1n);
});
