/** A process that ends is gone, whatever V8's compiler threads wait for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { constants } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LIMIT_MS } from "../../until.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Each optimisation takes ten minutes, and starts with a function's first calls; Node waits for it before it ends. */
const BUSY_COMPILER = [
  "--concurrent-recompilation-delay=600000",
  "--no-lazy-feedback-allocation",
  "--invocation-count-for-feedback-allocation=1",
  "--invocation-count-for-maglev=1",
  "--invocation-count-for-turbofan=1",
];

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}
function end(...words: string[]): Ended {
  const options = { cwd: ROOT, input: "", timeout: LIMIT_MS, killSignal: "SIGKILL", encoding: "utf8" } as const;
  return spawnSync(process.execPath, [...BUSY_COMPILER, ...words], options);
}

const PROCESSES: readonly [name: string, status: number, words: readonly string[]][] = [
  ["the command line", 0, ["dist/cli.js", "--version"]],
  ["the command line, refusing", 2, ["dist/cli.js", "trace"]],
  ["the helper whose peer has gone", 0, ["dist/helper.js"]],
  ["what sudo runs to ask for a password", 2, ["dist/askpass.js"]],
  ["the language server whose editor has gone", 1, ["dist/server.js", "--stdio"]],
];
for (const [name, status, words] of PROCESSES) {
  test(`it does not wait for compilers: ${name}`, () => {
    const ended = end(...words);
    assert.equal(ended.status, status, ended.stderr);
  });
}

/** What runs behind it has the same open files: of those that do not block, `cat` and the shell read and write in vain. */
const LEAVING_PIPES = ': | ("$@"; cat /proc/self/fdinfo/0 /proc/self/fdinfo/1 /proc/self/fdinfo/2) 2>&1 | cat';
for (const [name, , words] of PROCESSES) {
  test(`pipes that blocked before it block again: ${name}`, () => {
    const command = ["-c", LEAVING_PIPES, "sh", process.execPath, ...words];
    const { stdout } = spawnSync("sh", command, { cwd: ROOT, timeout: LIMIT_MS, encoding: "utf8" });
    const flags = [...stdout.matchAll(/^flags:\s*([0-7]+)$/gm)].map(([, octal]) => Number.parseInt(octal ?? "", 8));
    assert.equal(flags.length, 3, stdout);
    assert.deepEqual(
      flags.map((one) => one & constants.O_NONBLOCK),
      [0, 0, 0],
    );
  });
}

test("an error that nobody catches is still printed", () => {
  const promptExit = new URL("../../../src/protocol/promptExit.ts", import.meta.url).href;
  const script = `import ${JSON.stringify(promptExit)}; throw new RangeError("seen by the user");`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /RangeError: seen by the user/);
});
