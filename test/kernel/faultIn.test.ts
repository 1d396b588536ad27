/**
 * `--fault-in`, against a program whose values are in memory that is mapped and not resident: without it they are
 * unavailable, with it right, also while several threads wait for their pages at once.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { type Events, eventsOf, ROOT, run } from "./cliProcess.ts";

const THREADS = 4;

describe("memory that is not resident", () => {
  test("reads as unavailable where it may not be waited for", async () => {
    const { calls } = await traced("main.take", ["absent", "5"]);
    assert.deepEqual(
      new Set(
        calls.map(({ args }) =>
          args
            .slice(1)
            .map(({ text }) => text)
            .join(),
        ),
      ),
      new Set([
        "<unavailable: memory not resident>,&<unavailable: memory not resident>,&<unavailable: memory not resident>",
      ]),
    );
  });

  for (const toolchain of ["installed", "go1.17.13", "go1.27.4"])
    test(`is waited for with --fault-in, Go ${toolchain.replace("go", "")}`, async () => {
      const CALLS = 200;
      const { calls, returns, stats } = await traced(
        "main.take main.give --returns --fault-in",
        ["absent", String(CALLS), "20"],
        toolchain,
      );
      allRight({ calls, returns, stats }, CALLS);
    });

  test("conditions wait for what their answer depends on", async () => {
    const where = 'o.Name == "name 000003" && *o.Next == 4 && strings.HasSuffix(text, "3")';
    const { calls, stats } = await traced("main.take --fault-in", ["absent", "20"], "installed", "--where", where);
    assert.deepEqual(
      calls.map(({ args }) => args[0]?.text),
      ["3"],
    );
    const [{ hits, filtered, undecided } = assert.fail("no stats")] = stats;
    assert.deepEqual({ hits, filtered, undecided }, { hits: 80, filtered: 79, undecided: 0 });
  });

  test("a condition that is decided at the return has waited at the entry", async () => {
    const where = 'strings.HasSuffix(text, "07") && len(r0) == 19';
    const { calls, returns } = await traced(
      "main.give --returns --fault-in",
      ["absent", "10"],
      "installed",
      "--where",
      where,
    );
    assert.deepEqual(
      calls.map(({ args }) => args.map(({ text }) => text).join()),
      ['7,"text of call 000007"'],
    );
    assert.equal(returns[0]?.results[0]?.text, '"text of call 000007"');
  });

  test("without it their answer stays undecided", async () => {
    const { calls, stats } = await traced("main.take", ["absent", "5"], "installed", "--where", 'text != ""');
    assert.deepEqual([calls.length, stats[0]?.undecided], [0, 20]);
  });

  test("what is not mapped says so", async () => {
    const { calls } = await traced("main.take --fault-in", ["unmapped"]);
    assert.deepEqual(
      calls.map(({ args }) => args.map(({ text }) => text).join()),
      ["1,<unavailable: memory not mapped>,(*main.order)(nil),nil"],
    );
  });
});

/** What the program passes and returns, by its number. */
function allRight({ calls, returns, stats }: Pick<Events, "calls" | "returns" | "stats">, each: number): void {
  const orders = (n: number): string =>
    `&main.order{Number:${n}, Next:&${n + 1}, Name:${JSON.stringify(`name ${padded(n)}`)}}`;
  const said = (n: number): string => JSON.stringify(`text of call ${padded(n)}`);
  const numbers = Array.from({ length: THREADS * each }, (_, n) => n);
  const sorted = (func: string): string[] =>
    calls
      .filter((call) => call.func === func)
      .map(({ args }) => args.map(({ text }) => text).join(" "))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  assert.deepEqual(
    sorted("main.take"),
    numbers.map((n) => `${n} ${said(n)} ${orders(n)} ${orders(n)}`),
  );
  assert.deepEqual(
    sorted("main.give"),
    numbers.map((n) => `${n} ${said(n)}`),
  );
  const callText = new Map(calls.map(({ id, args }) => [id, args[1]?.text]));
  for (const { id, func, results } of returns)
    if (func === "main.give")
      assert.deepEqual([results[0]?.text, results[1]?.text], [callText.get(id), "(*main.order)(nil)"]);
  for (const { emitted, dropped, returns: ends, unwound } of stats)
    assert.deepEqual(
      { emitted, dropped, ends, unwound },
      { emitted: THREADS * each, dropped: 0, ends: THREADS * each, unwound: 0 },
    );
}

function padded(n: number): string {
  return String(n).padStart(6, "0");
}

async function traced(
  request: string,
  args: readonly string[],
  toolchain = "installed",
  ...more: string[]
): Promise<Events> {
  // Go 1.17's DWARF leaves out results in registers: the source has them.
  const source = ["--source", join(ROOT, "test/programs/absent")];
  const program = buildGo("absent", toolchain);
  const words = ["trace", ...request.split(" "), ...more, ...source, "--format", "jsonl", "--", program];
  const { status, stdout, stderr } = await run(...words, ...args);
  assert.equal(status, 0, stderr);
  return eventsOf(stdout);
}
