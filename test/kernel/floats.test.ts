/**
 * Floats in registers, against what the traced program itself says: each value is its call's number times something,
 * or printed by the program. None may be wrong; what could not be had says so, and is rare.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { CallEvent, ReturnEvent } from "../../src/engine/api.ts";
import { buildGo } from "../programs/build.ts";
import { type Events, eventsOf, probelensIn, ROOT, run } from "./cliProcess.ts";

const folder = mkdtempSync(join(tmpdir(), "probelens-floats-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Toolchain and build flags. */
const BUILDS: readonly (readonly string[])[] = [
  ["installed"],
  ["installed", "-buildmode=pie"],
  ["installed", "-gcflags=all=-N -l"],
  ["go1.17.13"],
  ["go1.20.14"],
  ["go1.24.13"],
  ["go1.27.4"],
];

interface Traced extends Events {
  /** What the program printed. */
  readonly output: string;
}

let files = 0;

async function traced(
  request: string,
  program: string,
  args: readonly string[],
  env = {},
  where?: string,
  returns = true,
): Promise<Traced> {
  const file = join(folder, `${++files}.jsonl`);
  // Go 1.17's DWARF leaves out results in registers: the source has them.
  const source = ["--source", join(ROOT, "test/programs/floats")];
  const condition = where === undefined ? [] : ["--where", where];
  const trace = [
    "trace",
    ...request.split(" "),
    ...source,
    ...condition,
    ...(returns ? ["--returns"] : []),
    "--format",
    "jsonl",
    "--output",
    file,
  ];
  const child = probelensIn(env, ...trace, "--", program, ...args);
  assert.equal(await child.status(), 0, child.stderr);
  const events = eventsOf(readFileSync(file, "utf8"));
  rmSync(file);
  for (const line of returns ? events.stats : [])
    assert.equal(line.emitted, line.returns + line.unwound + line.unknownEnds + line.openCalls, JSON.stringify(line));
  return { ...events, output: child.stderr };
}

/** What the program prints when nobody traces it. */
function untraced(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}

function sumOf(output: string): string | undefined {
  return /^SUM .*$/m.exec(output)?.[0];
}

interface Verdict {
  right: number;
  unavailable: number;
  readonly wrong: string[];
}

/** Each value of a call or a return against what `expected` says of the call's number `n`. */
function judge(
  { calls, returns }: Events,
  func: string,
  expected: (n: number) => { args: readonly number[]; results?: readonly number[] },
): Verdict {
  const verdict: Verdict = { right: 0, unavailable: 0, wrong: [] };
  const numbers = new Map<number, number>();
  const compare = (event: CallEvent | ReturnEvent, texts: readonly string[], values: readonly number[]): void => {
    texts.forEach((text, index) => {
      if (text.startsWith("<unavailable: in FP register")) verdict.unavailable += 1;
      else if (Number(text) === values[index]) verdict.right += 1;
      else verdict.wrong.push(`${event.event} ${event.id}: ${text}, not ${values[index]}`);
    });
  };
  for (const call of calls) {
    if (call.func !== func) continue;
    const n = Number(call.args[0]?.text);
    numbers.set(call.id, n);
    const values = expected(n).args;
    assert.equal(call.args.length, 1 + values.length);
    compare(
      call,
      call.args.slice(1).map(({ text }) => text),
      values,
    );
  }
  for (const end of returns) {
    const n = numbers.get(end.id);
    if (end.func !== func || n === undefined) continue;
    const values = expected(n).results ?? [];
    assert.equal(end.results.length, values.length);
    compare(
      end,
      end.results.map(({ text }) => text),
      values,
    );
  }
  return verdict;
}

/** Nothing wrong; of what there is, less than 1 % missing. */
function holds({ right, unavailable, wrong }: Verdict): void {
  assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} wrong of ${right}`);
  assert.ok(right > 0 && unavailable < 0.01 * right, `${unavailable} unavailable, ${right} right`);
}

const WORK = (n: number) => ({ args: [n * 1.5, (n % (1 << 20)) * 0.5], results: [n * 3, n % (1 << 20)] });

for (const build of BUILDS) {
  test(`every kind, arguments and results: ${build.join(" ")}`, async () => {
    const program = buildGo("floats", ...build);
    const { calls, returns, output } = await traced("main.*", program, ["kinds"]);
    const seen = new Map<string, string[]>();
    for (const call of calls) {
      const end = returns.find(({ id }) => id === call.id);
      const texts = [call.args, end?.results ?? []].map((values) => values.map(({ text }) => text));
      const of = seen.get(call.func) ?? [];
      of.push(texts.map((values) => values.join(";")).join("|"));
      seen.set(call.func, of);
    }
    const said = Array.from(output.matchAll(/^KIND ([^|]*)\|(.*)$/gm), ([, func = "", texts = ""]) => ({
      func,
      texts,
    }));
    assert.equal(said.length, 29, output);
    for (const { func, texts } of said) {
      const text = seen.get(func)?.shift();
      if (func === "main.double" && !build.includes("-gcflags=all=-N -l")) {
        assert.equal(text, "<unavailable: in FP register, and the probed instruction changes it>|9");
        continue;
      }
      // What pointers and interfaces lead to is another test's; `main.deep` has them to be a deep plan.
      const plain = func === "main.deep" ? text?.replace(/;[^;]*;/, ";&;").replace(/;[^;]*$/, "") : text;
      assert.equal(func === "main.one" ? plain?.replace(/;[^;]*$/, "") : plain, texts, func);
    }
  });
}

describe("under load", () => {
  for (const [toolchain, least] of [
    ["installed", 100_000],
    ["go1.17.13", 20_000],
    ["go1.20.14", 20_000],
    ["go1.24.13", 20_000],
    ["go1.27.4", 20_000],
  ] as const) {
    test(`${toolchain}: four goroutines at full speed`, async (t) => {
      const program = buildGo("floats", toolchain);
      const args = ["threads", "25000"];
      const sum = sumOf(untraced(program, args));
      const total: Verdict = { right: 0, unavailable: 0, wrong: [] };
      let calls = 0;
      // What the ring buffer has no room for is no event: as many rounds as it takes.
      for (let round = 0; round < 12 && calls < least; round++) {
        const events = await traced("main.work", program, args);
        assert.equal(sumOf(events.output), sum);
        const { right, unavailable, wrong } = judge(events, "main.work", WORK);
        calls += events.calls.length;
        total.right += right;
        total.unavailable += unavailable;
        total.wrong.push(...wrong);
      }
      t.diagnostic(
        `${calls} calls: ${total.right} values right, ${total.unavailable} unavailable, ${total.wrong.length} wrong`,
      );
      assert.ok(calls >= least);
      holds(total);
    });
  }

  const cases: readonly {
    readonly mode: string;
    readonly n: number;
    readonly functions: Readonly<Record<string, Parameters<typeof judge>[2]>>;
  }[] = [
    { mode: "storm", n: 5000, functions: { "main.work": WORK } },
    {
      mode: "nested",
      n: 500,
      functions: {
        "main.outer": (n) => ({ args: [n * 1.5], results: [n * 1.5 + 0.25] }),
        "main.middle": (n) => ({ args: [n * 1.5 + 0.25], results: [n * 1.5 + 0.25] }),
        "main.work": (n) => ({ args: [n * 1.5, n * 0.5], results: [n * 3, n] }),
      },
    },
    { mode: "panics", n: 2000, functions: { "main.risky": (n) => ({ args: [n * 1.5], results: [n * 1.5 + 1] }) } },
    { mode: "notify", n: 1000, functions: { "main.work": WORK } },
  ];
  for (const { mode, n, functions } of cases) {
    for (const build of [["installed"], ["installed", "-buildmode=pie"], ["go1.17.13"], ["go1.27.4"]]) {
      test(`${mode}: ${build.join(" ")}`, async (t) => {
        const program = buildGo("floats", ...build);
        const args = [mode, String(n)];
        const events = await traced(Object.keys(functions).join(" "), program, args);
        assert.equal(sumOf(events.output), sumOf(untraced(program, args)));
        for (const [func, expected] of Object.entries(functions)) {
          const verdict = judge(events, func, expected);
          t.diagnostic(`${func}: ${verdict.right} right, ${verdict.unavailable} unavailable`);
          holds(verdict);
        }
      });
    }
  }

  for (const [where, passes] of [
    ["n%3==0", (n: number) => n % 3 === 0],
    // Decided at the return: the call's record waits for it, and its registers with it.
    ["duration>=1ns", () => true],
    ["duration>=1ns&&n%3==0", (n: number) => n % 3 === 0],
  ] as const) {
    test(`--where ${where}`, async () => {
      const program = buildGo("floats");
      const events = await traced(`main.work --where ${where}`, program, ["threads", "600"]);
      const expected = Array.from({ length: 2400 }, (_, n) => n).filter(passes);
      const numbers = events.calls.map(({ args }) => Number(args[0]?.text));
      assert.deepEqual(
        numbers.toSorted((a, b) => a - b),
        expected,
      );
      holds(judge(events, "main.work", WORK));
      assert.equal(events.returns.length, expected.length);
    });
  }

  test("recursion: each level has its own", async () => {
    const { calls, returns } = await traced("main.recurse", buildGo("floats"), ["nested", "200"]);
    const open = new Map<number, CallEvent[]>();
    const result = new Map(returns.map(({ id, results }) => [id, Number(results[0]?.text)]));
    let compared = 0;
    for (const call of calls) {
      const [n, x] = call.args.map(({ text }) => Number(text));
      assert.ok(n !== undefined && x !== undefined);
      // The outermost call of n is given a number that ends in n.
      const above = (open.get(call.goid) ?? []).at(-1);
      const isInner = above !== undefined && Number(above.args[0]?.text) === n + 1;
      if (isInner) assert.equal(x, Number(above.args[1]?.text) + 0.5);
      assert.equal(result.get(call.id), x + n * 0.5);
      compared += 1;
      open.set(call.goid, [call]);
    }
    assert.equal(compared, calls.length);
    assert.ok(compared > 4 * 200);
  });

  test("calls that move the stack", async () => {
    const program = buildGo("floats");
    const { calls, returns, output } = await traced("main.grow", program, ["grow", "20"]);
    assert.equal(sumOf(output), sumOf(untraced(program, ["grow", "20"])));
    assert.equal(calls.length, 4 * 20 * 61);
    for (const { args } of calls) {
      const [n = Number.NaN, x, left = Number.NaN] = args.map(({ text }) => Number(text));
      assert.equal(x, n * 1.5 + 60 - left);
    }
    assert.ok(returns.every(({ results }) => /^\d+(\.\d+)?$/.test(results[0]?.text ?? "")));
  });
});

describe("a thread of C that blocks all signals", () => {
  const program = buildGo("floatsc", "installed", "CGO_ENABLED=1");
  const args = ["200"];
  const expected = (n: number) => ({ args: [n * 1.5], results: [n * 3] });
  /** Those of the thread count down from -1. */
  const ofThread = ({ args }: CallEvent): boolean => Number(args[0]?.text) < 0;

  // runtime.blockableSig: a thread that runs Go code lets SIGURG through, because the scheduler needs it.
  test("Go unblocks SIGURG there: all are right", async () => {
    const events = await traced("main.work", program, args);
    assert.equal(sumOf(events.output), sumOf(untraced(program, args)));
    assert.equal(events.calls.filter(ofThread).length, 200);
    holds(judge(events, "main.work", (n) => (n < 0 ? { args: [-1.5 - n * 1.5], results: [-3 - n * 3] } : expected(n))));
  });

  test("where it stays blocked, values are unavailable with the reason, and others' are right", async () => {
    const events = await traced("main.work", program, args, { GODEBUG: "asyncpreemptoff=1" });
    assert.equal(sumOf(events.output), sumOf(untraced(program, args)));
    const blocked = events.calls.filter(ofThread);
    assert.equal(blocked.length, 200);
    for (const { args } of blocked)
      assert.equal(args[1]?.text, "<unavailable: in FP register: the signal frame did not come>");
    holds(judge({ ...events, calls: events.calls.filter((call) => !ofThread(call)) }, "main.work", expected));
  });
});

describe("--floats", () => {
  // Without Go's own use of the signal, what comes is ours.
  const env = { GODEBUG: "asyncpreemptoff=1" };
  for (const [floats, came, text] of [
    ["signal", "SIGURG 1", /^\d/],
    ["off", "SIGURG 0", /^<unavailable: in FP register>$/],
  ] as const) {
    test(`${floats}: ${came}`, async () => {
      const events = await traced(`main.work --floats ${floats}`, buildGo("floats"), ["notify", "100"], env);
      assert.ok(events.output.includes(`${came}\n`), events.output);
      assert.equal(events.calls.length, 400);
      for (const { args } of events.calls) assert.match(args[1]?.text ?? "", text);
      for (const { results } of events.returns) assert.match(results[0]?.text ?? "", text);
    });
  }

  test("another word is refused", async () => {
    const { status, stderr } = await run("trace", "main.work", "--floats", "on", "--pid", "1");
    assert.equal(status, 2);
    assert.match(stderr, /--floats "on": it must be one of signal, off/);
  });
});

describe("conditions on floats", () => {
  const CONDITIONS: Readonly<Record<string, (n: number) => boolean>> = {
    "x > 1500.25 && y <= 2000 && n % 3 == 0": (n) => n * 1.5 > 1500.25 && n * 0.5 <= 2000 && n % 3 === 0,
    // Arguments against results, which are twice as much.
    "r0 > 3000.5 && y < r1 && x != 1503 && n % 3 == 0": (n) => n * 3 > 3000.5 && n !== 1002 && n % 3 === 0,
    "r1 >= 2500 || x == 4.5": (n) => n >= 2500 || n === 3,
  };
  for (const build of [["installed"], ["installed", "-buildmode=pie"], ["go1.17.13"], ["go1.27.4"]])
    for (const [mode, condition, returns] of ["threads", "storm"].flatMap((mode) =>
      Object.keys(CONDITIONS).flatMap((condition) =>
        (/\br\d/.test(condition) ? [true] : [true, false]).map((returns) => [mode, condition, returns] as const),
      ),
    ))
      test(`${mode}, ${condition}${returns ? "" : " without returns"}: those calls pass for which it holds, and their floats are right: ${build.join(" ")}`, async () => {
        const EACH = 1500;
        const program = buildGo("floats", ...build);
        const events = await traced("main.work", program, [mode, String(EACH)], {}, condition, returns);
        const numbers = events.calls.map(({ args }) => Number(args[0]?.text)).sort((a, b) => a - b);
        const expected = Array.from({ length: 4 * EACH }, (_, n) => n).filter(CONDITIONS[condition]!);
        const [{ hits, emitted, filtered, dropped, undecided } = assert.fail("no stats")] = events.stats;
        const missing = expected.filter((n) => !numbers.includes(n));
        assert.deepEqual(
          numbers,
          expected.filter((n) => !missing.includes(n)),
        );
        // Whose frame did not come, nobody can decide.
        assert.ok(missing.length <= undecided && undecided <= 0.01 * hits, `${missing.length}, ${undecided} undecided`);
        assert.deepEqual(
          { hits, emitted, filtered, dropped },
          { hits: 4 * EACH, emitted: numbers.length, filtered: 4 * EACH - numbers.length, dropped: 0 },
        );
        assert.equal(events.returns.length, returns ? numbers.length : 0);
        holds(judge(events, "main.work", WORK));
      });

  for (const [request, where, passes, throttles] of [
    ["main.risky", "x >= 0 || n < 0", true, false],
    ["main.risky", "x < 0", false, false],
    ["main.risky --rate 1", "x >= 0", true, true],
  ] as const)
    test(`${request}, ${where}, decided at the entry, whether the call panics or not`, async () => {
      const { calls, stats } = await traced(request, buildGo("floats"), ["panics", "500"], {}, where, false);
      const [{ hits, emitted, filtered, throttled, dropped, undecided } = assert.fail("no stats")] = stats;
      assert.deepEqual([hits, dropped, emitted], [2000, 0, calls.length]);
      assert.deepEqual([emitted + throttled, filtered], passes ? [hits - undecided, undecided] : [0, hits]);
      assert.deepEqual([emitted > 0, throttled > 0], [passes, throttles]);
      assert.ok(undecided <= 0.01 * hits, `${undecided} undecided`);
    });

  test("a call that panics passes by its arguments, and does not by its result", async () => {
    const program = buildGo("floats");
    const isOdd = ({ args }: CallEvent) => Number(args[0]?.text) % 2 === 1;
    const byArgument = await traced("main.risky", program, ["panics", "500"], {}, "x >= 0");
    const [{ undecided } = assert.fail("no stats")] = byArgument.stats;
    const { calls, returns, unwound } = byArgument;
    assert.equal(calls.length, 2000 - undecided);
    assert.deepEqual(
      [returns.length, unwound.length],
      [calls.filter(isOdd).length, calls.filter((call) => !isOdd(call)).length],
    );
    const byResult = await traced("main.risky", program, ["panics", "500"], {}, "x >= 0 && r0 >= 0");
    assert.ok(byResult.calls.length > 0 && byResult.calls.every(isOdd));
    assert.equal(byResult.returns.length, byResult.calls.length);
    assert.equal(byResult.stats[0]?.emitted, byResult.calls.length);
  });

  const refused: readonly (readonly [string, string, readonly string[], RegExp])[] = [
    [
      "a result without returns",
      "x > 1 && r0 > 1",
      [],
      /^.*: r0 is known at the return only\.\n {4}x > 1 && r0 > 1\n {4} {9}\^~\n {2}Add --returns/,
    ],
    [
      "floats that are not read",
      "x > 1",
      ["--returns", "--floats", "off"],
      /where x stands cannot be used in a condition: in FP register/,
    ],
  ];
  for (const [what, where, options, message] of refused)
    test(`refused: ${what}`, async () => {
      const program = buildGo("floats");
      const { status, stderr } = await run(
        "trace",
        "main.work",
        ...options,
        "--where",
        where,
        "--",
        program,
        "threads",
        "1",
      );
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    });
});
