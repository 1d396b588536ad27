import assert from "node:assert/strict";
import { test } from "node:test";
import { printable } from "../../../src/cli/terminal.ts";
import { formatBatch, formatDuration, formatStats, removedText } from "../../../src/cli/textFormat.ts";
import type { CallEvent, Removal, ReturnEvent, StatsEvent, TraceEvent } from "../../../src/engine/api.ts";

const BASE = { ts: "2026-11-22T10:00:00.123456789Z", pid: 42, tid: 43, goid: 18 };

function call(id: number, func = "main.f"): CallEvent {
  return {
    event: "call",
    id,
    ...BASE,
    func,
    file: "/src/a.go",
    line: 3,
    caller: "main.main",
    callerLine: 9,
    args: [{ name: "n", type: "int", text: "1" }],
  };
}
function returned(id: number, func = "main.f"): ReturnEvent {
  return {
    event: "return",
    id,
    ...BASE,
    func,
    results: [
      { name: "~r0", type: "int", text: "2" },
      { name: "err", type: "error", text: "nil" },
    ],
    durationNs: 5120,
  };
}

const BATCHES: [name: string, events: TraceEvent[], returns: boolean, lines: string[]][] = [
  ["a call alone", [call(1)], false, ["[42 g18] main.f(n=1) ← main.main:9"]],
  ["a call whose return comes later", [call(1)], true, ["[42 g18] main.f(n=1) …#1 ← main.main:9"]],
  [
    "an inlined call, which has no return",
    [{ ...call(1), inlined: true }],
    true,
    ["[42 g18] main.f(n=1) (inlined) ← main.main:9"],
  ],
  [
    "a call and its return in one batch",
    [call(1), returned(1)],
    true,
    ["[42 g18] main.f(n=1) → 2, err=nil (5.12µs) ← main.main:9"],
  ],
  [
    "ids of many digits are short",
    [call(2 ** 52 + 42)],
    true,
    [`[42 g18] main.f(n=1) …#${(2 ** 52 + 42).toString(36)} ← main.main:9`],
  ],
  [
    "a call that there was no room to remember",
    [{ ...call(1), endUnknown: true }],
    true,
    ["[42 g18] main.f(n=1) (its end will not be known) ← main.main:9"],
  ],
  ["a return alone", [returned(1)], true, ["[42 g18] #1 main.f → 2, err=nil (5.12µs)"]],
  [
    "nested calls, outer first",
    [call(1, "main.a"), call(2, "main.b"), returned(2, "main.b"), returned(1, "main.a")],
    true,
    [
      "[42 g18] main.a(n=1) → 2, err=nil (5.12µs) ← main.main:9",
      "[42 g18] main.b(n=1) → 2, err=nil (5.12µs) ← main.main:9",
    ],
  ],
  [
    "an unwound call",
    [{ event: "unwound", id: 7, ...BASE, func: "main.f" }],
    true,
    ["[42 g18] #7 main.f unwound (panic or Goexit)"],
  ],
];

for (const [name, events, returns, lines] of BATCHES) {
  test(`text: ${name}`, () => {
    const formatted = formatBatch(events, returns);
    for (const line of formatted) assert.match(line, /^\d\d:\d\d:\d\d\.123456 /);
    assert.deepEqual(
      formatted.map((line) => line.replace(/^\S+ /, "")),
      lines,
    );
  });
}

test("nothing that a binary or a target chose reaches the terminal as a control", () => {
  assert.equal(printable("a\u001b[2Jb\u0007\u009bc\u202ed\r"), "a\\x1b[2Jb\\x07\\x9bc\\u202ed\\x0d");
  assert.equal(printable("日本\tx\n"), "日本\tx\n");
});

test("durations have three digits and a unit", () => {
  assert.deepEqual([999, 1000, 12_345, 1_234_567, 61_000_000_000].map(formatDuration), [
    "999ns",
    "1.00µs",
    "12.3µs",
    "1.23ms",
    "61.0s",
  ]);
});

test("totals show the sum", () => {
  const stats = {
    event: "stats",
    func: "main.f",
    hits: 6,
    emitted: 3,
    filtered: 0,
    throttled: 2,
    dropped: 1,
    returns: 2,
    unwound: 0,
    unknownEnds: 0,
    openCalls: 1,
    undecided: 0,
  } as const;
  assert.deepEqual(formatStats([stats], true), [
    "main.f: 6 hits = 3 emitted + 0 filtered + 2 throttled + 1 dropped; 2 returns, 1 still open",
  ]);
  assert.deepEqual(formatStats([{ ...stats, returns: 0, unwound: 1, unknownEnds: 1 }], true), [
    "main.f: 6 hits = 3 emitted + 0 filtered + 2 throttled + 1 dropped; 0 returns, 1 unwound, 1 whose end was lost, 1 still open",
  ]);
  // Inlined calls and functions that jump on are emitted and have no end.
  assert.deepEqual(formatStats([{ ...stats, hits: 5, emitted: 5, throttled: 0, dropped: 0 }], true), [
    "main.f: 5 hits = 5 emitted + 0 filtered + 0 throttled + 0 dropped; 2 returns, 1 still open, 2 whose end cannot be seen (inlined calls, or it jumps on to another function)",
  ]);
});

test("what was removed is told, and the totals say since when they lack it", () => {
  const ts = "2026-11-28T20:31:05.123456789Z";
  const clock = `${new Date(ts).toTimeString().slice(0, 8)}.123456`;
  const removal = (part: Removal["part"], reason: "budget" | "expired", func = "main.f"): Removal => ({
    event: { event: "removed", func, ts, reason, rate: 83_100, costPercent: 104 },
    part,
  });
  for (const [part, reason, text] of [
    ["calls", "expired", "main.f: removed, its time is up"],
    ["calls", "budget", `${clock} main.f: removed, over the budget`],
    ["returns", "budget", `${clock} main.f: its returns are not traced any more, over the budget`],
    ["inlined", "budget", `${clock} main.f: an inlined call is not traced any more, over the budget`],
  ] as const)
    assert.equal(removedText(removal(part, reason)), `${text}; 83100 hits/s, about 104 % of a core`);

  const none = { filtered: 0, throttled: 0, dropped: 0, undecided: 0, returns: 0, unwound: 0, unknownEnds: 0 };
  const stats: StatsEvent = { event: "stats", func: "main.f", hits: 2, emitted: 2, ...none, openCalls: 0 };
  const total = "main.f: 2 hits = 2 emitted + 0 filtered + 0 throttled + 0 dropped";
  for (const [removals, text] of [
    [[removal("calls", "expired")], ""],
    [[removal("calls", "budget", "main.g")], ""],
    [
      [removal("inlined", "budget"), removal("inlined", "budget")],
      `; not all inlined calls counted since ${clock} (over the budget)`,
    ],
    [
      [removal("returns", "budget"), removal("calls", "budget")],
      `; its returns not counted since ${clock} (over the budget); not counted since ${clock} (over the budget)`,
    ],
  ] as const)
    assert.deepEqual(formatStats([stats], false, removals), [`${total}${text}`]);
});
