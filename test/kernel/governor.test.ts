/** The bound on what probes cost their target (helper/governor.h), on a program that counts its own calls. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { RemovedEvent, StatsEvent } from "../../src/engine/api.ts";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { attached, Child, CLI, codeOf, eventsOf, liveCode, probelens, startTarget } from "./cliProcess.ts";

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

/** With the budget that there is by default, and few lines. */
async function startTrace(target: Child, ...words: string[]): Promise<Child> {
  const pid = ["--pid", String(target.pid)];
  const options = ["--rate", "1000/s", "--format", "jsonl", ...(words.includes("--budget") ? [] : ["--budget", "5"])];
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

function statsFrom(trace: Child): Map<string, StatsEvent> {
  const { stats } = eventsOf(trace.stdout.replaceAll(/^\{"event":"removed".*\n/gm, ""));
  for (const { func, hits, emitted, filtered, throttled, dropped, returns, unwound, unknownEnds, openCalls } of stats) {
    assert.equal(hits, emitted + filtered + throttled + dropped, func);
    if (returns > 0) assert.equal(emitted, returns + unwound + unknownEnds + openCalls, func);
  }
  return new Map(stats.map((line) => [line.func, line]));
}

const gone = (target: Child): boolean => liveCode(target.pid, hot) === hot.original;

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
      assert.ok((stats.get("main.hot")?.hits ?? 0) < before, "not counted any more");
      const removed = removedFrom(trace);
      assert.ok(removed.length > 0);
      for (const event of removed) {
        assert.deepEqual(Object.keys(event), ["event", "func", "ts", "reason", "rate", "costPercent"]);
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

describe("while others are stopped", () => {
  it("the holder acts alone", async () => {
    const target = await startFlood();
    const trace = await startTrace(target, "main.hot", "main.cheap", "--returns");
    trace.process.kill("SIGSTOP");
    await target.command("hot on");
    await until("the traps of main.hot are gone", () => gone(target));
    // Not because the peer gave no sign of life: the others' traps are there.
    assert.notEqual(liveCode(target.pid, cheap), cheap.original);
    trace.process.kill("SIGCONT");
    await until("it is told", () => removedFrom(trace).length > 0);
    await ended(trace, "SIGINT");
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
