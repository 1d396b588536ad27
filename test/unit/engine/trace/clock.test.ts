import assert from "node:assert/strict";
import { test } from "node:test";
import { EventClock, eventTime } from "../../../../src/engine/trace/clock.ts";

/** Two clocks that go on by `stepNs` with each look; the wall clock is `offsetNs` ahead. */
function clocks(stepNs: bigint, offsetNs: bigint) {
  let now = 5_000_000_000n;
  const made = {
    offsetNs,
    monotonic: (): bigint => (now += stepNs),
    wallMs: (): number => Number((now + made.offsetNs) / 1_000_000n),
    pass: (ns: bigint): void => void (now += ns),
  };
  return made;
}

const nanoseconds = (text: string): bigint =>
  BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1_000_000n + BigInt(text.slice(20, 29));

const OFFSET = 1_795_000_000_123_456_789n;

test("times are RFC 3339 with nanoseconds, as near to the wall clock as the clocks can be read", () => {
  for (const stepNs of [200n, 1_000n, 30_000n]) {
    const clock = new EventClock(clocks(stepNs, OFFSET));
    const text = clock.toRfc3339(1_000n);
    assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    const error = nanoseconds(text) - (OFFSET + 1_000n);
    assert.ok(error >= -2n * stepNs && error <= 2n * stepNs, `${error} ns at steps of ${stepNs} ns`);
  }
});

test("between two events lie exactly the nanoseconds of CLOCK_MONOTONIC, for as long as nobody sets the wall clock", () => {
  const source = clocks(300n, OFFSET);
  const clock = new EventClock(source);
  const first = nanoseconds(clock.toRfc3339(7n));
  for (const later of [8n, 1_000_000_007n, 86_400_000_000_007n]) {
    // Steps below the tolerance are those of the clocks' own granularity.
    source.pass(3_000_000_000n);
    source.offsetNs += 4_000_000n;
    assert.equal(nanoseconds(clock.toRfc3339(later)) - first, later - 7n);
  }
});

test("a wall clock that was set is followed", () => {
  const source = clocks(300n, OFFSET);
  const clock = new EventClock(source);
  const before = nanoseconds(clock.toRfc3339(7n));
  source.offsetNs += 3_600_000_000_000n;
  source.pass(2_000_000_000n);
  const moved = nanoseconds(clock.toRfc3339(7n)) - before;
  assert.ok(moved > 3_599_999_000_000n && moved < 3_600_001_000_000n, String(moved));
});

test("all traces of a process share one clock", () => {
  const now = process.hrtime.bigint();
  assert.equal(nanoseconds(eventTime(now + 1n)) - nanoseconds(eventTime(now)), 1n);
});
