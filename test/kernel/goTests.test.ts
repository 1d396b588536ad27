/**
 * The Go project's own tests run to the same result traced as untraced: its test binaries know better than ours what must
 * not change. Each is run untraced first, on the same machine, and every test's outcome is compared. PROBELENS_SAFETY=1
 * (`npm run test:safety`) adds net/http and runtime and traces twice as many functions.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { secretNames } from "../../src/goabi/secretNames.ts";
import { CLI } from "./cliProcess.ts";

const LONG = process.env["PROBELENS_SAFETY"] !== undefined;
const FUNCTIONS = LONG ? 400 : 200;
/** net/http takes a minute untraced. */
const LIMIT_MS = (LONG ? 30 : 3) * 60_000;

const GOROOT = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
const folder = mkdtempSync(join(tmpdir(), "probelens-gotests-"));
after(() => rmSync(folder, { recursive: true }));

/** Of those that are looked at this part can be traced at the least. */
const TRACEABLE = 0.8;
/** Differences in a failure's message. */
const SHOWN = 20;

interface Package {
  readonly path: string;
  /** Functions that are traced, a part of those that have these names. */
  readonly globs: readonly string[];
  /** Functions that are traced without a budget, where that is fewer. */
  readonly unbounded?: number;
}

const PACKAGES: readonly Package[] = [
  { path: "encoding/json", globs: ["encoding/json.*"] },
  { path: "sync", globs: ["sync.*", "internal/sync.*"] },
  ...(LONG
    ? [
        { path: "net/http", globs: ["net/http.*"] },
        // The collector runs some of these millions of times in tests that collect hundreds of times.
        { path: "runtime", globs: ["runtime.*"], unbounded: 50 },
      ]
    : []),
];

const WAYS: readonly (readonly [what: string, options: readonly string[]])[] = [
  ["calls, without a budget", ["--budget", "off"]],
  ["calls and returns, with the default budget", ["--returns", "--budget", "5"]],
  ...(LONG ? [["calls and returns, without a budget", ["--returns", "--budget", "off"]] as const] : []),
];

for (const { path, globs, unbounded = FUNCTIONS } of PACKAGES)
  describe(`the tests of ${path}`, () => {
    const binary = join(folder, `${path.replace("/", "-")}.test`);
    execFileSync("go", ["test", "-c", "-o", binary, path], { cwd: GOROOT });
    const directory = join(GOROOT, "src", path);

    for (const [what, options] of WAYS)
      test(what, async (t) => {
        const functions = await sample(globs, binary, options.includes("off") ? unbounded : FUNCTIONS);
        const plain = await outcomes(binary, [], directory);
        assert.equal(plain.status, 0, plain.output.slice(-2000));
        const command = [
          CLI,
          "trace",
          ...functions,
          ...options,
          "--format",
          "jsonl",
          "--output",
          "/dev/null",
          "--",
          binary,
        ];
        const traced = await outcomes(process.execPath, command, directory);
        const differing = [...plain.tests].filter(([name, outcome]) => traced.tests.get(name) !== outcome);
        assert.deepEqual(
          differing
            .slice(0, SHOWN)
            .map(([name, outcome]) => `${name}: ${outcome} untraced, ${traced.tests.get(name)} traced`),
          [],
          traced.output.slice(-4000),
        );
        assert.equal(traced.tests.size, plain.tests.size);
        assert.equal(traced.status, 0, traced.output.slice(-2000));
        assert.ok(plain.tests.size > 20);
        t.diagnostic(
          `${functions.length} functions traced; ${plain.tests.size} tests with the same outcome; ${plain.ms} ms untraced, ${traced.ms} ms traced`,
        );
      });
  });

/** So many of those that can be traced, evenly spread over their list. */
async function sample(globs: readonly string[], path: string, wanted: number): Promise<string[]> {
  const engine = createEngine();
  try {
    const binary = await engine.openFile(newJob(), path);
    const functions = await engine.resolve(binary, globs);
    const step = Math.max(1, (functions.length * TRACEABLE) / wanted);
    const names: string[] = [];
    for (let at = 0; at < functions.length && names.length < wanted; at += step) {
      const plan = await engine.plan(binary, functions[Math.floor(at)]!, secretNames([]));
      if ("entry" in plan) names.push(plan.fn.name);
    }
    binary.close();
    return names;
  } finally {
    await engine.dispose();
  }
}

interface Outcomes {
  readonly status: number | null;
  readonly tests: ReadonlyMap<string, string>;
  readonly output: string;
  readonly ms: number;
}

/**
 * -test.short: what takes minutes tests the machine. GO_GCFLAGS keeps internal/testenv from building other programs, which
 * would not be traced.
 */
async function outcomes(command: string, before: readonly string[], cwd: string): Promise<Outcomes> {
  const started = performance.now();
  const child = spawn(command, [...before, "-test.short", "-test.v", "-test.timeout=30m"], {
    cwd,
    env: { ...process.env, GO_GCFLAGS: "none" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => output.push(text));
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  const text = output.join("");
  const tests = new Map<string, string>();
  for (const [, outcome = "", name = ""] of text.matchAll(/^\s*--- (PASS|FAIL|SKIP): (\S+)/gm))
    tests.set(name, outcome);
  return { status, tests, output: text, ms: Math.round(performance.now() - started) };
}
