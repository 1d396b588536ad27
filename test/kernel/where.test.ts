/** `probelens trace --where` on real calls: which pass, what is counted, and what is said about the rest. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";

const CALLS = 100;

async function traced(toolchain: string, functions: string, where: string, command: string, ...more: string[]) {
  const program = buildGo("where", toolchain);
  const ended = await run(
    "trace",
    ...functions.split(" "),
    "--where",
    where,
    ...more,
    "--format",
    "jsonl",
    "--",
    program,
    command,
  );
  return { ...ended, ...eventsOf(ended.stdout) };
}

const user = (n: number): number => n % 10;
const tags = (n: number): number => ((n % 3) % 2) + 1;

/** Which n pass in `main.work(n int, u *User, name string, tags []string) (sum int, err error)`, and how many stay undecided. */
const CONDITIONS: readonly (readonly [where: string, passes: (n: number) => boolean, undecided: number])[] = [
  ["n > 90", (n) => n > 90, 0],
  ["n%7 == 3 || n<<1 == 10", (n) => n % 7 === 3 || n === 5, 0],
  ['name == "n42"', (n) => n === 42, 0],
  [
    'strings.HasPrefix(name, "n7") && !strings.HasSuffix(name, "5")',
    (n) => String(n).startsWith("7") && n % 10 !== 5,
    0,
  ],
  ["u == nil", (n) => user(n) === 0, 0],
  ['u.Name == "user3"', (n) => user(n) === 3, 10],
  ['u != nil && u.Name >= "user8"', (n) => user(n) >= 8, 0],
  ["u.Next.ID == 5", (n) => user(n) === 6, 60],
  ['u.Score > 4 && u.City == "Paris"', (n) => user(n) > 8, 10],
  ['len(tags) == 2 && tags[1] == "x"', (n) => tags(n) === 2, 0],
  ['tags[1] == "x" || n == 0', (n) => tags(n) === 2 || n === 0, 66],
  ['u.Tags[1] == "t4"', (n) => user(n) === 4, 60],
];

/** Decided at the return. */
const LATE: readonly (readonly [where: string, passes: (n: number) => boolean, undecided: number])[] = [
  ["sum == 84", (n) => n === 42, 0],
  ["r0 == n*2 && n < 3", (n) => n < 3, 0],
  ["err != nil && u.ID == 3", (n) => n % 10 === 3, 0],
  ["err == nil && u.ID < 3", (n) => user(n) === 1 || user(n) === 2, 10],
  ['duration >= 0 && name == "n7"', (n) => n === 7, 0],
  ["n == 5 || sum == 20", (n) => n === 5 || n === 10, 0],
  ["duration > 1h", () => false, 0],
];

for (const toolchain of ["installed", "go1.15.15", "go1.23.12"]) {
  describe(toolchain, () => {
    for (const [conditions, flags] of [
      [CONDITIONS, []],
      [LATE, ["--returns"]],
    ] as const) {
      for (const [where, passes, undecided] of conditions) {
        test(where, async () => {
          const { status, stderr, calls, returns, stats } = await traced(
            toolchain,
            "main.work",
            where,
            `run ${CALLS}`,
            ...flags,
          );
          assert.equal(status, 0, stderr);
          const wanted = Array.from({ length: CALLS }, (_, n) => n).filter(passes);
          assert.deepEqual(
            calls.map(({ args }) => Number(args[0]?.text)),
            wanted,
          );
          const ids = calls.map(({ id }) => id);
          assert.deepEqual(
            returns.map(({ id }) => id),
            flags.length > 0 ? ids : [],
          );
          const { hits, emitted, filtered, dropped, ...rest } = stats[0]!;
          assert.deepEqual(
            { hits, emitted, filtered, dropped },
            { hits: CALLS, emitted: wanted.length, filtered: CALLS - wanted.length, dropped: 0 },
          );
          assert.equal(rest.undecided, undecided);
          assert.equal(/undecided/.test(stderr), undecided > 0, stderr);
        });
      }
    }

    test("labels of the goroutine, where it has some", async () => {
      const { calls, stats } = await traced(
        toolchain,
        "main.handle",
        'labels["request_id"] >= "98" && labels["user"] == "ann" || labels["user"] == "" && n == 3',
        `labels ${CALLS}`,
      );
      assert.deepEqual(
        calls.map(({ args }) => Number(args[0]?.text)),
        [3, 98, 99].sort((a, b) => a - b),
      );
      assert.deepEqual([stats[0]?.hits, stats[0]?.undecided], [2 * CALLS, 0]);
    });
  });
}

test("a return comes with its call, also in recursion and where a panic unwinds", async () => {
  const { calls, returns, unwound, stats } = await traced(
    "installed",
    "main.recursive main.deep main.fails",
    "r0 == 3 || n == 99",
    `run ${CALLS}`,
    "--returns",
  );
  for (const { func, args, id } of calls) {
    const end = returns.find((one) => one.id === id);
    assert.ok(args[0]?.text === "99" || end?.results[0]?.text === "3", `${func} ${args[0]?.text}`);
  }
  // n == 99 passes at the entry and returns; deep(n) of 4, 8, … leaves by a panic and was parked: it does not pass.
  assert.equal(returns.length, calls.length);
  assert.equal(unwound.length, 0);
  for (const { func, hits, emitted, filtered } of stats) assert.equal(emitted + filtered, hits, func);
  assert.deepEqual(Object.fromEntries(stats.map(({ func, emitted }) => [func, emitted])), {
    "main.recursive": 40,
    "main.deep": 2,
    "main.fails": 2,
  });
});

test("a condition that rejects everything lets nothing through at full speed", async () => {
  const { calls, stats } = await traced("installed", "main.handle", "n < 0", "fast 200000");
  assert.equal(calls.length, 0);
  assert.deepEqual(
    [stats[0]?.hits, stats[0]?.filtered, stats[0]?.emitted, stats[0]?.dropped],
    [200_000, 200_000, 0, 0],
  );
});

test("calls that find no place to wait for their return are dropped, and the others pass", async () => {
  const { calls, returns, stats } = await traced("installed", "main.wait", "r0 >= 0", "hold 2500", "--returns");
  const { hits, emitted, filtered, dropped } = stats[0]!;
  assert.deepEqual({ hits, sum: emitted + dropped, filtered }, { hits: 2500, sum: 2500, filtered: 0 });
  assert.ok(dropped > 0 && emitted > 1000, `${emitted} emitted, ${dropped} dropped`);
  assert.equal(calls.length, emitted);
  assert.equal(returns.length, emitted);
});

test("calls that a panic unwinds give back the place where they waited", async () => {
  const { calls, returns, stats } = await traced(
    "installed",
    "main.deep",
    "r0 % 100 == 7",
    "panics 10000",
    "--returns",
  );
  const { hits, emitted, filtered, dropped, unwound, openCalls } = stats[0]!;
  // 2 500 of them panic: more than wait at once.
  assert.deepEqual({ hits, emitted, filtered, dropped }, { hits: 10_000, emitted: 100, filtered: 9900, dropped: 0 });
  assert.deepEqual([calls.length, returns.length, unwound, openCalls], [100, 100, 0, 0]);
});

test("--limit and --rate count calls that pass", async () => {
  const limited = await traced("installed", "main.work", "n % 2 == 1", `run ${CALLS}`, "--limit", "3");
  assert.deepEqual(
    limited.calls.map(({ args }) => args[0]?.text),
    ["1", "3", "5"],
  );
  const throttled = await traced("installed", "main.work", "sum % 4 == 2", `run ${CALLS}`, "--returns", "--rate", "1");
  const { emitted, filtered, throttled: over } = throttled.stats[0]!;
  assert.deepEqual([emitted + over, filtered], [50, 50]);
});

test("with several functions, each must know all names", async () => {
  const { status, stderr } = await traced("installed", "main.work main.fails", "n > 3 && u == nil", "run 1");
  assert.equal(status, 2);
  assert.equal(
    stderr,
    `probelens: --where for main.fails: u is no parameter or result of main.fails.
    n > 3 && u == nil
             ^
  It has n, r; duration, goid and labels["KEY"] are known everywhere.
`,
  );
});
