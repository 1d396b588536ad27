/** The life of traces that share a helper, with a helper made of promises. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndReason, StatsEvent, TraceEvent } from "../../../../src/engine/api.ts";
import type { EventSink, SessionLink } from "../../../../src/engine/helper/link.ts";
import { StreamFlow } from "../../../../src/engine/helper/streamFlow.ts";
import type { CallerTable } from "../../../../src/engine/trace/callers.ts";
import { MAX_KEPT, MAX_WAITING, TraceSession } from "../../../../src/engine/trace/traceSession.ts";
import type { DetachResult } from "../../../../src/protocol/helperApi.ts";
import { counters, planOf, program, rawEvent } from "./plans.ts";

/** Records of a shared stream: what a trace is given is taken from its own count. */
class FakeHelper {
  reading = true;
  alive = true;
  private readonly flow = new StreamFlow({ pause: () => (this.reading = false), resume: () => (this.reading = true) });
  private nextProbe = 1;
  private nextSession = 1;
  /** How `detach` answers, when it does. */
  answer: Promise<DetachResult> = Promise.resolve({ counters: [], openCalls: [] });

  readonly link: SessionLink = {
    alive: true,
    client: { counters: async () => ({ counters: [] }), detach: () => this.answer },
    register: (_sink, count) => {
      const firstProbe = this.nextProbe;
      this.nextProbe += count;
      return { session: this.nextSession++, firstProbe };
    },
    unregister: () => {},
    setReader: (sink, state) => this.flow.set(sink, state),
    readToEnd: () => this.flow.readToEnd(),
  };

  /** One batch of calls for a trace; false: the stream rests. */
  send(trace: TraceSession, calls: number): boolean {
    if (!this.reading) return false;
    const sink: EventSink = trace;
    for (let n = 0; n < calls; n += 1) sink.onRawEvent(rawEvent("call", trace.probes[0]!.id, n + 1));
    sink.onBatchEnd();
    return true;
  }
}

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

test("two traces share a helper: the one that goes on does not start the stream that the other has stopped", async () => {
  const helper = new FakeHelper();
  const [slow, quick] = [traceOf(helper, true), traceOf(helper, false)];
  assert.ok(helper.send(slow.session, 10));
  await settled();
  assert.equal(helper.reading, false);
  // What was in the pipe already reaches the other one, which takes it at once.
  quick.session.onRawEvent(rawEvent("call", quick.session.probes[0]!.id, 1));
  quick.session.onBatchEnd();
  await settled();
  assert.equal(quick.events.length, 1);
  assert.equal(helper.reading, false);
  await slow.take();
  assert.equal(helper.reading, true);
});

test("what is kept for a slow reader is bounded, also while others end", async () => {
  const helper = new FakeHelper();
  const slow = traceOf(helper, true);
  const BATCH = 10_000;
  let sent = 0;
  const flood = async (): Promise<void> => {
    while (helper.send(slow.session, BATCH)) {
      sent += BATCH;
      await settled();
    }
  };
  await flood();
  assert.equal(sent, BATCH);
  // An end reads on: then the bound is the larger one, and holds as well.
  const ending = traceOf(helper, false);
  let answer: (result: DetachResult) => void = () => {};
  helper.answer = new Promise((resolve) => (answer = resolve));
  const stopped = ending.session.stop();
  await flood();
  assert.ok(sent > MAX_KEPT && sent <= MAX_KEPT + BATCH, String(sent));
  assert.equal(helper.reading, false);
  answer({ counters: [], openCalls: [] });
  await stopped;
  assert.equal(ending.ends.length, 1);
  assert.equal(helper.reading, false);
  // Taken batch by batch, until it is ready for more.
  while (slow.events.length < sent) await slow.take();
  await slow.take();
  assert.equal(helper.reading, true);
});

test("a caller that takes long to find holds the stream up, too", async () => {
  const helper = new FakeHelper();
  let found: () => void = () => {};
  const loading = new Promise<void>((resolve) => (found = resolve));
  let known = false;
  const lookup = (() => (known ? KNOWN.lookup(0) : undefined)) as typeof KNOWN.lookup;
  const trace = traceOf(helper, false, { ...KNOWN, lookup, load: () => loading });
  let sent = 0;
  while (helper.send(trace.session, 1000)) sent += 1000;
  assert.ok(sent > MAX_WAITING && sent <= MAX_WAITING + 1000, String(sent));
  assert.equal(trace.events.length, 0);
  known = true;
  found();
  await settled();
  assert.equal(trace.events.length, sent);
  const [first] = trace.events;
  assert.ok(first?.event === "call");
  assert.deepEqual([first.caller, first.callerLine], ["main.caller", 12]);
  assert.equal(Object.keys(first).at(-1), "args");
  assert.equal(helper.reading, true);
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
  trace.session.onBatchEnd();
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
