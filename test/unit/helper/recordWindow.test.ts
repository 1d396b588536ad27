/** What one session may have under way, beside another that shares the stream. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordWindow } from "../../../helper/recordWindow.ts";
import { MAX_RECORDS_FRAME_BYTES } from "../../../src/protocol/frames.ts";
import { MAX_UNTAKEN_BYTES, TAKEN_STEP_BYTES } from "../../../src/protocol/helperApi.ts";

/** Sends batches of this size until one has to wait. */
function flood(window: RecordWindow, bytes: number): { sent: number } {
  const state = { sent: 0 };
  const batch = new Uint8Array(bytes);
  const next = (error?: Error | null): void => {
    if (error || state.sent > 64 << 20) return;
    state.sent += bytes;
    window.send(batch, next);
  };
  next();
  return state;
}

const atOnce = (_batch: Uint8Array, done: () => void): void => done();

for (const bytes of [1000, TAKEN_STEP_BYTES, MAX_RECORDS_FRAME_BYTES])
  test(`batches of ${bytes} bytes: what is not taken is bounded, and what is taken is followed up`, () => {
    const window = new RecordWindow(atOnce);
    const state = flood(window, bytes);
    assert.ok(state.sent <= MAX_UNTAKEN_BYTES && state.sent > MAX_UNTAKEN_BYTES - 2 * MAX_RECORDS_FRAME_BYTES);
    // Taken in steps, as a peer tells it, whatever it keeps back below one.
    let [taken, rounds] = [0, 0];
    for (; rounds < 8; rounds++) {
      const before = state.sent;
      const told = state.sent - taken - ((state.sent - taken) % TAKEN_STEP_BYTES);
      window.taken(told);
      taken += told;
      assert.ok(state.sent > before, "it goes on");
      assert.ok(state.sent - taken <= MAX_UNTAKEN_BYTES, String(state.sent - taken));
    }
    // More than was sent makes no more room.
    window.taken(Number.MAX_SAFE_INTEGER);
    const { sent } = state;
    assert.ok(sent - taken <= 2 * MAX_UNTAKEN_BYTES);
  });

test("a session that ends sends all that is left", () => {
  const window = new RecordWindow(atOnce);
  const state = flood(window, 100_000);
  const { sent } = state;
  window.open();
  assert.ok(state.sent > 64 << 20 && sent <= MAX_UNTAKEN_BYTES);
});

test("a stream that breaks is told at once", () => {
  const window = new RecordWindow((_batch, done) => done(new Error("broken")));
  const told: unknown[] = [];
  window.send(new Uint8Array(MAX_RECORDS_FRAME_BYTES), (error) => told.push(error));
  window.send(new Uint8Array(MAX_RECORDS_FRAME_BYTES), (error) => told.push(error));
  window.send(new Uint8Array(MAX_RECORDS_FRAME_BYTES), (error) => told.push(error));
  assert.equal(told.length, 3);
  assert.ok(told.every((error) => error instanceof Error));
});
