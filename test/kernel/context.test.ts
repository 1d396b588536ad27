/**
 * The stack and the labels of each call, against what the program itself says of the same call (test/programs/context):
 * runtime.Callers in the traced call's own line, pprof.ForLabels on the context whose labels the goroutine has.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";
import { printed, sameLabels, sameStacks, type Told, told } from "./contextCalls.ts";

const directory = mkdtempSync(join(tmpdir(), "probelens-context-"));
after(() => rmSync(directory, { recursive: true }));

interface Build {
  readonly name: string;
  readonly toolchain: string;
  readonly flags?: readonly string[];
  readonly stripped?: true;
}

const BUILDS: readonly Build[] = [
  ...["1.15.15", "1.17.13", "1.20.14", "1.23.12", "1.24.13", "1.27.4"].map((version) => ({
    name: `Go ${version}`,
    toolchain: `go${version}`,
  })),
  { name: "PIE", toolchain: "installed", flags: ["-buildmode=pie"] },
  { name: "stripped", toolchain: "installed", stripped: true },
  { name: "stripped PIE of Go 1.17", toolchain: "go1.17.13", flags: ["-buildmode=pie"], stripped: true },
  { name: "not optimised", toolchain: "installed", flags: ["-gcflags=all=-N -l"] },
];

function built({ toolchain, flags = [], stripped }: Build): { program: string; args: readonly string[] } {
  const program = buildGo("context", toolchain, ...flags);
  if (stripped !== true) return { program, args: [] };
  const path = join(directory, [toolchain, ...flags].join("_"));
  execFileSync("strip", ["-o", path, program]);
  return { program: path, args: ["--source", join(import.meta.dirname, "../programs/context")] };
}

async function traced(build: Build, func: string, options: readonly string[], ...command: string[]): Promise<Told> {
  const { program, args } = built(build);
  const trace = ["trace", func, ...options, ...args, "--format", "jsonl", "--", program, ...command];
  const { status, stdout, stderr } = await run(...trace);
  assert.equal(status, 0, stderr);
  return told(stdout, stderr);
}

for (const build of BUILDS) {
  describe(build.name, () => {
    test("stacks are those of runtime.Callers", async () => {
      const { whole, cut } = sameStacks(await traced(build, "main.traced", ["--stack"], "stacks"));
      assert.ok(whole >= 20 && cut === 2, `${whole} whole, ${cut} cut`);
    });

    test("stacks of four goroutines at speed, on stacks that move", async () => {
      const { whole, cut } = sameStacks(await traced(build, "main.traced", ["--stack"], "busy", "500"));
      assert.deepEqual([whole, cut], [2000, 0]);
    });

    test("labels are those of the context that set them", async () => {
      const told = await traced(build, "main.labelled", ["--labels"], "labels");
      sameLabels(told);
      assert.equal("labels" in told.calls.get(1)!, false);
    });

    test("labels that change at speed", async () => {
      const told = await traced(build, "main.labelled", ["--labels", "--stack"], "busylabels", "500");
      sameLabels(told);
      assert.equal(told.own.size, 2400);
    });
  });
}

/** The program's stack of a call, from the caller of one of its frames on. */
function above(stack: readonly string[], func: string): string[] {
  const frames = stack.filter((frame) => !frame.startsWith("runtime.main "));
  return frames.slice(frames.findIndex((frame) => frame.startsWith(`${func} `)) + 1);
}

for (const flags of [[], ["-buildmode=pie"]]) {
  test(`stacks of calls that were inlined (${flags.join("") || "fixed address"})`, async () => {
    const functions = ["main.inlinedTwice", "main.inlinedDeep"];
    const program = buildGo("context", "installed", ...flags);
    const { status, stdout, stderr } = await run(
      "trace",
      ...functions,
      "--stack",
      "--format",
      "jsonl",
      "--",
      program,
      "stacks",
    );
    assert.equal(status, 0, stderr);
    const own = new Map(stderr.split("\n").map((line) => [line.split("\t")[0], line.split("\t").slice(1)]));
    const { calls } = eventsOf(stdout);
    for (const func of functions) {
      const shown = calls.filter((call) => call.func === func && call.inlined === true);
      assert.deepEqual(
        shown.map(({ stack = [], stackCut }) => [...stack.map(printed), ...(stackCut === undefined ? [] : [stackCut])]),
        ["3", "4"].map((id) => above(own.get(id)!, func)),
      );
    }
  });
}

test("in text, labels stand before the call and the stack below it", async () => {
  const { status, stdout } = await run(
    "trace",
    "main.labelled",
    "--labels",
    "--stack",
    "--",
    buildGo("context"),
    "labels",
  );
  assert.equal(status, 0);
  const lines = stdout.split("\n");
  const at = lines.findIndex((line) => line.endsWith('[inner="a b" request=43] main.labelled(id=3)'));
  assert.ok(at >= 0, stdout);
  assert.match(lines[at + 1]!, /^ {4}main\.labelsOf \/.*main\.go:\d+$/);
  assert.match(lines[at + 2]!, /^ {4}main\.labels\.func1\.1 \/.*main\.go:\d+$/);
  assert.match(stdout, /apiToken=<redacted>/);
  assert.doesNotMatch(stdout, /s3cr3t/);
});
