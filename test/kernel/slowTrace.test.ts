/** Traces that share a helper: one that is not read holds up only itself. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { EndReason, StatsEvent, TraceEvent } from "../../src/engine/api.ts";
import { createEngine, type FullEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { until } from "../until.ts";
import { buildHits, endTargets, HitsProcess, type HitsProgram } from "./hits.ts";

/** More than a trace's window and its ring hold. */
const FLOOD = 60_000;
/** Of these the ring holds every record (some 500 bytes each), however slow the machine is. */
const CALLS = 10_000;

let engine: FullEngine;
let read = (): void => {};
let program: HitsProgram;
before(() => {
  program = buildHits();
  engine = createEngine();
});
after(async () => {
  read();
  await engine.dispose();
  endTargets();
});

/** A trace of main.add in a process; `reading` resolves when its first batch may be taken. */
async function traceOf(pid: number, reading?: Promise<void>) {
  const events: TraceEvent[] = [];
  const ends: { readonly reason: EndReason; readonly stats: readonly StatsEvent[] }[] = [];
  const trace = await engine.trace(
    newJob(),
    { target: { kind: "process", pid }, functions: ["main.add"], returns: false },
    {
      onEvents: (batch) => {
        events.push(...batch);
        return reading;
      },
      onEnd: (reason, stats) => void ends.push({ reason, stats }),
    },
  );
  return { trace, events, ends };
}

test("of two traces one is never read: the other gets each of its events, and what the first lost is counted", async () => {
  const [unreadTarget, target] = [await HitsProcess.start(program), await HitsProcess.start(program)];
  const unread = await traceOf(unreadTarget.pid, new Promise((resolve) => (read = resolve)));
  await unreadTarget.call(FLOOD);
  const [lost] = await unread.trace.stats();
  assert.ok(lost !== undefined && lost.hits === FLOOD && lost.dropped > 0, JSON.stringify(lost));

  const other = await traceOf(target.pid);
  await target.call(CALLS);
  await until("the other's events have come", () => other.events.length === CALLS);
  await other.trace.stop();
  const [stats] = other.ends[0]?.stats ?? [];
  assert.deepEqual([stats?.hits, stats?.emitted, stats?.dropped], [CALLS, CALLS, 0]);
  const numbers = new Set(other.events.map((event) => (event.event === "call" ? event.args[0]?.text : "")));
  assert.equal(numbers.size, CALLS);

  // Read at last, the first one has everything that it did not lose.
  const stopped = unread.trace.stop();
  read();
  await stopped;
  const [end] = unread.ends[0]?.stats ?? [];
  assert.equal(end?.hits, FLOOD);
  assert.equal(unread.events.length, end?.emitted);
  assert.equal(end.emitted + end.dropped, FLOOD);
});
