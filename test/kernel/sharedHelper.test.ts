/** Traces that share a helper: one that is not read holds up only itself, and what each has open is its own. */
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

interface Options {
  readonly functions?: readonly string[];
  readonly returns?: boolean;
  /** Resolves when the first batch may be taken. */
  readonly reading?: Promise<void>;
}

/** A trace in a process, of main.add where nothing else is said. */
async function traceOf(pid: number, { functions = ["main.add"], returns = false, reading }: Options = {}) {
  const events: TraceEvent[] = [];
  const ends: { readonly reason: EndReason; readonly stats: readonly StatsEvent[] }[] = [];
  const trace = await engine.trace(
    newJob(),
    { target: { kind: "process", pid }, functions, returns, secretNames: [] },
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
  const unread = await traceOf(unreadTarget.pid, { reading: new Promise((resolve) => (read = resolve)) });
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

test("two traces of the same calls, whose ids may be alike: what each has open is its own", async () => {
  const target = await HitsProcess.start(program);
  const options = { functions: ["main.add", "main.deep"], returns: true };
  const traces = [await traceOf(target.pid, options), await traceOf(target.pid, options)];
  // Each call of main.add makes three of main.deep, one below the other.
  const calls = 250;
  await target.call(calls, 2);
  for (const { trace, events, ends } of traces) {
    await trace.stop();
    const of = new Map(events.map((event) => [event.event === "call" ? event.id : undefined, event]));
    const returns = events.filter(({ event }) => event === "return");
    assert.equal(returns.length, 4 * calls);
    for (const { id, func, goid } of returns) {
      const call = of.get(id);
      assert.deepEqual([call?.func, call?.goid], [func, goid]);
    }
    for (const { emitted, hits, unwound, unknownEnds, openCalls } of ends[0]?.stats ?? [])
      assert.deepEqual([emitted, unwound, unknownEnds, openCalls], [hits, 0, 0, 0]);
  }
});
