/** `probelens trace` on real Go processes of several Go versions. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { attached, codeOf, detached, eventsOf, probelens, run, startTarget } from "./cliProcess.ts";

// In a float register, but for Go 1.15, whose stack ABI leaves the result in memory.
for (const toolchain of ["installed", "go1.27.4", "go1.15.15"]) {
  test(`the article's server, ${toolchain}: arguments, results, callers, totals`, async () => {
    const euler = startTarget(buildGo("euler", toolchain), "-listen", "127.0.0.1:0", "-selfload", "5ms");
    const { status, stdout, stderr } = await run(
      "trace",
      "main.computeE",
      "--pid",
      String(euler.pid),
      "--returns",
      "--limit",
      "10",
      "--format",
      "jsonl",
    );
    assert.equal(status, 0, stderr);
    const { calls, returns, unwound, stats } = eventsOf(stdout);
    assert.equal(calls.length, 10);
    assert.equal(returns.length, 10);
    assert.equal(unwound.length, 0);
    calls.forEach((call, index) => {
      assert.equal(call.func, "main.computeE");
      assert.equal(call.pid, euler.pid);
      assert.match(call.file, /\/euler\/app\.go$/);
      assert.equal(call.caller, "main.handleE");
      assert.ok(call.goid > 0);
      const [arg] = call.args;
      assert.deepEqual({ name: arg?.name, type: arg?.type }, { name: "iterations", type: "int64" });
      // The load counts up by one with each request.
      assert.equal(Number(arg?.text), Number(calls[0]?.args[0]?.text) + index);
      const end = returns.find(({ id }) => id === call.id);
      assert.equal(end?.goid, call.goid);
      assert.deepEqual({ name: end?.results[0]?.name, type: end?.results[0]?.type }, { name: "~r0", type: "float64" });
      assert.match(end?.results[0]?.text ?? "", /^2\.718281828459045\d*$/);
      assert.ok((end?.durationNs ?? 0) > 0 && (end?.ts ?? "") > call.ts);
    });
    addsUp(stats);
    // It would go on asking itself, which slows everything after it where there are few processors.
    await euler.end();
  });
}

/** Traces what `request` says in a program that is started with these commands. */
async function traced(request: string, program: string, ...commands: string[]) {
  const ended = await run("trace", ...request.split(" "), "--format", "jsonl", "--", program, ...commands);
  return { ...ended, ...eventsOf(ended.stdout) };
}

function addsUp(stats: ReturnType<typeof eventsOf>["stats"]): void {
  assert.ok(stats.length > 0);
  for (const { hits, emitted, filtered, throttled, dropped } of stats)
    assert.equal(emitted + filtered + throttled + dropped, hits);
}

const MAIN = new URL("../programs/results/main.go", import.meta.url);

describe("counts and pairing", () => {
  const path = buildGo("calls");

  test("N calls are N hits, in order, with their arguments and results", async () => {
    const { status, stderr, calls, returns, stats } = await traced("main.work --returns", path, "work 5000", "exit 0");
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      calls.map(({ args }) => args.map(({ text }) => text).join()),
      Array.from({ length: 5000 }, (_, n) => `${n},"s${n}"`),
    );
    assert.deepEqual(
      returns.map(({ id, results }) => [id, results[0]?.text]),
      calls.map(({ id }, n) => [id, String(n + `s${n}`.length)]),
    );
    assert.deepEqual(stats, [
      {
        event: "stats",
        func: "main.work",
        hits: 5000,
        emitted: 5000,
        filtered: 0,
        throttled: 0,
        dropped: 0,
        returns: 5000,
        unwound: 0,
        unknownEnds: 0,
        openCalls: 0,
        undecided: 0,
      },
    ]);
  });

  test("recursion that moves the stack counts each call once and pairs each return", async () => {
    const { calls, returns, unwound, stats } = await traced("main.grow --returns", path, "grow 3000", "exit 0");
    assert.deepEqual(
      calls.map(({ args }) => Number(args[0]?.text)),
      Array.from({ length: 3001 }, (_, n) => 3000 - n),
    );
    assert.deepEqual(
      returns.map(({ id }) => id),
      calls.map(({ id }) => id).reverse(),
    );
    assert.equal(unwound.length, 0);
    addsUp(stats);
  });

  test("frames that a panic leaves are unwound; the function that recovers returns", async () => {
    const { calls, returns, unwound, stats } = await traced(
      "main.recovering main.middle main.boom --returns",
      path,
      "panic 20",
      "exit 0",
    );
    assert.equal(calls.length, 60);
    assert.deepEqual(
      returns.map(({ func, results }) => [func, results[0]?.text]),
      Array.from({ length: 20 }, (_, n) => ["main.recovering", String(-n)]),
    );
    const gone = new Set(unwound.map(({ id }) => id));
    assert.deepEqual(gone, new Set(calls.filter(({ func }) => func !== "main.recovering").map(({ id }) => id)));
    for (const { openCalls } of stats) assert.equal(openCalls, 0);
    addsUp(stats);
  });

  for (const toolchain of ["installed", "go1.15.15", "go1.17.13", "go1.21.13", "go1.27.4"]) {
    test(`${toolchain}: a panic and a Goexit unwind what they leave, though nothing else reports`, async () => {
      const program = buildGo("calls", toolchain);
      const names = ["main.middle", "main.boom", "main.goexitOuter", "main.goexitInner"];
      const { calls, returns, unwound, stats } = await traced(
        `${names.join(" ")} --returns`,
        program,
        "panic 5",
        "goexit 5",
        "exit 0",
      );
      assert.equal(returns.length, 0);
      assert.equal(calls.length, 20);
      assert.deepEqual(new Set(unwound.map(({ id }) => id)), new Set(calls.map(({ id }) => id)));
      assert.deepEqual(
        stats.map(({ func, openCalls }) => [func, openCalls]),
        names.map((name) => [name, 0]),
      );
    });
  }

  test("a call that is still running is counted as open, and its return joins it later", async () => {
    const calls = startTarget(path);
    await calls.says("ready");
    const trace = probelens("trace", "main.held", "--pid", String(calls.pid), "--returns", "--format", "jsonl");
    const code = await codeOf(path, "main.held");
    await attached(trace);
    await calls.command("hold");
    await trace.says('"event":"call"');
    await calls.command("release");
    await trace.says('"event":"return"');
    await calls.command("hold");
    await until("the second call", () => eventsOf(trace.stdout).calls.length === 2);
    trace.process.kill("SIGINT");
    assert.equal(await trace.status(), 0);
    const { stats } = eventsOf(trace.stdout);
    assert.equal(stats[0]?.returns, 1);
    assert.equal(stats[0]?.openCalls, 1);
    await detached(calls.pid, code);
    await calls.command("release");
  });

  test("--rate throttles, and what is left out is counted", async () => {
    const { calls, stats } = await traced("main.work --rate 100 --returns", path, "work 3000", "exit 0");
    const [line] = stats;
    assert.equal(line?.hits, 3000);
    assert.equal(line?.emitted, calls.length);
    assert.ok((line?.throttled ?? 0) > 2000);
    addsUp(stats);
  });

  test("the return of a throttled call is not taken for that of an earlier one that panicked", async () => {
    const { calls, returns, unwound, stats } = await traced(
      "main.maybe --rate 1 --returns",
      path,
      "alternate 1000",
      "exit 0",
    );
    assert.equal(stats[0]?.hits, 1000);
    assert.ok(calls.length < 500);
    const argument = new Map(calls.map(({ id, args }) => [id, Number(args[0]?.text)]));
    for (const { id, results } of returns)
      assert.equal(Number(results[0]?.text), 10 * (argument.get(id) ?? Number.NaN));
    for (const { id } of unwound) assert.equal((argument.get(id) ?? 1) % 2, 0);
    addsUp(stats);
  });

  test("a flood on several goroutines adds up, whatever is dropped", async () => {
    const { calls, stats } = await traced("main.work", path, "flood 100000", "exit 0");
    assert.equal(stats[0]?.hits, 100_000);
    assert.equal(stats[0]?.emitted, calls.length);
    addsUp(stats);
  });

  test("--max-bytes cuts strings and says how much is left out", async () => {
    const { calls } = await traced("main.held --max-bytes 2 --limit 1", path, "hold", "release", "exit 0");
    assert.equal(calls[0]?.args[1]?.text, '"te"…+2');
  });

  test("several functions, globs and FILE:LINE in one trace", async () => {
    const { stats, stderr, status } = await traced(
      "main.mid* main.go:45 main.work",
      path,
      "panic 1",
      "work 1",
      "exit 0",
    );
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      stats.map(({ func, hits }) => [func, hits]),
      [
        ["main.middle", 1],
        ["main.boom", 1],
        ["main.work", 1],
      ],
    );
  });

  test("--binary sees processes that start later, and says that there is none yet", async () => {
    // A build of its own, which no other test runs.
    const path = buildGo("calls", "installed", "-ldflags=-X=main.unused=binary");
    const trace = probelens("trace", "main.work", "--binary", path, "--limit", "4", "--format", "jsonl");
    await trace.complains("waiting for one");
    for (let n = 0; n < 2; n += 1) {
      const later = startTarget(path, "work 2", "exit 0");
      await later.status();
    }
    assert.equal(await trace.status(), 0);
    assert.equal(new Set(eventsOf(trace.stdout).calls.map(({ pid }) => pid)).size, 2);
  });

  test("calls that were inlined and cannot be traced are told, with where they are", async () => {
    const program = buildGo("results");
    const { calls, stderr } = await traced("main.alsoInlined", program);
    // One call through a pointer, one inlined into main.
    assert.deepEqual(
      calls.map(({ caller }) => caller),
      ["main.main"],
    );
    assert.match(
      stderr,
      /main\.alsoInlined is also inlined in 1 place, 0 traceable; this trace does not see the calls/,
    );
    const { stats, stderr: ofMany } = await traced("main.*", program);
    const [, unseen, all] = /(\d+) of (\d+) functions (?:is|are) also inlined in places where/.exec(ofMany) ?? [];
    assert.equal(Number(all), stats.length, ofMany);
    assert.ok(Number(unseen) > 0 && Number(unseen) < stats.length, ofMany);
    const { stdout } = await run("inspect", "main.alsoInlined", "--binary", program, "--json");
    const { inlined, copies } = JSON.parse(stdout) as { inlined: number; copies: { func: string; line: number }[] };
    const line =
      1 +
      readFileSync(MAIN, "utf8")
        .split("\n")
        .findIndex((text) => text.includes("f(alsoInlined(n))"));
    assert.equal(inlined, 1);
    assert.deepEqual(
      copies.map(({ func, line }) => ({ func, line })),
      [{ func: "main.main", line }],
    );
  });

  test("position-independent programs: callers and values", async () => {
    const pie = buildGo("calls", "installed", "-buildmode=pie");
    const { stderr, calls, returns } = await traced("main.work --returns", pie, "work 3", "exit 0");
    assert.deepEqual(
      calls.map(({ caller, args }) => [caller, args[1]?.text]),
      ["s0", "s1", "s2"].map((text) => ["main.run", `"${text}"`]),
      stderr,
    );
    assert.equal(returns.length, 3);
  });
});
