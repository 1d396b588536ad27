/** The life of traces that share a helper, with a helper made of promises. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndReason, StatsEvent, TraceEvent } from "../../../../src/engine/api.ts";
import type { EventSink, SessionLink } from "../../../../src/engine/helper/link.ts";
import type { CallerTable } from "../../../../src/engine/trace/callers.ts";
import { TraceSession } from "../../../../src/engine/trace/traceSession.ts";
import { MAX_RECORDS_FRAME_BYTES } from "../../../../src/protocol/frames.ts";
import { type DetachResult, MAX_UNTAKEN_BYTES } from "../../../../src/protocol/helperApi.ts";
import { RECORD } from "../../../../src/protocol/records.ts";
import { counters, planOf, program, rawEvent } from "./plans.ts";

/** Sends what each trace's window has room for (helper/recordWindow.ts). */
class FakeHelper {
  alive = true;
  private readonly untaken = new Map<number, number>();
  private nextProbe = 1;
  private nextSession = 1;
  /** How `detach` answers, when it does. */
  answer: Promise<DetachResult> = Promise.resolve({ counters: [], openCalls: [] });

  readonly link: SessionLink = {
    alive: true,
    client: {
      counters: async () => ({ counters: [] }),
      detach: () => this.answer,
      taken: (session, bytes) => void this.untaken.set(session, this.untakenOf(session) - bytes),
    },
    register: (_sink, count) => {
      const firstProbe = this.nextProbe;
      this.nextProbe += count;
      return { session: this.nextSession++, firstProbe };
    },
    unregister: () => {},
  };

  untakenOf(session: number): number {
    return this.untaken.get(session) ?? 0;
  }

  /** One batch of calls for a trace; false: it has to take something first. */
  send(trace: TraceSession, calls: number): boolean {
    const untaken = this.untakenOf(trace.session);
    if (untaken > MAX_UNTAKEN_BYTES - MAX_RECORDS_FRAME_BYTES) return false;
    const bytes = calls * RECORD.size;
    this.untaken.set(trace.session, untaken + bytes);
    const sink: EventSink = trace;
    for (let n = 0; n < calls; n += 1) sink.onRawEvent(rawEvent("call", trace.probes[0]!.id, n + 1));
    sink.onBatchEnd(bytes);
    return true;
  }
}

const BATCH = 10_000;

const KNOWN: Pick<CallerTable, "withProbeAddress" | "callAddress" | "loadBias" | "lookup" | "load"> = {
  withProbeAddress: (plan) => plan,
  callAddress: () => 0x2004,
  loadBias: () => 0,
  lookup: () => ({ func: "main.caller", file: "/src/app.go", line: 12 }),
  load: async () => {},
};

/** A trace whose reader takes a batch when `take` is called, or at once. */
function traceOf(helper: FakeHelper, slow: boolean, callers = KNOWN) {
  const events: TraceEvent[] = [];
  const ends: { reason: EndReason; stats: readonly StatsEvent[] }[] = [];
  let waiting: (() => void)[] = [];
  const session = new TraceSession({
    link: helper.link,
    plans: [planOf("main.f", 0x2000, 1)],
    returns: true,
    rate: undefined,
    program,
    values: false,
    late: false,
    callers: callers as CallerTable,
    stacks: undefined,
    watches: [],
    listener: {
      onEvents: (batch) => {
        events.push(...batch);
        return slow ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined;
      },
      onEnd: (reason, stats) => ends.push({ reason, stats }),
    },
    notice: (message) => assert.fail(message),
    onDetached: async (reason) => reason,
  });
  const take = async (): Promise<void> => {
    const taken = waiting;
    waiting = [];
    for (const done of taken) done();
    await settled();
  };
  return { session, events, ends, take };
}

/** Everything that waits for nothing outside has run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("two traces share a helper: what one does not take holds up itself alone", async () => {
  const helper = new FakeHelper();
  const [slow, quick] = [traceOf(helper, true), traceOf(helper, false)];
  let sent = 0;
  while (helper.send(slow.session, BATCH)) sent += BATCH;
  await settled();
  assert.ok(sent * RECORD.size <= MAX_UNTAKEN_BYTES, String(sent));
  for (let round = 1; round <= 10; round++) {
    assert.ok(helper.send(quick.session, BATCH));
    await settled();
    assert.equal(quick.events.length, round * BATCH);
  }
  assert.equal(helper.send(slow.session, BATCH), false);
  // Taken batch by batch, until it is ready for more.
  while (slow.events.length < sent) await slow.take();
  await slow.take();
  assert.equal(helper.untakenOf(slow.session.session), 0);
  assert.ok(helper.send(slow.session, BATCH));
});

test("a batch that brings nothing to deliver is taken, too", () => {
  const helper = new FakeHelper();
  const trace = traceOf(helper, false);
  trace.session.onRawEvent(rawEvent("call", 4711, 1));
  trace.session.onBatchEnd(RECORD.size);
  assert.equal(helper.untakenOf(trace.session.session), -RECORD.size);
});

test("a caller that takes long to find holds its own trace up, too", async () => {
  const helper = new FakeHelper();
  let found: () => void = () => {};
  const loading = new Promise<void>((resolve) => (found = resolve));
  let known = false;
  const lookup = (() => (known ? KNOWN.lookup(0) : undefined)) as typeof KNOWN.lookup;
  const trace = traceOf(helper, false, { ...KNOWN, lookup, load: () => loading });
  let sent = 0;
  while (helper.send(trace.session, 1000)) sent += 1000;
  assert.ok(sent * RECORD.size <= MAX_UNTAKEN_BYTES, String(sent));
  assert.equal(trace.events.length, 0);
  known = true;
  found();
  await settled();
  assert.equal(trace.events.length, sent);
  const [first] = trace.events;
  assert.ok(first?.event === "call");
  assert.deepEqual([first.caller, first.callerLine], ["main.caller", 12]);
  assert.equal(Object.keys(first).at(-1), "args");
  assert.equal(helper.untakenOf(trace.session.session), 0);
});

test("the end comes once, after the last events, with the counters of the last answer", async () => {
  const helper = new FakeHelper();
  const trace = traceOf(helper, true);
  const [entry, back] = trace.session.probes.map(({ id }) => id);
  let answer: (result: DetachResult) => void = () => {};
  helper.answer = new Promise((resolve) => (answer = resolve));
  const stopped = [trace.session.stop(), trace.session.finish({ kind: "target-exited", pid: 42 })];
  helper.send(trace.session, 3);
  trace.session.onRawEvent(rawEvent("return", back!, 1));
  trace.session.onRawEvent(rawEvent("unwound", entry!, 2));
  trace.session.onBatchEnd(2 * RECORD.size);
  answer({
    counters: [counters(entry!, { emitted: 3, unwound: 1 }), counters(back!, { emitted: 1 })],
    openCalls: [{ probe: entry!, open: 1, unknown: 0 }],
  });
  await settled();
  assert.equal(trace.ends.length, 0);
  await trace.take();
  await trace.take();
  await Promise.all(stopped);
  assert.deepEqual(
    trace.events.map(({ event, id }) => [event, id]),
    [
      ["call", 1],
      ["call", 2],
      ["call", 3],
      ["return", 1],
      ["unwound", 2],
    ],
  );
  assert.equal(trace.ends.length, 1);
  const [end] = trace.ends;
  assert.deepEqual(end?.reason, { kind: "stopped" });
  const { returns, unwound, unknownEnds, openCalls } = end.stats[0]!;
  assert.deepEqual([returns, unwound, unknownEnds, openCalls], [1, 1, 0, 1]);
});

test("a helper that dies ends the trace with what arrived", async () => {
  const helper = new FakeHelper();
  const trace = traceOf(helper, false);
  helper.send(trace.session, 2);
  helper.answer = Promise.reject(new Error("it is gone"));
  trace.session.onHelperDied("it was killed");
  await settled();
  const [end] = trace.ends;
  assert.equal(end?.reason.kind, "helper-died");
  assert.deepEqual([end?.stats[0]?.emitted, end?.stats[0]?.openCalls], [2, 2]);
});
