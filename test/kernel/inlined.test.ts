/** Calls that the compiler inlined: counted exactly where they are traced, and no value that is not the argument's. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";
import { compareInlined, SOURCE } from "./inlinedCalls.ts";

/** The stack ABI, the last compilers that never move a mark, and one that does. */
const VERSIONS: [toolchain: string, ...flags: string[]][] = [
  ["go1.15.15"],
  ["go1.20.14", "-trimpath"],
  ["installed"],
  ["go1.27.4", "-buildmode=pie"],
];

for (const [toolchain, ...flags] of VERSIONS) {
  test(`${[toolchain, ...flags].join(" ")}: the calls of a build without inlining, in count, order and values`, async () => {
    const { exactLines, inlinedCalls, shown } = await compareInlined(toolchain, ...flags);
    assert.ok(
      exactLines >= 10 && inlinedCalls >= 100 && shown >= 10,
      JSON.stringify({ exactLines, inlinedCalls, shown }),
    );
  });
}

describe("one function", () => {
  const program = buildGo("inlined");
  const stripped = buildGo("inlined", "installed", "-ldflags=-s -w");

  async function traced(func: string, path: string, ...options: string[]) {
    const ended = await run("trace", func, ...options, "--format", "jsonl", "--", path);
    return { ...ended, ...eventsOf(ended.stdout) };
  }

  test("inlined calls have their caller, no return, and are not waited for", async () => {
    const { calls, returns, unwound, stats, stderr } = await traced("main.indexed", program, "--returns");
    const inlined = calls.filter((call) => call.inlined === true);
    assert.ok(inlined.length > 0);
    assert.equal(returns.length + unwound.length, calls.length - inlined.length);
    const [line] = stats;
    assert.deepEqual([line?.hits, line?.emitted, line?.openCalls], [calls.length, calls.length, 0]);
    for (const call of inlined) {
      assert.match(call.caller ?? "", /^main\.call/);
      assert.ok((call.callerLine ?? 0) > 0 && call.goid > 0);
    }
    assert.match(stderr, /main\.indexed is (also )?inlined in \d+ places?, \d+ traceable/);
  });

  test("--limit counts inlined calls, and does not wait for their returns", async () => {
    const { calls, status } = await traced("main.everywhere", program, "--returns", "--limit", "3");
    assert.equal(status, 0);
    assert.deepEqual(
      calls.map(({ inlined }) => inlined),
      [true, true, true],
    );
  });

  test("a function without code of its own is traced by its name; a glob does not reach it", async () => {
    const { calls, stderr } = await traced("main.everywhere", program);
    assert.equal(calls.length, 12);
    assert.deepEqual(
      calls.map(({ caller }) => caller),
      calls.map(() => "main.callPlain"),
    );
    assert.match(stderr, /main\.everywhere is inlined in 1 place, 1 traceable/);
    const glob = await run("list", "main.everywher*", "--binary", program);
    assert.equal(glob.status, 1);
  });

  test("without debug information the calls are counted all the same", async () => {
    const [own, without] = [await traced("main.everywhere", program), await traced("main.everywhere", stripped)];
    assert.equal(without.calls.length, own.calls.length);
    assert.deepEqual(
      without.calls.map(({ callerLine }) => callerLine),
      own.calls.map(({ callerLine }) => callerLine),
    );
  });

  test("without a source that is known to be the program's no argument is shown", async () => {
    // Else a clean checkout proves the source by itself.
    const unproved = buildGo("inlined", "installed", "-buildvcs=false");
    const shown = async (...options: string[]) =>
      (await traced("main.through", unproved, ...options)).calls
        .flatMap(({ args, inlined }) => (inlined === true ? args : []))
        .filter(({ text }) => !text.startsWith("<unavailable: inlined, ")).length;
    assert.equal(await shown(), 0);
    assert.ok((await shown("--source", SOURCE)) > 0);
  });

  test("inspect says of each copy where it is probed, or why not", async () => {
    const { stdout } = await run("inspect", "main.store", "--binary", program, "--json");
    const { inlined, copies } = JSON.parse(stdout) as {
      inlined: number;
      copies: { func: string; line: number; traceable: boolean; site?: { instruction: string }; why?: string }[];
    };
    assert.equal(copies.length, inlined);
    for (const { traceable, site, why } of copies) {
      assert.equal(site?.instruction, traceable ? "nop" : undefined);
      assert.equal(why === undefined, traceable);
    }
    const text = await run("inspect", "main.store", "--binary", program);
    const traceable = copies.filter((copy) => copy.traceable).length;
    assert.ok(traceable > 0 && traceable < inlined);
    assert.match(text.stdout, new RegExp(`inlined {4}in ${inlined} places, ${traceable} traceable`));
  });
});
