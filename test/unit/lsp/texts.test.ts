/** Texts of lens, hover, log: whole outputs for given calls. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallEvent, RenderedValue, ReturnEvent } from "../../../src/engine/api.ts";
import { DEFAULT_SETTINGS, readSettings } from "../../../src/lsp/editorClient.ts";
import { CallHistory } from "../../../src/lsp/traces/callHistory.ts";
import { EventLog, formatResults, MAX_LINES_PER_MESSAGE } from "../../../src/lsp/traces/eventLog.ts";
import {
  codeSpan,
  formatCount,
  formatDuration,
  formatRate,
  markdownText,
  plainLabel,
  shorten,
} from "../../../src/lsp/views/format.ts";

void test("durations have three significant digits and the unit that fits", () => {
  const table: [number, string][] = [
    [0, "0 ns"],
    [850, "850 ns"],
    [999.4, "999 ns"],
    [1000, "1 µs"],
    [5120, "5.12 µs"],
    [12_345, "12.3 µs"],
    [999_960, "1 ms"],
    [3_000_000, "3 ms"],
    [1.5e9, "1.5 s"],
    [3_600e9, "3600 s"],
  ];
  for (const [ns, text] of table) assert.equal(formatDuration(ns), text, `${ns}`);
});

void test("rates and counts", () => {
  const rates: [number, string][] = [
    [0, "0/s"],
    [0.01, "0.1/s"],
    [0.5, "0.5/s"],
    [2, "2/s"],
    [9.96, "10/s"],
    [412.3, "412/s"],
    [9_999, "9999/s"],
    [12_345, "12.3k/s"],
  ];
  for (const [rate, text] of rates) assert.equal(formatRate(rate), text, `${rate}`);
  assert.equal(formatCount(1, "call"), "1 call");
  assert.equal(formatCount(1_234_567, "call"), "1\u202f234\u202f567 calls");
});

void test("captured text cannot become markup", () => {
  // An icon in a lens title, a code span's or table cell's end, a link, a line break, a text that runs backwards.
  assert.equal(plainLabel('name="$(trash)"'), 'name="\\$(trash)"');
  assert.equal(codeSpan('"a`b"'), '``"a`b"``');
  assert.equal(codeSpan("`x`"), "`` `x` ``");
  assert.equal(codeSpan("a | b"), "`a \\| b`");
  assert.equal(codeSpan("a\nb\u202ec"), "`a\\u000ab\\u202ec`");
  assert.equal(markdownText("[x](command:evil) <b>"), "\\[x\\]\\(command:evil\\) \\<b\\>");
});

void test("a cut never splits a character", () => {
  assert.equal(shorten("abcdef", 4), "abc…");
  assert.equal(shorten("ab😀cd", 4), "ab…");
  assert.equal(shorten("abcd", 4), "abcd");
});

void test("results: unnamed ones stand bare, several in parentheses", () => {
  assert.equal(formatResults([value("~r0", "2.5")]), "2.5");
  assert.equal(formatResults([value("n", "1"), value("err", "nil")]), "(n=1, err=nil)");
  assert.equal(formatResults([]), "");
});

void test("a line for each call, when it returns; a long one twice", () => {
  const log = new EventLog();
  const history = new CallHistory();
  const quick = history.onCall(call(1, [value("iterations", "1000")]));
  const slow = history.onCall(call(2, [value("iterations", "9")]));
  log.started(quick, 0);
  log.started(slow, 0);
  const returned = history.onEnd(returnOf(1, [value("~r0", "2.5")], 5120));
  assert.equal(returned, quick);
  log.ended(quick);
  assert.deepEqual(texts(log.take(10)), ["main.computeE(iterations=1000) = 2.5  5.12 µs  (pid 42, g18)"]);
  assert.deepEqual(log.take(500), { lines: [], skipped: 0 });
  assert.deepEqual(texts(log.take(1_500)), ["main.computeE(iterations=9)  …  (pid 42, g18)"]);
  assert.deepEqual(texts(log.take(9_000)), [], "said once");
  history.onEnd({ ...returnOf(2, [], 0), event: "unwound" });
  log.ended(slow);
  assert.deepEqual(texts(log.take(9_001)), [
    "main.computeE(iterations=9)  ended by a panic or Goexit  (pid 42, g18) (call shown above)",
  ]);
});

void test("a flood of calls: the newest lines are kept, the others are counted", () => {
  const log = new EventLog();
  const history = new CallHistory();
  for (let id = 0; id < MAX_LINES_PER_MESSAGE + 50; id += 1) {
    log.started(history.onCall(call(id, [value("n", String(id))])), 0);
    const record = history.onEnd(returnOf(id, [], 1));
    if (record !== undefined) log.ended(record);
  }
  const taken = log.take(0);
  assert.equal(taken.skipped, 50);
  assert.equal(taken.lines.length, MAX_LINES_PER_MESSAGE);
  assert.match(taken.lines.at(-1) ?? "", /n=149\)/);
});

void test("history: percentiles, rate from the kernel's counters, arguments and result of one call together", () => {
  const history = new CallHistory();
  assert.equal(history.percentiles(), undefined);
  for (let id = 1; id <= 100; id += 1) {
    history.onCall(call(id, [value("n", String(id))]));
    history.onEnd(returnOf(id, [], id * 1000));
  }
  assert.deepEqual(history.percentiles(), { p50: 50_000, p95: 95_000 });
  history.onCall(call(101, [value("n", "101")]));
  assert.equal(history.shown?.call.id, 100, "the call that runs still has no result to stand beside");
  assert.equal(history.lastCalls[0]?.call.id, 101);
  assert.equal(history.lastCalls.length, 20);
  const stats = (hits: number) => [
    {
      event: "stats" as const,
      func: "f",
      hits,
      emitted: 0,
      filtered: 0,
      throttled: 3,
      dropped: 2,
      returns: 0,
      unwound: 0,
      unknownEnds: 0,
      openCalls: 0,
      undecided: 0,
    },
  ];
  history.begin(-1000);
  history.onStats(stats(1000), 20e6, 0);
  assert.deepEqual([history.callsPerSecond, history.corePercent], [1000, 2], "from the beginning on");
  history.onStats(stats(1500), 20e6, 1000);
  assert.deepEqual([history.callsPerSecond, history.corePercent], [750, 1]);
  history.onStats(stats(1500), 20e6, 2000);
  history.onStats(stats(1500), 20e6, 3100);
  assert.deepEqual([history.callsPerSecond, history.corePercent], [0, 0], "calls of long ago do not count");
  assert.deepEqual([history.calls, history.dropped, history.throttled], [1500, 2, 3]);
});

void test("an unbounded number of calls without returns is bounded", () => {
  const history = new CallHistory();
  for (let id = 0; id < 5000; id += 1) history.onCall(call(id, []));
  assert.equal(history.onEnd(returnOf(0, [], 1)), undefined, "forgotten");
  assert.notEqual(history.onEnd(returnOf(4999, [], 1)), undefined);
});

void test("settings that make no sense read as the default", () => {
  assert.deepEqual(readSettings(null), DEFAULT_SETTINGS);
  assert.deepEqual(
    readSettings({
      codeLens: 7,
      eventsPerSecond: -1,
      maxStringBytes: 1e9,
      depth: 17,
      budget: -1,
      binaries: ["relative", "/a", 3],
      inlineValues: "no",
    }),
    { ...DEFAULT_SETTINGS, binaries: ["/a"] },
  );
  // A trace refuses what cannot be used: a default would show what somebody meant to hide.
  for (const secretNames of [["iban"], "iban", [7]])
    assert.deepEqual(readSettings({ secretNames }), { ...DEFAULT_SETTINGS, secretNames });
  assert.equal(readSettings({ codeLens: "all" }).codeLens, "all");
  assert.equal(readSettings({ depth: 0 }).depth, 0);
  assert.equal(readSettings({ budget: 0 }).budget, 0);
  assert.equal(readSettings({ budget: 2.5 }).budget, 2.5);
});

void test("an inlined call has its line at once, and is shown where all its arguments are known", () => {
  const history = new CallHistory();
  const log = new EventLog();
  const inlined = (id: number, text: string): CallEvent => ({ ...call(id, [value("n", text)]), inlined: true });
  log.started(history.onCall(call(1, [value("n", "1")])), 0);
  const first = history.onEnd(returnOf(1, [], 5));
  assert.ok(first !== undefined);
  log.ended(first);
  log.started(history.onCall(inlined(2, "<unavailable: inlined, and in no register there>")), 0);
  assert.equal(history.shown?.call.id, 1);
  log.started(history.onCall(inlined(3, "3")), 0);
  assert.equal(history.shown?.call.id, 3);
  assert.deepEqual(texts(log.take(0)), [
    "main.computeE(n=1)  5 ns  (pid 42, g18)",
    "main.computeE(n=<unavailable: inlined, and in no register there>)  inlined  (pid 42, g18)",
    "main.computeE(n=3)  inlined  (pid 42, g18)",
  ]);
});

function value(name: string, text: string): RenderedValue {
  const missing = /^<unavailable: (.*)>$/.exec(text)?.[1];
  const value = missing === undefined ? { text } : { unavailable: missing };
  return { name, type: "int64", text, value: { type: "int64", kind: "int64", ...value } };
}

function call(id: number, args: readonly RenderedValue[]): CallEvent {
  return {
    event: "call",
    id,
    ts: "2026-11-22T10:00:00.123456789Z",
    pid: 42,
    tid: 43,
    goid: 18,
    func: "main.computeE",
    file: "app.go",
    line: 24,
    args,
  };
}

function returnOf(id: number, results: readonly RenderedValue[], durationNs: number): ReturnEvent {
  return {
    event: "return",
    id,
    ts: "2026-11-22T10:00:01Z",
    pid: 42,
    tid: 43,
    goid: 18,
    func: "main.computeE",
    results,
    durationNs,
  };
}

/** Without the time of day, which is the machine's. */
function texts({ lines }: { lines: readonly string[] }): string[] {
  return lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3} {2}/, ""));
}
