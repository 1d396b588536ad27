/** What this process or this machine lacks is named as what it is, not as a defect. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { Child, CLI, startTarget } from "./cliProcess.ts";

const program = buildGo("calls");
const target = startTarget(program);
after(() => target.end());

const OPEN_FILES = /may open no more files \(EMFILE\)\.\n {2}.*ulimit -n/;
/** Below 22 Node itself does not start. */
const CASES: readonly (readonly [what: string, command: readonly string[], message: RegExp])[] = [
  ...[22, 24, 28, 32, 40, 46, 47, 48, 49, 50, 51, 54].map(
    (limit) => [`ulimit -n ${limit}`, ["sh", "-c", `ulimit -n ${limit}; exec "$@"`, ""], OPEN_FILES] as const,
  ),
  [
    "no /proc",
    ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', ""],
    /\/proc is missing here.*\n {2}Mount it/,
  ],
  [
    "the /proc of another PID namespace",
    ["unshare", "--pid", "--fork"],
    /\/proc is that of another PID namespace, where processes have other numbers.*\n {2}Mount it/,
  ],
  [
    "no /sys",
    ["unshare", "--mount", "sh", "-c", 'umount -R /sys && exec "$@"', ""],
    /\/sys is missing here.*\n {2}Mount it/,
  ],
];

for (const [what, [command = "", ...words], message] of CASES)
  test(what, async () => {
    await target.says("ready");
    for (const of of [
      ["--pid", String(target.pid)],
      ["--", program],
    ]) {
      const trace = [process.execPath, CLI, "trace", "main.work", "--limit", "1", ...of];
      const child = new Child(command, [...words, ...trace]);
      assert.equal(await child.status(), 1, child.stderr);
      assert.match(child.stderr, message);
      assert.doesNotMatch(child.stderr, /defect|install/);
    }
  });

test("few open files: the list of processes is whole or refused, never shorter in silence", async () => {
  // As many as are looked at together; all of them run one program, which is read once.
  const others = Array.from({ length: 16 }, () => startTarget(program));
  for (const other of others) await other.says("ready");
  let refused = 0;
  for (const limit of [22, 24, 26, 28, 30, 32, 36]) {
    const command = [
      "sh",
      ["-c", `ulimit -n ${limit}; exec "$@"`, "", process.execPath, CLI, "targets", "--json"],
    ] as const;
    const child = new Child(...command);
    if ((await child.status()) === 0) {
      for (const { pid } of others) assert.match(child.stdout, new RegExp(`"pid":${pid},`), `ulimit -n ${limit}`);
    } else {
      assert.match(child.stderr, OPEN_FILES);
      refused += 1;
    }
  }
  assert.ok(refused > 0);
  for (const other of others) await other.end();
});
