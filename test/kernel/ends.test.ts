/**
 * How calls end, on programs that know it themselves (test/programs/ends): every call that was sent ends once, as what it
 * was, and what was lost is said to be unknown.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { StatsEvent } from "../../src/engine/api.ts";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { attached, type Child, type Events, eventsOf, probelens, run, startTarget } from "./cliProcess.ts";

const directory = mkdtempSync(join(tmpdir(), "probelens-ends-"));
after(() => rmSync(directory, { recursive: true }));

/** The contract's sum, for each function. */
function addsUp(stats: readonly StatsEvent[]): void {
  assert.ok(stats.length > 0);
  for (const line of stats) {
    const { hits, emitted, filtered, throttled, dropped, returns, unwound, unknownEnds, openCalls } = line;
    assert.equal(hits, emitted + filtered + throttled + dropped, JSON.stringify(line));
    assert.equal(emitted, returns + unwound + unknownEnds + openCalls, JSON.stringify(line));
  }
}

/** What was told and what was counted are the same; each call was told once, and ended at most once. */
function agrees({ calls, returns, unwound, stats }: Events): void {
  addsUp(stats);
  for (const { func, emitted, returns: counted, unwound: gone } of stats) {
    assert.equal(calls.filter((call) => call.func === func).length, emitted);
    assert.equal(returns.filter((end) => end.func === func).length, counted);
    assert.equal(unwound.filter((end) => end.func === func).length, gone);
  }
  const open = new Map(calls.map(({ id, func }) => [id, func]));
  assert.equal(open.size, calls.length);
  for (const end of [...returns, ...unwound]) {
    assert.equal(open.get(end.id), end.func, `an end without a call, or a second one: ${JSON.stringify(end)}`);
    open.delete(end.id);
  }
}

const only = (events: Events): StatsEvent => {
  assert.equal(events.stats.length, 1);
  return events.stats[0]!;
};

/** Traces a program that is started with these commands to its end. */
async function traced(program: string, names: string, ...commands: string[]): Promise<Events> {
  const args = [...names.split(" "), "--returns", "--format", "jsonl", "--", program, ...commands];
  const { status, stdout, stderr } = await run("trace", ...args);
  assert.equal(status, 0, stderr);
  const events = eventsOf(stdout);
  agrees(events);
  return events;
}

/** Ctrl-C, and what came. */
async function ended(trace: Child): Promise<Events> {
  trace.process.kill("SIGINT");
  assert.equal(await trace.status(), 0, trace.stderr);
  const events = eventsOf(trace.stdout);
  agrees(events);
  return events;
}

async function tracing(target: Child, ...names: string[]): Promise<Child> {
  const pid = String(target.pid);
  const trace = probelens("trace", ...names, "--pid", pid, "--returns", "--format", "jsonl");
  await attached(trace);
  return trace;
}

const program = buildGo("ends");

describe("ends of calls", () => {
  test("recursion 20 000 deep: every call returns", async () => {
    const line = only(await traced(program, "main.recurse", "recurse 20000", "exit 0"));
    assert.deepEqual([line.emitted, line.returns], [20_001, 20_001]);
  });

  test("a panic 20 000 calls deep unwinds them all", async () => {
    const line = only(await traced(program, "main.recurse", "unwind 20000", "recurse 100", "exit 0"));
    assert.deepEqual([line.emitted, line.returns, line.unwound], [20_102, 101, 20_001]);
  });

  test("50 000 goroutines inside one call all return", async () => {
    const target = startTarget(program);
    const trace = await tracing(target, "main.held");
    await target.command("inside 50000");
    await until("the calls", () => trace.stdout.split('"event":"call"').length > 50_000);
    await target.command("release");
    const { emitted, returns, unwound, unknownEnds, openCalls, dropped } = only(await ended(trace));
    assert.equal(emitted + dropped, 50_000);
    // Their returns come all at once, and may find the ring buffer full.
    assert.equal(returns + unknownEnds, emitted);
    assert.deepEqual([unwound, openCalls], [0, 0]);
    await target.end();
  });

  test("30 000 goroutines with two blocking calls each: nothing is unwound", async () => {
    const target = startTarget(program);
    const trace = await tracing(target, "main.held", "main.outer");
    await target.command("nested 30000");
    await target.command("release");
    const { stats } = await ended(trace);
    for (const { emitted, returns, unwound, unknownEnds, openCalls, dropped } of stats) {
      assert.equal(emitted + dropped, 30_000);
      assert.equal(returns + unknownEnds, emitted);
      assert.deepEqual([unwound, openCalls], [0, 0]);
    }
    await target.end();
  });

  test("100 calls stay open while 25 000 goroutines panic; then they return", async () => {
    const target = startTarget(program);
    const trace = await tracing(target, "main.held", "main.boom");
    await target.command("inside 100");
    await target.command("short 25000");
    await target.command("release");
    const { stats } = await ended(trace);
    const [held, boom] = stats;
    assert.deepEqual([held?.emitted, held?.returns, held?.openCalls], [100, 100, 0]);
    assert.equal((boom?.emitted ?? 0) + (boom?.dropped ?? 0), 25_000);
    assert.equal(boom?.returns, 0);
    assert.equal(boom?.unwound, (boom?.emitted ?? 0) - (boom?.unknownEnds ?? 0));
    await target.end();
  });

  test("goroutines that wait in a call are what is open", async () => {
    const target = startTarget(program);
    const trace = await tracing(target, "main.held");
    await target.command("inside 2");
    const { emitted, openCalls } = only(await ended(trace));
    assert.deepEqual([emitted, openCalls], [2, 2]);
    await target.end();
  });

  test("calls on the scheduler's stack, which it leaves without a return, are not open for ever", async () => {
    const target = startTarget(program, "spin 2");
    const trace = await tracing(target, "runtime.schedule");
    await target.command("short 2000");
    const { emitted, openCalls } = only(await ended(trace));
    // One for each thread of the runtime at the most.
    assert.ok(emitted > 100 && openCalls < 64, `${emitted} calls, ${openCalls} open`);
    await target.end();
  });

  for (let round = 1; round <= 3; round += 1) {
    test(`16 goroutines at full speed until the program exits: none is unwound (${round})`, async () => {
      const target = startTarget(program);
      const trace = await tracing(target, "main.spin");
      await target.command("spin 16");
      await trace.says('"event":"return"');
      target.send("exit 0");
      await target.status();
      assert.equal(await trace.status(), 0, trace.stderr);
      const events = eventsOf(trace.stdout);
      agrees(events);
      assert.equal(only(events).unwound, 0);
      assert.ok(only(events).openCalls <= 16);
    });

    test(`a slow reader and Ctrl-C at full speed: none is unwound (${round})`, async () => {
      const target = startTarget(program);
      const trace = await tracing(target, "main.spin");
      trace.process.stdout?.pause();
      await target.command("spin 16");
      // The ring buffer is full when calls are dropped: then the sum of what was read stands still.
      await target.command("short 3000");
      trace.process.kill("SIGINT");
      trace.process.stdout?.resume();
      assert.equal(await trace.status(), 0, trace.stderr);
      const events = eventsOf(trace.stdout);
      addsUp(events.stats);
      assert.equal(only(events).unwound, 0);
      assert.equal(events.unwound.length, 0);
      await target.end();
    });
  }
});

/** Calls of the differential run for each toolchain; the full run has 200 000 (PROBELENS_ENDS=200000). */
const CALLS = Number(process.env["PROBELENS_ENDS"] ?? 24_000);
/** Of these the ring buffer holds every record, so that a reader that reads loses none, however slow the machine is. */
const ROUND = 4000;
const NAMES = ["plain", "panics", "recovers", "again", "nothing", "deep", "leaves"].map((name) => `main.${name}`);
const CALLED = 1;
const RETURNED = 2;

describe("ends as the program itself knows them", () => {
  for (const toolchain of ["installed", "go1.15.15", "go1.21.13"])
    for (const reader of ["that reads", "that stops reading"] as const)
      test(`${toolchain}, a reader ${reader}`, async () => {
        const target = startTarget(buildGo("ends", toolchain));
        const trace = await tracing(target, ...NAMES);
        if (reader === "that stops reading") trace.process.stdout?.pause();
        const arrived = occurrences(trace, '"event":"call"');
        // Three times as much as the ring buffer holds for a reader that does not read.
        const calls = reader === "that reads" ? CALLS : Math.max(CALLS, 72_000);
        for (let made = ROUND; made <= calls; made += ROUND) {
          await target.command(`random ${ROUND} ${made}`);
          if (reader === "that reads") await until("every call", () => arrived() === made);
        }
        const path = join(directory, `${toolchain}-${reader.length}`);
        await target.command(`truth ${path}`);
        trace.process.stdout?.resume();
        const events = await ended(trace);
        compare(readFileSync(path), events, reader === "that reads");
        await target.end();
      });
});

/** How often the text has come so far. */
function occurrences(child: Child, text: string): () => number {
  let from = 0;
  let count = 0;
  return () => {
    for (let at = child.stdout.indexOf(text, from); at >= 0; at = child.stdout.indexOf(text, from)) {
      from = at + text.length;
      count += 1;
    }
    return count;
  };
}

/** Each statement about an end against the program's own; nothing may be unknown where nothing was lost. */
function compare(truth: Uint8Array, { calls, returns, unwound, stats }: Events, complete: boolean): void {
  const serials = new Map(calls.map(({ id, args }) => [id, Number(args.find(({ name }) => name === "n")?.text)]));
  for (const { id, func, results } of returns) {
    const serial = serials.get(id) ?? -1;
    const expected = func === "main.deep" ? [2 * serial, 2 * serial + 1] : [2 * serial + 1, -serial];
    const result = Number(results[0]?.text);
    assert.equal(truth[serial], RETURNED, `${func}(${serial}) did not return`);
    assert.ok(expected.includes(result) || (serial === 0 && result === 0), `${func}(${serial}) returned ${result}`);
  }
  for (const { id, func } of unwound) {
    const serial = serials.get(id) ?? -1;
    assert.equal(truth[serial], CALLED, `${func}(${serial}) was not unwound`);
  }
  const sum = (pick: (line: StatsEvent) => number): number => stats.reduce((total, line) => total + pick(line), 0);
  const made = truth.filter((end) => end !== 0).length;
  assert.equal(
    sum(({ hits }) => hits),
    made,
  );
  assert.equal(
    sum(({ openCalls }) => openCalls),
    0,
  );
  const lost = sum(({ dropped, unknownEnds }) => dropped + unknownEnds);
  console.log(
    `${made} calls: ${returns.length} returns, ${unwound.length} unwound, ${lost - sum(({ unknownEnds }) => unknownEnds)} dropped, ${sum(({ unknownEnds }) => unknownEnds)} ends unknown`,
  );
  assert.equal(lost === 0, complete);
  // Unknown are at the most the ends that were not told.
  const endsOf = (what: number): number => truth.filter((end) => end === what).length;
  assert.ok(returns.length <= endsOf(RETURNED) && unwound.length <= endsOf(CALLED));
}
