/**
 * Hits and events are the calls that the program itself counted (test/programs/exact), whatever moves its stacks, preempts
 * it or unwinds it, on every kind of site. PROBELENS_EXACT=N is how many rounds of ten calls each variant makes: 400 000
 * (`npm run test:safety`) are over 10 million calls in all.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { StatsEvent } from "../../src/engine/api.ts";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { CLI, run, startTarget } from "./cliProcess.ts";

const ROUNDS = Number(process.env["PROBELENS_EXACT"] ?? 2000);
/** A round takes some 150 µs where nothing else runs; a machine under load takes its time. */
const LIMIT_MS = 60_000 + ROUNDS * 5;

const NAMES = "Framed Leaf Branchy Unused Large Recursive Panicking Pointed Inlined".split(" ").map((n) => `main.${n}`);

/** The kinds of entry sites that each has. */
const VARIANTS: readonly (readonly [toolchain: string, returns: boolean, kinds: readonly string[]])[] = [
  ["go1.15.15", true, ["jbe", "stepped", "nop"]],
  ["go1.20.14", true, ["jbe", "jle", "stepped", "nop"]],
  ["installed", true, ["push", "jge", "stepped", "nop"]],
  ["installed", false, ["push", "jge", "stepped", "nop"]],
];

for (const [toolchain, returns, kinds] of VARIANTS)
  test(`${toolchain}${returns ? ", with returns" : ""}: hits and events are the program's own count`, async (t) => {
    const path = buildGo("exact", toolchain);
    for (const kind of kinds) assert.ok((await siteKinds(path)).includes(kind), `no site of the kind ${kind}`);
    const target = startTarget(path);
    await target.says("ready");
    const trace = new CountingTrace(target.pid, returns);
    await trace.attached();
    target.send(`run ${ROUNDS} 1`);
    await until("the calls", () => target.stdout.includes("done run\n"), LIMIT_MS);
    await target.command("counts");
    await trace.end();

    const truth = target.stdout.match(/^main\.\w+ \d+ \d+$/gm)!.map((line) => line.split(" "));
    assert.equal(truth.length, NAMES.length);
    let all = 0;
    for (const [func = "", calls, returned] of truth) {
      const line = trace.stats.find((stats) => stats.func === func)!;
      all += Number(calls);
      assert.equal(line.hits, Number(calls), `${func}: hits are calls; ${trace.stderr}`);
      assert.equal(line.emitted + line.dropped, line.hits);
      assert.deepEqual([line.filtered, line.throttled], [0, 0]);
      assert.equal(trace.count("call", func), line.emitted, `${func}: events are what was emitted`);
      if (!returns || func === "main.Inlined") continue;
      assert.equal(line.emitted, line.returns + line.unwound + line.unknownEnds, func);
      assert.equal(line.openCalls, 0, func);
      assert.equal(trace.count("return", func), line.returns, func);
      const unwound = Number(calls) - Number(returned);
      const complete = line.dropped === 0 && line.unknownEnds === 0;
      if (complete) assert.deepEqual([line.returns, line.unwound], [Number(returned), unwound], func);
      assert.ok(line.returns <= Number(returned) && line.unwound <= unwound, func);
    }
    assert.deepEqual(trace.wrongArguments, []);
    const emitted = trace.stats.reduce((sum, line) => sum + line.emitted, 0);
    t.diagnostic(
      `${all} calls counted by the program and by us, ${emitted} of them emitted, the rest dropped and counted`,
    );
    await target.end();
  });

async function siteKinds(path: string): Promise<string[]> {
  const kinds: string[] = [];
  for (const name of NAMES) {
    const { stdout } = await run("inspect", name, "--binary", path, "--json");
    const { site, copies } = JSON.parse(stdout) as Inspected;
    for (const { instruction, kind } of [site, ...(copies ?? []).map((copy) => copy.site)].filter(
      (s) => s !== undefined,
    ))
      kinds.push(kind === "stepped" ? kind : instruction.split(" ")[0]!);
  }
  return kinds;
}
interface Inspected {
  readonly site?: Site;
  readonly copies?: readonly { readonly site?: Site }[];
}
interface Site {
  readonly instruction: string;
  readonly kind: string;
}

/** A trace whose events are counted as they come: millions are not kept. */
class CountingTrace {
  readonly stats: StatsEvent[] = [];
  /** Of main.Unused, whose registers a stack check does not keep: what is shown must be an argument of a call. */
  readonly wrongArguments: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #child;
  readonly #ended;
  stderr = "";

  constructor(pid: number, returns: boolean) {
    const options = ["--budget", "off", "--format", "jsonl", ...(returns ? ["--returns"] : [])];
    this.#child = spawn(process.execPath, [CLI, "trace", ...NAMES, "--pid", String(pid), ...options], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#ended = once(this.#child, "close");
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#line(line));
  }

  count(event: string, func: string): number {
    return this.#counts.get(`${event} ${func}`) ?? 0;
  }

  async attached(): Promise<void> {
    await until(`attached: ${this.stderr}`, () => this.stderr.includes("attached to"));
  }

  async end(): Promise<void> {
    this.#child.kill("SIGINT");
    const [status] = await this.#ended;
    assert.equal(status, 0, this.stderr);
  }

  #line(line: string): void {
    const [, event = "", func = ""] = /"event":"(\w+)".*?"func":"([^"]+)"/.exec(line) ?? [];
    const key = `${event} ${func}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    if (event === "stats") this.stats.push(JSON.parse(line) as StatsEvent);
    if (event !== "call" || func !== "main.Unused") return;
    const { args } = JSON.parse(line) as { args: { name: string; text: string }[] };
    for (const { name, text } of args) {
      const known = name === "n" ? Number(text) >= 0 && Number(text) < ROUNDS : text === '"unused"';
      if (!known && !text.startsWith("<unavailable: not used")) this.wrongArguments.push(`${name}=${text}`);
    }
  }
}
