/** A trace's lens and hover while it runs, when probes were removed for their cost, and when it has ended. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { CallEvent, Removal, TraceRequest } from "../../../src/engine/api.ts";
import type { EditorEngine, EditorListener, TracedSites } from "../../../src/lsp/thread/editorEngine.ts";
import { EventLog } from "../../../src/lsp/traces/eventLog.ts";
import { FunctionTrace } from "../../../src/lsp/traces/functionTrace.ts";
import { TraceRecorder } from "../../../src/lsp/traces/traceRecorder.ts";
import type { TraceView } from "../../../src/lsp/traces/traceView.ts";
import { costText } from "../../../src/lsp/views/cost.ts";
import { formatShare } from "../../../src/lsp/views/format.ts";
import { hoverText } from "../../../src/lsp/views/hover.ts";
import { lensText } from "../../../src/lsp/views/lens.ts";
import { missingShort, removedShort, removedText } from "../../../src/lsp/views/removed.ts";
import { until } from "../../until.ts";

const LIVE: TraceView = {
  calls: 1200,
  callsPerSecond: 412,
  corePercent: 0.43,
  dropped: 0,
  throttled: 0,
  latency: { p50: 1000, p95: 3_000_000 },
  shown: { line: "n=5 → 6", args: [] },
};
const SITES: TracedSites = {
  entry: { instruction: "push rbp", kind: "emulated" },
  return: { instruction: "ret", kind: "stepped" },
  cost: { entryNs: 700, returnNs: 9700, follows: false },
};

const OPTIONS = {
  uri: "file:///srv/app.go",
  key: "hot",
  label: "hot",
  names: ["main.hot"],
  target: { kind: "process", pid: 42 },
  targetLabel: "pid 42 (/srv/app)",
  difference: "",
  text: "",
  source: undefined,
  eventsPerSecond: 1000,
  maxStringBytes: 256,
  floats: "signal",
  faultIn: false,
  depth: 3,
  budget: 5,
} as const;

void test("shares of a core", () => {
  const table: [number, string][] = [
    [0, "0 %"],
    [0.004, "<0.1 %"],
    [0.12, "0.1 %"],
    [1, "1 %"],
    [1.26, "1.3 %"],
    [9.96, "10 %"],
    [93.4, "93 %"],
    [1234, "1\u202f234 %"],
  ];
  for (const [percent, text] of table) assert.equal(formatShare(percent), text, `${percent}`);
});

void test("the lens of a running trace: rate, share of a core, latency, the last call", async () => {
  const table: [Partial<TraceView>, string][] = [
    [{}, "● 412/s · 0.4 % of a core · p95 3 ms · n=5 → 6 · Stop"],
    [{ corePercent: 0.03 }, "● 412/s · p95 3 ms · n=5 → 6 · Stop"],
    [{ corePercent: 93 }, "● 412/s · 93 % of a core · p95 3 ms · n=5 → 6 · Stop"],
    [{ calls: 0 }, "● waiting for a call · Stop"],
  ];
  for (const [view, title] of table) assert.equal(lensText(await attached({ ...LIVE, ...view }), "").title, title);
  const { latency: _, ...withoutLatency } = LIVE;
  const thinned = await attached(withoutLatency);
  thinned.removals.push(removal("returns", 4700, 4.6));
  assert.equal(lensText(thinned, "").title, "● 412/s · 0.4 % of a core · returns removed · n=5 → 6 · Stop");
});

void test("the hover of a running trace says what a call costs, and where", async () => {
  const running = await attached(LIVE);
  assert.equal(
    plain(hoverText(running, "| calls |")),
    [
      "**Probelens** `main.hot` · 1\u202f200 calls · 412/s · 0.4 % of a core · p50 1 µs · p95 3 ms",
      "",
      "| calls |",
      "",
      "A traced call costs about 10.4 µs: 700 ns at the entry (`push rbp`, emulated by the kernel), " +
        "9.7 µs at the return (`ret`, single-stepped by the kernel). 5 % of a core, the budget of all traces of a " +
        "process (probelens.budget), is enough for some 4\u202f800 calls a second.",
      "",
      "In pid 42 (/srv/app)",
      "",
    ].join("\n"),
  );
  const follows = await attached(LIVE, undefined, { ...SITES, cost: { ...SITES.cost, follows: true } });
  assert.match(
    plain(costText(follows)),
    /^A traced call costs about 10\.4 µs and what copying takes that its pointers lead to: 700 ns .* is enough for less than 4\u202f800 calls a second\.$/,
  );
  running.removals.push(removal("returns", 4700, 4.6));
  assert.match(plain(costText(running)), /^A traced call costs about 700 ns at the entry \(`push rbp`, emulated by/);
});

void test("after a removal: few words in the lens, and what, how much, when and what to do in the hover", () => {
  const all = [removal("returns", 30_000, 31), removal("calls", 90_400, 93.2)];
  assert.equal(removedShort(all, 5), "removed: 93 % of a core, budget 5 %");
  assert.equal(removedShort(all, 0.05), "removed: 93 % of a core, budget 0.05 %");
  const clock = new Date("2026-11-28T22:10:03Z");
  const time = [clock.getHours(), clock.getMinutes(), clock.getSeconds()].map((n) => String(n).padStart(2, "0"));
  assert.equal(
    removedText(all, OPTIONS),
    "Tracing hot took about 93 % of a core from the process: its probes were hit 90\u202f400 times a second. All " +
      `traces of a process together may take 5 % (probelens.budget), so at ${time.join(":")} the probes of hot were ` +
      "removed; calls since then are not counted. Trace a function that is called less often, or allow more; a " +
      "condition or a limit would not make a hit cheaper.",
  );
  const parts: [readonly Removal[], string, RegExp][] = [
    [[], "", /^$/],
    [[removal("watch", 1, 1)], "", /what tells at once that calls end by a panic was removed; its calls are traced on/],
    [
      [removal("returns", 1, 1)],
      "returns removed",
      /the probes at the returns of hot were removed; its calls are traced on/,
    ],
    [
      [removal("inlined", 1, 1)],
      "some inlined calls removed",
      /inlined calls of hot were removed; its other calls are/,
    ],
    [[removal("inlined", 1, 1), removal("returns", 1, 1)], "returns removed", /returns of hot/],
    [[removal("calls", 1, 1), removal("returns", 1, 1)], "some calls removed", /the probes of hot were removed/],
  ];
  for (const [removals, short, text] of parts) {
    assert.equal(missingShort(removals), short);
    if (removals.length > 0) assert.match(removedText(removals, OPTIONS), text);
  }
  assert.match(removedText(all, { ...OPTIONS, names: ["main.hot[int]", "main.hot[string]"] }), /some instances of hot/);
});

void test("without its returns, a function's newest call is shown, and no latency of before", () => {
  const log = new EventLog();
  const recorder = new TraceRecorder(log);
  recorder.begin();
  recorder.onEvents([call(1), call(2), { ...end(1), event: "return", results: [], durationNs: 5000 }]);
  assert.deepEqual([recorder.view().latency?.p95, recorder.view().shown?.line], [5000, "n=1"]);
  recorder.onRemoved([removal("returns", 1, 1)]);
  recorder.onEvents([call(3)]);
  const { latency, shown } = recorder.view();
  assert.deepEqual([latency, shown?.line], [undefined, "n=3"]);
  assert.match(recorder.lastCalls(), /`3` \| not traced/);
  const lines = log.take(0).lines.map((line) => line.slice("22:10:03.123  ".length));
  assert.deepEqual(lines, [
    "main.hot(n=1)  5 µs  (pid 42, g1)",
    "main.hot(n=2)  …  (pid 42, g1)",
    "main.hot(n=3)  end not traced  (pid 42, g1)",
  ]);
});

void test("a trace that loses its returns is told of once they have settled; one that ends, at its end", async () => {
  for (const ends of [false, true]) {
    const told: string[] = [];
    const traced = await attached(LIVE, (what) => told.push(what));
    listener?.onRemoved([removal("returns", 30_000, 31)]);
    if (ends) {
      listener?.onRemoved([removal("calls", 90_000, 93)]);
      listener?.onEnd({ kind: "over-budget", message: "", rate: 1, costPercent: 1 }, LIVE, "");
    }
    await until("somebody is told", () => told.length > 0);
    assert.deepEqual(told, [ends ? "ended" : "thinned"]);
    const title = lensText(traced, "").title;
    assert.match(title, ends ? /^○ removed: 93 % of a core, budget 5 % · Trace again$/ : /returns removed/);
  }
});

type Owner = ConstructorParameters<typeof FunctionTrace>[1];
/** That of the last trace. */
let listener: EditorListener | undefined;
/** Of all traces. */
const requests: TraceRequest[] = [];
const traces: FunctionTrace[] = [];
afterEach(async () => {
  await Promise.all(traces.splice(0).map((trace) => trace.stop()));
});

void test("names of secrets go with each trace, and what cannot be one refuses it", async () => {
  await attached(LIVE, () => {}, SITES, ["iban", "session_id"]);
  assert.deepEqual(requests.at(-1)?.secretNames, ["iban", "session_id"]);
  const table: [unknown, RegExp][] = [
    [["iban", ""], /: one of them is empty\. Correct that setting/],
    ["iban", /: they must be a list of names\. Correct that setting/],
  ];
  for (const [secretNames, message] of table) {
    const asked = requests.length;
    await assert.rejects(
      attached(LIVE, () => {}, SITES, secretNames),
      message,
    );
    assert.match(lensText(traces.at(-1), "").title, /^○ (one of them is|they must be)/);
    assert.equal(requests.length, asked, "nothing was traced");
  }
});

async function attached(
  view: TraceView,
  tell: (what: string) => void = () => {},
  sites: TracedSites = SITES,
  secretNames: unknown = [],
): Promise<FunctionTrace> {
  const engine: Pick<EditorEngine, "trace"> = {
    trace: async (_job, request, given) => {
      requests.push(request);
      listener = given;
      return { sites, lastCalls: async () => "", stop: async () => {} };
    },
  };
  const owner: Owner = {
    engine: engine as EditorEngine,
    changed: () => {},
    notice: () => {},
    thinned: () => tell("thinned"),
    ended: () => tell("ended"),
  };
  const trace = new FunctionTrace({ ...OPTIONS, secretNames }, owner);
  traces.push(trace);
  await trace.start();
  trace.view = view;
  return trace;
}

function removal(part: Removal["part"], rate: number, costPercent: number): Removal {
  const event = { event: "removed", func: "main.hot", ts: "2026-11-28T22:10:03.123456789Z", reason: "budget" } as const;
  return { event: { ...event, rate, costPercent }, part };
}

function end(id: number) {
  return { id, ts: "2026-11-22T10:00:00Z", pid: 42, tid: 42, goid: 1, func: "main.hot" };
}

function call(id: number): CallEvent {
  const text = String(id);
  const args = [{ name: "n", type: "int", text, value: { type: "int", kind: "int", text } as const }];
  return { ...end(id), event: "call", file: "app.go", line: 3, args };
}

/** Without Markdown's backslashes. */
function plain(markdown: string): string {
  return markdown.replaceAll("\\", "");
}
