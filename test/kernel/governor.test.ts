/** The bound on what probes cost their target (helper/governor.h), on a program that counts its own calls. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { RemovedEvent, StatsEvent, ThinnedEvent } from "../../src/engine/api.ts";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { attached, Child, CLI, childrenOf, codeOf, eventsOf, liveCode, probelens, startTarget } from "./cliProcess.ts";
import { isUntouched } from "./processCode.ts";

const path = buildGo("flood");
const MANY = ["one", "two", "three", "four", "five", "six", "seven", "eight"] as const;
const hot = await codeOf(path, "main.hot");
const cheap = await codeOf(path, "main.cheap");

/** A flood that a failing test has left would hold up those that follow. */
const children: Child[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) await child.end();
});

async function startFlood(): Promise<Child> {
  const target = startTarget(path);
  children.push(target);
  await target.says("ready");
  return target;
}

/** How often the program has called each function. */
async function countsOf(target: Child): Promise<Map<string, number>> {
  const from = target.stdout.length;
  target.send("counts");
  const line = await until("the counts", () => /^counts (.*)\n/m.exec(target.stdout.slice(from))?.[1]);
  return new Map(line.split(" ").map((pair) => [pair.split("=")[0] ?? "", Number(pair.split("=")[1])]));
}

async function reaches(target: Child, name: string, calls: number): Promise<void> {
  while (((await countsOf(target)).get(name) ?? 0) < calls) assert.equal(target.process.exitCode, null);
}

/** With the budget that there is by default, and few lines. */
async function startTrace(target: Child, ...words: string[]): Promise<Child> {
  const pid = ["--pid", String(target.pid)];
  const rate = words.includes("--rate") ? [] : ["--rate", "1000/s"];
  const options = [...rate, "--format", "jsonl", ...(words.includes("--budget") ? [] : ["--budget", "5"])];
  const trace = probelens("trace", ...words, ...pid, ...options);
  children.push(trace);
  await attached(trace);
  return trace;
}

async function ended(trace: Child, signal?: NodeJS.Signals): Promise<void> {
  if (signal !== undefined) trace.process.kill(signal);
  assert.equal(await trace.status(), 0, trace.stderr);
}

function removedFrom(trace: Child): RemovedEvent[] {
  return trace.stdout
    .split("\n")
    .filter((line) => line.startsWith('{"event":"removed"'))
    .map((line) => JSON.parse(line) as RemovedEvent);
}

function thinnedFrom(trace: Child): ThinnedEvent[] {
  return trace.stdout
    .split("\n")
    .filter((line) => line.startsWith('{"event":"thinned"'))
    .map((line) => JSON.parse(line) as ThinnedEvent);
}

function statsFrom(trace: Child): Map<string, StatsEvent> {
  const { stats } = eventsOf(trace.stdout.replaceAll(/^\{"event":"(removed|thinned)".*\n/gm, ""));
  for (const { func, hits, emitted, filtered, throttled, dropped, returns, unwound, unknownEnds, openCalls } of stats) {
    assert.equal(hits, emitted + filtered + throttled + dropped, func);
    if (returns > 0) assert.equal(emitted, returns + unwound + unknownEnds + openCalls, func);
  }
  return new Map(stats.map((line) => [line.func, line]));
}

const gone = (target: Child): boolean => liveCode(target.pid, hot) === hot.original;

describe("the first line of a trace", () => {
  const COST = String.raw`; a call costs about [\d.]+(ns|µs)`;
  const BUDGET = String.raw`, budget 5 % of a core \(--budget\): enough for `;
  const rows: readonly (readonly [string, string])[] = [
    ["main.hot", `${COST}${BUDGET}\\d+ calls/s`],
    // What a map holds is copied, too, and who knows how much that is.
    ["main.table", `${COST} and what copying takes that its pointers lead to${BUDGET}less than \\d+ calls/s`],
    ["main.o*", String.raw`attached to main.one; Ctrl-C .*${COST}`],
    ["main.t*", String.raw`attached to 3 functions; .* min do \(--expire\); budget 5 % of a core \(--budget\)$`],
  ];
  for (const [pattern, line] of rows)
    it(`says of ${pattern} what it costs`, async () => {
      const trace = await startTrace(await startFlood(), pattern);
      await ended(trace, "SIGINT");
      assert.match(trace.stderr, new RegExp(line, "m"));
    });
});

describe("a flood beside a function that is called now and then", () => {
  for (const options of [[], ["--returns"]])
    it(["", ...options].join(" ") || "without returns", async () => {
      const target = await startFlood();
      const trace = await startTrace(target, "main.hot", "main.cheap", ...options);
      await target.command("hot on");
      await until("the traps of main.hot are gone", () => gone(target));
      const before = (await countsOf(target)).get("hot") ?? 0;
      // It runs freely again: more calls than with any trap, while the trace goes on.
      await until("many more calls", () => trace.stdout.includes('"removed"'));
      await target.command("cheap 300");
      const after = (await countsOf(target)).get("hot") ?? 0;
      assert.ok(after - before > 1_000_000, `${after - before} calls`);
      assert.notEqual(liveCode(target.pid, cheap), cheap.original);
      await ended(trace, "SIGINT");

      const stats = statsFrom(trace);
      assert.equal(stats.get("main.cheap")?.hits, 300);
      const { hits = 0 } = stats.get("main.hot") ?? {};
      assert.ok(hits > 0 && hits <= before, `not counted any more: ${hits} hits, ${before} calls before`);
      const removed = removedFrom(trace);
      assert.ok(removed.length > 0);
      for (const event of removed) {
        const part = event.part === undefined ? [] : ["part"];
        assert.deepEqual(Object.keys(event), ["event", "func", "ts", "reason", "rate", "costPercent", ...part]);
        if (options.length === 0) assert.equal(event.part, undefined);
        assert.deepEqual([event.func, event.reason], ["main.hot", "budget"]);
        assert.ok(event.rate > 0 && event.costPercent > 1, JSON.stringify(event));
      }
      const told = /removed at \d\d:\d\d:\d\d: .*main\.hot \(\d[\d ]* a second, about \d.* % of a core\)/;
      assert.match(trace.stderr, told);
      assert.match(trace.stderr, /makes no hit cheaper: trace a function that is called less often.*--budget PERCENT/);
      // Calls whose returns were given up ended somehow: nobody says that they were unwound.
      for (const { unwound, dropped } of stats.values()) if (dropped === 0) assert.equal(unwound, 0);
      assert.equal(liveCode(target.pid, cheap), cheap.original);
      assert.equal(liveCode(target.pid, hot), hot.original);
    });
});

describe("the rest of a link that is made anew", () => {
  for (const options of [[], ["--returns"]])
    it(["no hit is lost or counted twice", ...options].join(" "), async () => {
      const target = await startFlood();
      const functions = [...MANY, "hot"].map((name) => `main.${name}`);
      const trace = await startTrace(target, ...functions, ...options, "--budget", "15");
      await target.command("many on");
      await target.command("hot on");
      await until("the traps of main.hot are gone", () => gone(target));
      await target.command("hot off");
      await target.command("many off");
      const own = await countsOf(target);
      await ended(trace, "SIGINT");
      const stats = statsFrom(trace);
      assert.deepEqual(
        MANY.map((name) => [name, stats.get(`main.${name}`)?.hits, stats.get(`main.${name}`)?.unwound]),
        MANY.map((name) => [name, own.get(name), 0]),
      );
      assert.ok((own.get("one") ?? 0) > 0);
    });
});

describe("bursts beside a flood", () => {
  it("what the budget gives in half a second may be spent in a tenth of it", async () => {
    const target = await startFlood();
    const trace = await startTrace(target, ...[...MANY, "hot"].map((name) => `main.${name}`));
    await target.command("hot on");
    const flood = await until("main.hot is removed", () => removedFrom(trace)[0]);
    await target.command("hot off");
    // Such a hit costs the same: four fifths of the budget of each half of a second.
    const calls = (0.8 * 5 * 0.5 * flood.rate) / flood.costPercent;
    await target.command(`bursts ${Math.floor(calls / MANY.length)} 8`);
    const own = await countsOf(target);
    await ended(trace, "SIGINT");
    assert.deepEqual(
      removedFrom(trace).map(({ func }) => func),
      ["main.hot"],
    );
    const stats = statsFrom(trace);
    assert.deepEqual(
      MANY.map((name) => stats.get(`main.${name}`)?.hits),
      MANY.map((name) => own.get(name)),
    );
  });
});

describe("what is captured costs too much, and hits alone do not", () => {
  it("fewer calls are captured, and all are counted", async () => {
    const target = await startFlood();
    const trace = await startTrace(target, "main.table", "main.cheap", "--rate", "1000000/s");
    await target.command("paced table 10");
    await until("less is captured", () => thinnedFrom(trace).length > 0);
    const before = (await countsOf(target)).get("table") ?? 0;
    // Longer than it took to notice.
    await reaches(target, "table", 3 * before);
    await target.command("paced table 0");
    const own = await countsOf(target);
    await ended(trace, "SIGINT");
    assert.deepEqual(removedFrom(trace), []);
    const [event, ...more] = thinnedFrom(trace);
    assert.ok(event !== undefined && more.length === 0);
    assert.deepEqual(Object.keys(event), ["event", "func", "ts", "reason", "rate", "costPercent", "maxRate"]);
    assert.deepEqual([event.func, event.reason], ["main.table", "budget"]);
    assert.ok(event.costPercent > 2 && event.maxRate < event.rate, JSON.stringify(event));
    const table = statsFrom(trace).get("main.table");
    assert.equal(table?.hits, own.get("table"));
    assert.ok((table?.throttled ?? 0) > 0);
    assert.match(trace.stderr, /fewer calls are captured since \d\d:\d\d:\d\d: main\.table at most/);
  });

  it("of a program that works in bursts as many as of one that does not", async () => {
    const target = await startFlood();
    const words = ["main.table", "--pid", String(target.pid), "--budget", "2", "--format", "jsonl"];
    const trace = probelens("trace", ...words);
    children.push(trace);
    await attached(trace);
    await target.command("pause 100");
    await target.command("paced table 600");
    const { ts, maxRate } = await until("less is captured", () => thinnedFrom(trace)[0]);
    await reaches(target, "table", 3 * ((await countsOf(target)).get("table") ?? 0));
    await target.command("paced table 0");
    await ended(trace, "SIGINT");
    const times = trace.stdout.match(/(?<="event":"call".*"ts":")[^"]+/g) ?? [];
    const later = times.filter((time) => time > ts);
    const seconds = (Date.parse(later.at(-1) ?? ts) - Date.parse(ts)) / 1000;
    // One for each burst, and there are ten at the most in a second, would be a twentieth of that.
    assert.ok(later.length > 0.5 * maxRate * seconds, `${later.length} in ${seconds} s, at most ${maxRate} a second`);
  });
});

describe("cost that stands in no event", () => {
  it("returns that a condition lets not pass", async () => {
    const target = await startFlood();
    // The entries alone are within it.
    const budget = ["--budget", "4"];
    const trace = await startTrace(target, "main.decided", "--returns", "--where", "duration > 3600s", ...budget);
    await target.command("paced decided 10");
    await ended(trace);
    assert.match(trace.stderr, /no probe is left that sees calls/);
    const [event, ...more] = removedFrom(trace);
    assert.ok(event !== undefined && more.length === 0 && event.costPercent > 4, JSON.stringify(event));
    const { filtered = 0, hits, emitted } = statsFrom(trace).get("main.decided") ?? {};
    assert.ok(filtered > 0 && filtered === hits && emitted === 0);
  });
});

describe("panics without a pause", () => {
  it("what watches for unwound calls is removed, and says so", async () => {
    const target = await startFlood();
    const trace = await startTrace(target, "main.cheap", "--returns");
    await target.command("panics on");
    await until("the watch is gone", () => removedFrom(trace).length > 0);
    await target.command("panics off");
    await target.command("cheap 100");
    await ended(trace, "SIGINT");
    assert.deepEqual(
      removedFrom(trace).map(({ func, part, reason }) => [func, part, reason]),
      [["runtime.recovery", "watch", "budget"]],
    );
    const { hits, returns, unwound } = statsFrom(trace).get("main.cheap") ?? {};
    assert.deepEqual([hits, returns, unwound], [100, 100, 0]);
    assert.match(trace.stderr, /what tells at once that calls are unwound, at runtime\.recovery \(/);
  });
});

describe("one trace after the other", () => {
  it("a burst is forgiven once, not each of them", async () => {
    const target = await startFlood();
    await target.command("hot on");
    const costs: number[] = [];
    for (let i = 0; i < 5; i++) {
      const trace = await startTrace(target, "main.hot");
      await ended(trace);
      const [{ costPercent, rate } = { costPercent: 0, rate: 1 }] = removedFrom(trace);
      costs.push(((statsFrom(trace).get("main.hot")?.hits ?? 0) * costPercent) / 100 / rate);
    }
    // Seconds of CPU time. One burst is a second; the rest is what others on this machine leave the holder.
    const all = costs.reduce((sum, cost) => sum + cost, 0);
    assert.ok(all > 0 && all < 3, costs.join(" "));
  });
});

describe("cost that there would be if all were captured", () => {
  for (const [name, each] of [
    ["scale", 20],
    ["table", 35],
  ] as const)
    it(`--rate keeps it away: main.${name} stays`, async () => {
      const target = await startFlood();
      const trace = await startTrace(target, `main.${name}`, "--rate", "10/s");
      await target.command(`paced ${name} ${each}`);
      await reaches(target, name, 60_000);
      await target.command(`paced ${name} 0`);
      const own = (await countsOf(target)).get(name);
      await ended(trace, "SIGINT");
      assert.deepEqual([removedFrom(trace), thinnedFrom(trace)], [[], []]);
      assert.equal(statsFrom(trace).get(`main.${name}`)?.hits, own);
    });
});

describe("together above the budget", () => {
  it("the most expensive ones go, until the rest is within it", async () => {
    const target = await startFlood();
    const functions = MANY.map((name) => `main.${name}`);
    const trace = await startTrace(target, ...functions, "--returns", "--budget", "0.8");
    await target.command("many on");
    await until("some are removed", () => removedFrom(trace).length > 0);
    await target.command("many off");
    await ended(trace, "SIGINT");
    const removed = removedFrom(trace);
    for (const { costPercent } of removed) assert.ok(costPercent < 0.8, JSON.stringify(removed));
    assert.equal(statsFrom(trace).size, MANY.length);
  });
});

describe("sessions on one process, each with a helper of its own", () => {
  it("share one budget: the flood of one goes, the others' cheap probes stay", async () => {
    const target = await startFlood();
    const others = [await startTrace(target, "main.cheap", "--returns"), await startTrace(target, "main.one")];
    const trace = await startTrace(target, "main.hot", "main.two", "--returns");
    await target.command("hot on");
    await until("the traps of main.hot are gone", () => gone(target));
    await target.command("hot off");
    await target.command("cheap 100");
    for (const other of [...others, trace]) await ended(other, "SIGINT");
    assert.deepEqual(others.flatMap(removedFrom), []);
    assert.equal(statsFrom(others[0]!).get("main.cheap")?.returns, 100);
    for (const { func } of removedFrom(trace)) assert.equal(func, "main.hot");
  });

  it("are each within it, and together above it", async () => {
    const target = await startFlood();
    const functions = MANY.map((name) => `main.${name}`);
    // What all cost together, as the first trace is told.
    const first = await startTrace(target, ...functions, "--budget", "0.01");
    await target.command("many on");
    await ended(first);
    const all = removedFrom(first).reduce((sum, { costPercent }) => sum + costPercent, 0);
    const budget = ["--budget", String(0.75 * all)];
    const both = [
      await startTrace(target, ...functions.slice(0, 4), ...budget),
      await startTrace(target, ...functions.slice(4), ...budget),
    ];
    await until("some go", () => both.some((trace) => removedFrom(trace).length > 0));
    await target.command("many off");
    for (const trace of both) await ended(trace, "SIGINT");
    assert.ok(both.flatMap(removedFrom).length < MANY.length, JSON.stringify(both.flatMap(removedFrom)));
  });

  it("also where one is inside its pid namespace and the other outside", async () => {
    const target = new Child("unshare", ["--pid", "--fork", "--mount-proc", "--kill-child", path]);
    children.push(target);
    await target.says("ready");
    const [outer = 0] = childrenOf(target.pid, path);
    const within = ["nsenter", `--target=${outer}`, "--pid", "--mount"];
    const start = async (prefix: readonly string[], budget: number, pid: number, names: readonly string[]) => {
      const words = ["trace", ...names.map((name) => `main.${name}`), "--pid", String(pid), "--budget", String(budget)];
      const [file, ...rest] = [...prefix, process.execPath, CLI, ...words, "--rate", "1000/s", "--format", "jsonl"];
      const trace = new Child(file, rest);
      children.push(trace);
      await attached(trace);
      return trace;
    };
    // What all cost together, as the first trace is told.
    const first = await start([], 0.01, outer, MANY);
    await target.command("many on");
    await ended(first);
    const all = removedFrom(first).reduce((sum, { costPercent }) => sum + costPercent, 0);
    const both = [
      await start([], 0.75 * all, outer, MANY.slice(0, 4)),
      await start(within, 0.75 * all, 1, MANY.slice(4)),
    ];
    await until("some go", () => both.some((trace) => removedFrom(trace).length > 0));
    await target.command("many off");
    // nsenter passes no signal on.
    const [inside = 0] = childrenOf(both[1]?.pid ?? 0, CLI);
    for (const pid of [both[0]?.pid ?? 0, inside]) process.kill(pid, "SIGINT");
    for (const trace of both) await ended(trace);
    assert.ok(both.flatMap(removedFrom).length < MANY.length, JSON.stringify(both.flatMap(removedFrom)));
  });
});

describe("one of three sessions is killed while it is over the budget", () => {
  it("the others go on, and the budget is there for the next one", async () => {
    const target = await startFlood();
    const others = [await startTrace(target, "main.cheap", "--returns"), await startTrace(target, "main.one")];
    const trace = await startTrace(target, "main.hot", "--returns");
    await target.command("hot on");
    for (const pid of childrenOf(trace.pid, "helper")) process.kill(pid, "SIGKILL");
    assert.equal(await trace.status(), 1);
    await until("the traps of main.hot are gone", () => gone(target));
    const next = await startTrace(target, "main.hot", "main.two");
    await until("they are again", () => removedFrom(next).length > 0 && gone(target));
    await target.command("hot off");
    await target.command("cheap 100");
    for (const other of [...others, next]) await ended(other, "SIGINT");
    assert.deepEqual(others.flatMap(removedFrom), []);
    assert.equal(statsFrom(others[0]!).get("main.cheap")?.returns, 100);
    for (const { func } of removedFrom(next)) assert.equal(func, "main.hot");
    assert.ok(isUntouched(target.pid));
  });
});

describe("a thousand functions", () => {
  for (const options of [[], ["--returns"]])
    it(["those that break the budget go, the others stay", ...options].join(" "), async () => {
      const target = await startFlood();
      await target.command("hot on");
      const trace = await startTrace(target, "runtime.*", "main.*", ...options);
      assert.match(trace.stderr, /with so many functions, those that break it go at once/);
      await until("the traps of main.hot are gone", () => gone(target));
      await target.command("hot off");
      // One: the pauses of more call so many of the runtime's functions that these are a flood of their own.
      await target.command("cheap 1");
      await ended(trace, "SIGINT");
      const [stats, removed] = [statsFrom(trace), removedFrom(trace)];
      assert.equal(stats.get("main.cheap")?.hits, 1);
      const names = new Set(removed.map(({ func }) => func));
      assert.ok(names.has("main.hot") && names.size < stats.size / 2, `${names.size} of ${stats.size}`);
      assert.ok(isUntouched(target.pid));
    });
});

describe("nothing is left to trace", () => {
  it("the trace ends, with status 0", async () => {
    const target = await startFlood();
    await target.command("hot on");
    // As a user's: without a word about the budget.
    const words = [CLI, "trace", "main.hot", "--pid", String(target.pid), "--rate", "1000/s"];
    const trace = new Child("sh", ["-c", `exec ${[process.execPath, ...words].join(" ")}`]);
    await ended(trace);
    assert.match(trace.stderr, /no probe is left that sees calls; the trace ends/);
    assert.match(trace.stdout, /main\.hot: removed, over the budget; \d+ hits\/s, about \d.* % of a core/);
    assert.match(trace.stdout, /main\.hot: \d+ hits = .*; not counted since \d\d:\d\d:\d\d\.\d{6} \(over the budget\)/);
    assert.equal(liveCode(target.pid, hot), hot.original);
  });

  it("a command goes on to its end", async () => {
    const trace = probelens("trace", "main.hot", "--budget", "5", "--rate", "1000/s", "--format", "jsonl", "--", path);
    await attached(trace);
    trace.send("hot on");
    await trace.complains("the command goes on to its end without probes");
    trace.process.stdin?.end();
    await ended(trace);
    assert.equal(removedFrom(trace).length, 1);
  });
});

describe("when the time is up", () => {
  it("what was removed before is not removed once more", async () => {
    const target = await startFlood();
    await target.command("hot on");
    const trace = await startTrace(target, "main.hot", "main.cheap", "--expire", "0.1");
    await ended(trace);
    assert.deepEqual(
      removedFrom(trace).map(({ func, reason }) => [func, reason]),
      [
        ["main.hot", "budget"],
        ["main.cheap", "expired"],
      ],
    );
  });
});

describe("the holder acts alone", () => {
  for (const [name, stopped] of [
    ["while the command line is stopped", ({ pid }: Child) => [pid]],
    ["while the helper is stopped", ({ pid }: Child) => childrenOf(pid, "helper")],
    ["while both are stopped", ({ pid }: Child) => [pid, ...childrenOf(pid, "helper")]],
  ] as const)
    it(name, async () => {
      const target = await startFlood();
      const trace = await startTrace(target, "main.hot", "main.cheap", "--returns");
      const pids = stopped(trace);
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      await target.command("hot on");
      await until("the traps of main.hot are gone", () => gone(target));
      // Not because the peer gave no sign of life: the others' traps are there.
      assert.notEqual(liveCode(target.pid, cheap), cheap.original);
      for (const pid of pids) process.kill(pid, "SIGCONT");
      await until("it is told", () => removedFrom(trace).length > 0);
      await ended(trace, "SIGINT");
      assert.ok(isUntouched(target.pid));
    });
});

describe("--budget off beside a session with a budget", () => {
  it("loses nothing, and takes nothing from the other's", async () => {
    const target = await startFlood();
    const free = await startTrace(target, "main.hot", "--budget", "off");
    const bound = await startTrace(target, "main.one", "main.two");
    await target.command("hot on");
    // Far more than a second's worth of traps, whatever one costs here.
    await reaches(target, "hot", 1_000_000);
    const other = await startTrace(target, "main.hot", "main.cheap");
    await until("its own is removed", () => removedFrom(other).length > 0);
    await target.command("hot off");
    const own = await countsOf(target);
    for (const trace of [free, bound, other]) await ended(trace, "SIGINT");
    assert.deepEqual([...removedFrom(free), ...removedFrom(bound)], []);
    assert.deepEqual(
      removedFrom(other).map(({ func }) => func),
      ["main.hot"],
    );
    assert.equal(statsFrom(free).get("main.hot")?.hits, own.get("hot"));
    assert.ok(isUntouched(target.pid));
  });
});

describe("--budget off", () => {
  it("removes nothing", async () => {
    const target = await startFlood();
    const trace = await startTrace(target, "main.hot", "--budget", "off");
    await target.command("hot on");
    // Far more than a second's worth of traps, whatever one costs here.
    while (((await countsOf(target)).get("hot") ?? 0) < 4_000_000) assert.ok(trace.process.exitCode === null);
    assert.notEqual(liveCode(target.pid, hot), hot.original);
    await target.command("hot off");
    const own = (await countsOf(target)).get("hot");
    await ended(trace, "SIGINT");
    assert.equal(statsFrom(trace).get("main.hot")?.hits, own);
    assert.deepEqual(removedFrom(trace), []);
  });
});
