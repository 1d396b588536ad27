/** Go that C calls: on the thread of the goroutine that called C, on threads that C made, left by panics and Goexit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";

const FUNCTIONS = ["descend", "enter", "threadCall", "half", "throws", "catches", "exits"].map(
  (name) => `main.${name}`,
);

for (const toolchain of ["go1.20.14", "installed"])
  test(`${toolchain}: calls, results, goroutines and ends are what the program says`, async () => {
    const program = buildGo("callbacks", toolchain, "CGO_ENABLED=1");
    const words = ["trace", ...FUNCTIONS, "--returns", "--format", "jsonl", "--budget", "off", "--", program];
    const { status, stdout, stderr } = await run(...words);
    assert.equal(status, 0, stderr);
    const { calls, returns, unwound, stats } = eventsOf(stdout);
    const texts = (values: readonly { text: string }[]): string => values.map(({ text }) => ` ${text}`).join("");
    const shown = [
      ...calls.map(({ func, goid, args }) => `call ${func} g${goid}${texts(args)}`),
      ...returns.map(({ func, goid, results }) => `return ${func} g${goid}${texts(results)}`),
      ...unwound.map(({ func, goid }) => `unwound ${func} g${goid}`),
    ];
    const said = stderr.split("\n").filter((line) => /^(?:call|return|unwound) main\./.test(line));
    assert.ok(said.length > 200, `${said.length} lines`);
    assert.deepEqual(shown.sort(), said.sort());
    for (const { dropped, unknownEnds, openCalls } of stats)
      assert.deepEqual([dropped, unknownEnds, openCalls], [0, 0, 0]);
  });
