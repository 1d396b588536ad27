/** What this process or this machine lacks is named as what it is, not as a defect. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { Child, CLI, startTarget } from "./cliProcess.ts";

const target = startTarget(buildGo("calls"));
after(() => target.end());

const OPEN_FILES = /may open no more files \(EMFILE\)\.\n {2}.*ulimit -n/;
/** Below 22 Node itself does not start. */
const CASES: readonly (readonly [what: string, command: readonly string[], message: RegExp])[] = [
  ...[22, 24, 28, 32, 40, 46, 47, 48, 49, 50, 51, 54].map(
    (limit) => [`ulimit -n ${limit}`, ["sh", "-c", `ulimit -n ${limit}; exec "$@"`, ""], OPEN_FILES] as const,
  ),
  [
    "no /sys",
    ["unshare", "--mount", "sh", "-c", 'umount -R /sys && exec "$@"', ""],
    /\/sys is missing here.*\n {2}Mount it/,
  ],
];

for (const [what, [command = "", ...words], message] of CASES)
  test(what, async () => {
    await target.says("ready");
    const trace = [process.execPath, CLI, "trace", "main.work", "--pid", String(target.pid), "--limit", "1"];
    const child = new Child(command, [...words, ...trace]);
    assert.equal(await child.status(), 1, child.stderr);
    assert.match(child.stderr, message);
    assert.doesNotMatch(child.stderr, /defect/);
  });
