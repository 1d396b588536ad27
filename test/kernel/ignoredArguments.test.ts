/**
 * Arguments of functions that use none of them: shown where they are the caller's, and unavailable in the calls whose
 * stack check failed, where runtime.morestack has left something else in their registers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";

/** `calls` in test/programs/ignoring. */
const CALLS = 200;
const LOST = /^<unavailable: not used by the function, and lost where its stack grows>$/;

const BUILDS: [version: string, ...flags: string[]][] = [
  ["go1.17.13"],
  ["go1.20.14", "-buildmode=pie"],
  ["go1.24.13", "-ldflags=-s -w"],
  ["go1.27.4"],
  ["go1.27.4", "-buildmode=pie"],
];

for (const [version, ...flags] of BUILDS)
  test(`arguments that a function does not use, ${[version, ...flags].join(" ")}`, async (t) => {
    const program = buildGo("ignoring", version, ...flags);
    const source = flags.includes("-ldflags=-s -w") ? ["--source", "test/programs/ignoring"] : [];
    const words = ["trace", "main.ignores", "main.floats", ...source, "--format", "jsonl", "--", program];
    const { status, stdout, stderr } = await run(...words);
    assert.equal(status, 0, stderr);
    const { calls } = eventsOf(stdout);
    for (const [func, first] of [
      ["main.ignores", 0],
      ["main.floats", 0.5],
    ] as const) {
      const own = calls.filter((call) => call.func === func);
      assert.equal(own.length, 3 * CALLS, func);
      // Each new goroutine's first call is one whose stack grows; a forced preemption makes few others. Where the register
      // that tells is no argument, it may still tell so in the call behind that.
      const most = (func === "main.floats" ? 2 * CALLS : CALLS) + 20;
      const lost = own.filter(({ args }) => args.every(({ text }) => LOST.test(text)));
      assert.ok(lost.length >= CALLS && lost.length < most, `${lost.length} calls of ${func} lost arguments`);
      assert.equal(own.slice(CALLS).filter((call, at) => at % 2 === 0 && !lost.includes(call)).length, 0);
      for (const [at, { args }] of own.entries()) {
        if (lost.includes(own[at]!)) continue;
        const n = at < CALLS ? at : CALLS + (at - CALLS - 1) / 2 + CALLS;
        const ignores = [String(n), JSON.stringify(`call ${n}`), String(n / 2), String(n % 2 === 1)];
        const expected = first === 0 ? ignores : [String(n / 2), String(n)];
        assert.deepEqual(
          args.map(({ text }) => text),
          expected,
          `call ${at} of ${func}`,
        );
      }
      t.diagnostic(`${func}: ${own.length - lost.length} of ${own.length} calls with their arguments`);
    }
  });

/** Held by every call whose arguments are known, or by none. */
const CONDITIONS: readonly (readonly [func: string, condition: string, passes: boolean, ...options: string[]])[] = [
  ["main.ignores", "n >= 0", true],
  ["main.ignores", "n < 0", false],
  ["main.ignores", 'name != "" && half >= 0', true],
  ["main.ignores", "n >= 0 && duration >= 0", true, "--returns"],
  ["main.ignores", "half < 0 || duration < 0", false, "--returns"],
  ["main.floats", "half >= 0", true],
];

for (const [version, ...flags] of [BUILDS[0]!, BUILDS.at(-1)!])
  for (const [func, condition, passes, ...options] of CONDITIONS)
    test(`${condition} is undecided in calls that lost arguments, ${[version, ...flags].join(" ")}`, async () => {
      const program = buildGo("ignoring", version, ...flags);
      const source = flags.includes("-ldflags=-s -w") ? ["--source", "test/programs/ignoring"] : [];
      const words = ["trace", func, "--where", condition, ...options, ...source, "--format", "jsonl", "--", program];
      const { status, stdout, stderr } = await run(...words);
      assert.equal(status, 0, stderr);
      const { calls, stats } = eventsOf(stdout);
      const { hits, filtered, undecided } = stats[0]!;
      assert.equal(hits, 3 * CALLS);
      const most = (func === "main.floats" ? 2 * CALLS : CALLS) + 20;
      assert.ok(undecided >= CALLS && undecided < most, `${undecided} were undecided`);
      assert.equal(filtered, passes ? undecided : hits);
      assert.equal(calls.length, hits - filtered);
      assert.deepEqual(
        calls.filter(({ args }) => args.some(({ text }) => LOST.test(text))),
        [],
      );
    });
