/**
 * The checks that run inside each kernel, on the built product and on programs that count their own calls. A check's
 * name is its row in docs/kernels.md.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBuilt } from "../conditions/check.ts";
import { attached, codeOf, eventsOf, liveCode, probelens, run, startTarget } from "../kernel/cliProcess.ts";
import { sameLabels, sameStacks, told } from "../kernel/contextCalls.ts";
import { MAY_BE_REFUSED, SITE_CALLS } from "../kernel/siteCalls.ts";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { checkValues, wrongValues } from "../values/check.ts";
import { functionsOf, observe } from "../values/target.ts";
import { builtAs, conditions } from "./generated.ts";

/** At one time: in an emulated machine, whose processors take turns, several take longer than one after the other. */
const TRACES = 1;

async function traced(request: string, program: string, ...commands: string[]) {
  const ended = await run("trace", ...request.split(" "), "--format", "jsonl", "--", program, ...commands);
  assert.equal(ended.status, 0, ended.stderr);
  return { ...ended, ...eventsOf(ended.stdout) };
}

test("`probelens doctor` finds tracing possible", async () => {
  const { status, stdout } = await run("doctor");
  // For the page's notes.
  for (const line of stdout.trimEnd().split("\n")) process.stdout.write(`doctor ${line}\n`);
  assert.equal(status, 0, stdout);
});

test("entry and return counts are exact, arguments, strings and results right", async () => {
  const CALLS = 2000;
  const { calls, returns, stats } = await traced("main.work --returns", buildGo("calls"), `work ${CALLS}`, "exit 0");
  assert.deepEqual(
    calls.map(({ args }) => args.map(({ text }) => text).join()),
    Array.from({ length: CALLS }, (_, n) => `${n},"s${n}"`),
  );
  assert.deepEqual(
    returns.map(({ id, results }) => [id, results[0]?.text]),
    calls.map(({ id }, n) => [id, String(n + `s${n}`.length)]),
  );
  const [{ hits, emitted, dropped, openCalls } = assert.fail("no stats")] = stats;
  assert.deepEqual({ hits, emitted, dropped, openCalls }, { hits: CALLS, emitted: CALLS, dropped: 0, openCalls: 0 });
});

for (const toolchain of ["installed", "go1.15.15"])
  test(`hits equal calls for every shape of prologue while stacks grow, Go ${toolchain.replace("go", "")}`, async () => {
    const ROUNDS = 50;
    const { stats } = await traced("main.* --returns", buildGo("sites", toolchain), String(ROUNDS));
    const hits = new Map(stats.map(({ func, hits }) => [func, hits]));
    for (const [name, calls] of Object.entries(SITE_CALLS))
      if (!MAY_BE_REFUSED.has(name)) assert.equal(hits.get(`main.${name}`), calls * ROUNDS, `main.${name}`);
  });

for (const toolchain of ["installed", "go1.15.15"])
  test(`stacks and labels of calls are the program's own, Go ${toolchain.replace("go", "")}`, async () => {
    const program = buildGo("context", toolchain);
    const stacks = await traced("main.traced --stack", program, "stacks");
    const { whole, cut } = sameStacks(told(stacks.stdout, stacks.stderr));
    assert.ok(whole >= 20 && cut === 2, `${whole} whole, ${cut} cut`);
    const labels = await traced("main.labelled --labels", program, "labels");
    sameLabels(told(labels.stdout, labels.stderr));
  });

test("float registers: arguments and results, four goroutines, GC and signals all the time", async () => {
  const { calls, returns } = await traced("main.work --returns", buildGo("floats"), "storm", "500");
  assert.equal(calls.length, 2000);
  const numbers = new Map(calls.map(({ id, args }) => [id, Number(args[0]?.text)]));
  const texts = [
    ...calls.map(({ id, args }) => [id, args[1]?.text, 1.5] as const),
    ...returns.map(({ id, results }) => [id, results[0]?.text, 3] as const),
  ];
  const known = texts.filter(([, text]) => text?.startsWith("<unavailable: in FP register") !== true);
  for (const [id, text, factor] of known) assert.equal(Number(text), (numbers.get(id) ?? Number.NaN) * factor);
  assert.ok(known.length >= 0.99 * 4000, `${known.length} of 4000`);
});

test("--fault-in: memory that is not resident is right, or the option is refused and says which version has it", async () => {
  const { status, stdout, stderr } = await run(
    ..."trace main.take main.give --returns --fault-in --format jsonl --".split(" "),
    buildGo("absent"),
    "absent",
    "20",
  );
  const doctor = await run("doctor");
  if (doctor.stdout.includes("Linux 6.0 or later (sleepable uprobe programs) can wait for it (--fault-in)")) {
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /--fault-in.*no sleepable uprobe programs.*\n.*Linux 6\.0 or later has them/);
    return;
  }
  assert.equal(status, 0, stderr);
  const { calls, returns } = eventsOf(stdout);
  assert.deepEqual([calls.length, returns.length], [160, 160]);
  for (const { func, args } of calls) {
    const [n = "", text, order, any] = args.map((arg) => arg.text);
    const number = n.padStart(6, "0");
    assert.equal(text, `"text of call ${number}"`);
    if (func !== "main.take") continue;
    assert.equal(order, `&main.order{Number:${n}, Next:&${Number(n) + 1}, Name:"name ${number}"}`);
    assert.equal(any, order);
  }
});

test("conditions on floats in registers, arguments and results", async () => {
  const EACH = 200;
  const { calls, returns, stats } = await traced(
    "main.work --returns --where r0>600&&x!=450&&y<=350.5",
    buildGo("floats"),
    "threads",
    String(EACH),
  );
  const expected = Array.from({ length: 4 * EACH }, (_, n) => n).filter(
    (n) => n * 3 > 600 && n !== 300 && n / 2 <= 350.5,
  );
  const numbers = calls.map(({ args }) => Number(args[0]?.text)).sort((a, b) => a - b);
  const [{ hits, undecided } = assert.fail("no stats")] = stats;
  assert.ok(undecided <= 0.01 * hits, `${undecided} undecided`);
  const missing = expected.filter((n) => !numbers.includes(n));
  assert.ok(missing.length <= undecided, `${missing.join()} missing, ${undecided} undecided`);
  assert.deepEqual(
    [...numbers, ...missing].sort((a, b) => a - b),
    expected,
  );
  assert.equal(returns.length, calls.length);
});

test("values of every kind, arguments and results, are what the program prints itself", async () => {
  const file = builtAs("values");
  const names = (await functionsOf(file)).filter((name) => name.startsWith("main.packed"));
  const findings = checkValues(await observe({ file }, [], names));
  assert.deepEqual(wrongValues(findings), []);
  const { compared = 0, equal = 0 } = findings.counts;
  assert.ok(compared > 1_000 && equal > 0.97 * compared, `${equal} equal of ${compared}`);
});

test("conditions let those calls pass for which they hold", async () => {
  const findings = await checkBuilt({ file: builtAs("conditions"), options: [] }, conditions(), TRACES);
  assert.deepEqual([...findings.kinds()], []);
  for (const verdict of ["yes", "no", "undecided"]) assert.ok(findings.counts[verdict]! > 0, `no call is ${verdict}`);
});

const CHEAP_CALLS = 10;

test("a function that is called without a pause loses its probes, and a cheap one beside it goes on", async () => {
  const path = buildGo("flood");
  const target = startTarget(path);
  await target.says("ready");
  const [hot, cheap] = [await codeOf(path, "main.hot"), await codeOf(path, "main.cheap")];
  const request = "trace main.hot main.cheap --returns --rate 1000/s --format jsonl --budget 5 --pid";
  const trace = probelens(...request.split(" "), String(target.pid));
  await attached(trace);
  await target.command("hot on");
  await until("main.hot has its own bytes", () => liveCode(target.pid, hot) === hot.original);
  assert.notEqual(liveCode(target.pid, cheap), cheap.original);
  await target.command("hot off");
  // So few that they are within the budget however slow the machine is.
  await target.command(`cheap ${CHEAP_CALLS}`);
  trace.process.kill("SIGINT");
  assert.equal(await trace.status(), 0, trace.stderr);
  assert.match(trace.stderr, /removed at \d\d:\d\d:\d\d: .*main\.hot/);
  const lines = trace.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; func: string });
  const stats = lines.find(({ event, func }) => event === "stats" && func === "main.cheap");
  assert.equal((stats as { hits?: number } | undefined)?.hits, CHEAP_CALLS);
  assert.deepEqual([liveCode(target.pid, hot), liveCode(target.pid, cheap)], [hot.original, cheap.original]);
  await target.end();
});

test("panics and Goexit end calls as unwound", async () => {
  const { calls, returns, unwound } = await traced(
    "main.boom main.goexitInner --returns",
    buildGo("calls"),
    "panic 20",
    "goexit 20",
    "exit 0",
  );
  assert.deepEqual([calls.length, returns.length, unwound.length], [40, 0, 40]);
});

test("g in thread-local storage (Go 1.15): goroutines, arguments and results", async () => {
  const { calls, returns } = await traced("main.work --returns", buildGo("calls", "go1.15.15"), "work 200", "exit 0");
  assert.deepEqual(
    calls.map(({ goid, args }) => [goid, args[0]?.text]),
    Array.from({ length: 200 }, (_, n) => [1, String(n)]),
  );
  assert.equal(returns.length, 200);
});

test("after the trace the program runs on with its own bytes", async () => {
  const path = buildGo("calls");
  const target = startTarget(path);
  await target.says("ready");
  const code = await codeOf(path, "main.work");
  const trace = run("trace", "main.work", "--pid", String(target.pid), "--limit", "5", "--format", "jsonl");
  for (;;) {
    await target.command("work 5");
    // What is ready already wins: the trace has ended as soon as it has its five calls.
    if ((await Promise.race([trace, Promise.resolve()])) !== undefined) break;
  }
  const { status, stdout, stderr } = await trace;
  assert.equal(status, 0, stderr);
  assert.equal(eventsOf(stdout).calls.length, 5);
  assert.equal(liveCode(target.pid, code), code.original);
  await target.command("work 5");
});
