/**
 * A flood, for as long as it takes: one goroutine calls a function without a pause, another has 3 000 calls a second that
 * panic, all with returns. What the CLI and the language server keep stays below a bound, and what they show is the
 * newest. (PROBELENS_FLOOD: milliseconds; the full run has PROBELENS_FLOOD=300000.)
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { StatsEvent } from "../../src/engine/api.ts";
import { COMMANDS, type EventsParams, type LiveFunction, METHODS } from "../../src/protocol/editorApi.ts";
import { buildGo } from "../programs/build.ts";
import { unbounded } from "../unbounded.ts";
import { until } from "../until.ts";
import { type Child, CLI, startTarget } from "./cliProcess.ts";
import { EditorClient } from "./editorClient.ts";

const FLOOD_MS = Number(process.env["PROBELENS_FLOOD"] ?? 10_000);
const PER_SECOND = 3000;
const PANICS = (FLOOD_MS / 1000) * PER_SECOND;
/** Nothing else is waited for than the program's own pace, with room for a loaded machine. */
const LIMIT_MS = 60_000 + 4 * FLOOD_MS;
/**
 * What a process may grow by after its probes are in place: what V8 lets new objects fill before it looks at them (it takes
 * half a minute of the flood to get there, and stays), the bounded queues of a trace in full, and in the language server
 * the Go programs that others start meanwhile, which are read.
 */
const MAX_GROWN_MIB = 256;

/** Of the newest event that is told or shown, for as long as it is the newest. */
const MAX_AGE_MS = 1000;
/** So much of the time: on a loaded machine no process has a CPU whenever it wants one. What falls behind ends at 0. */
const YOUNG_SHARE = 0.5;

const SOURCE = fileURLToPath(new URL("../programs/ends/main.go", import.meta.url));
const program = buildGo("ends");

/** The most that the process has had in memory so far, MiB. */
function peakMib(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** How old the newest event was that was told or shown, each time that a newer one took its place. */
class Ages {
  private readonly ages: number[] = [];
  private newestMs: number | undefined;
  private toldMs = 0;
  private spanMs = 0;
  private staleMs = 0;

  /** `atMs`: when it happened, as Date.now(). */
  tell(atMs: number): void {
    const now = Date.now();
    if (this.newestMs !== undefined) {
      this.ages.push(now - this.newestMs);
      this.spanMs += now - this.toldMs;
      this.staleMs += Math.max(0, now - Math.max(this.toldMs, this.newestMs + MAX_AGE_MS));
    }
    this.newestMs = atMs;
    this.toldMs = now;
  }

  check(): string {
    const sorted = this.ages.toSorted((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
    const young = 1 - this.staleMs / this.spanMs;
    const text =
      `the newest was at most ${at(0.5)} ms old (median of ${sorted.length}), ${at(0.99)} (99 %), ${at(1)} (most), ` +
      `younger than a second ${(100 * young).toFixed(2)} % of ${(this.spanMs / 1000).toFixed(0)} s`;
    assert.ok(young >= YOUNG_SHARE, text);
    return text;
  }
}

async function flood(target: Child): Promise<void> {
  await target.command("spin 1");
  await target.command(`panics ${PER_SECOND}`);
}

async function panicked(target: Child): Promise<number> {
  const from = target.stdout.length;
  target.send("count");
  await target.says("done count", from);
  return Number(/count (\d+)/.exec(target.stdout.slice(from))?.[1]);
}

test("the command line stays small, and tells the newest at once", async () => {
  const target = startTarget(program);
  await target.says("ready");
  const args = ["trace", "main.boom", "main.spin", "--pid", String(target.pid), "--returns", "--format", "jsonl"];
  const trace = spawn(process.execPath, unbounded([CLI, ...args]), { stdio: ["ignore", "pipe", "pipe"] });
  const ages = new Ages();
  const told = { call: 0, return: 0, unwound: 0 };
  const stats: StatsEvent[] = [];
  let newest = -1;
  let rest = "";
  trace.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = /^\{"event":"(call|return|unwound)"/.exec(line)?.[1] as keyof typeof told | undefined;
      if (event === undefined) stats.push(JSON.parse(line) as StatsEvent);
      else told[event] += 1;
      if (event === "call" && line.includes('"func":"main.boom"')) newest = Number(/"text":"(\d+)"/.exec(line)?.[1]);
    }
    const ts = /"ts":"([^"]+)"/.exec(lines.at(-1) ?? "")?.[1];
    if (ts !== undefined) ages.tell(Date.parse(ts));
  });
  let errors = "";
  trace.stderr.on("data", (text) => (errors += String(text)));
  await until(`probes: ${errors}`, () => errors.includes("attached to"));
  const before = peakMib(trace.pid);
  await flood(target);
  await until("the panics", () => newest >= PANICS, LIMIT_MS);
  const peak = peakMib(trace.pid);
  assert.ok(peak - before < MAX_GROWN_MIB, `from ${before} to ${peak} MiB`);
  const text = ages.check();
  const ended = new Promise((resolve) => trace.once("close", resolve));
  trace.kill("SIGINT");
  assert.equal(await ended, 0, errors);
  assert.equal(stats.length, 2);
  const sum = (of: (line: StatsEvent) => number): number => stats.reduce((total, line) => total + of(line), 0);
  assert.deepEqual(told, {
    call: sum(({ emitted }) => emitted),
    return: sum(({ returns }) => returns),
    unwound: sum(({ unwound }) => unwound),
  });
  for (const { emitted, returns, unwound, unknownEnds, openCalls } of stats)
    assert.equal(emitted, returns + unwound + unknownEnds + openCalls);
  console.log(
    `${told.call} calls, ${told.unwound} unwound, ${sum(({ dropped }) => dropped)} dropped; ${Math.round(before)} MiB before, at the most ${Math.round(peak)}; ${text}`,
  );
  await target.end();
});

test("the language server stays small, and shows the newest", async () => {
  const target = startTarget(program);
  await target.says("ready");
  const live = new Map<string, LiveFunction>();
  const shown = new Ages();
  const logged = new Ages();
  const times = new CallTimes();
  // Others may run the same program.
  const editor = await EditorClient.start(dirname(SOURCE), target.pid);
  editor.settings = { budget: 0 };
  editor.onLive = ({ functions }) => {
    for (const fn of functions) {
      live.set(fn.func, fn);
      const atMs = fn.func === "main.boom" ? times.of(Number(fn.values[0]?.text)) : undefined;
      if (atMs !== undefined) shown.tell(atMs);
    }
  };
  editor.connection.onNotification(METHODS.events, ({ lines }: EventsParams) => {
    const newest = lines.map((line) => times.take(line)).findLast((atMs) => atMs !== undefined);
    if (newest !== undefined) logged.tell(newest);
  });
  const [uri, text] = [pathToFileURL(SOURCE).href, readFileSync(SOURCE, "utf8")];
  await editor.open(uri, text);
  const lineOf = (func: string): number => text.split("\n").findIndex((found) => found.startsWith(`func ${func}(`));
  const execute = (command: string, func: string): Promise<void> => editor.execute(command, uri, lineOf(func));
  for (const func of ["boom", "spin"]) {
    await execute(COMMANDS.trace, func);
    await until(`probes: ${editor.messages.join()}`, () => live.get(`main.${func}`)?.state === "waiting");
  }
  const before = peakMib(editor.server.pid);
  await flood(target);
  await until("the panics", () => (live.get("main.boom")?.calls ?? 0) >= PANICS, LIMIT_MS);
  const made = await panicked(target);
  await until("a newer call", () => Number(live.get("main.boom")?.values[0]?.text) >= made);
  const peak = peakMib(editor.server.pid);
  assert.ok(peak - before < MAX_GROWN_MIB, `from ${before} to ${peak} MiB`);
  const [besideCode, inChannel] = [shown.check(), logged.check()];
  for (const func of ["boom", "spin"]) await execute(COMMANDS.stop, func);
  await editor.end();
  const calls = [...live.values()].reduce((sum, fn) => sum + fn.calls, 0);
  console.log(
    `${calls} calls; ${Math.round(before)} MiB before, at the most ${Math.round(peak)}; beside the code ${besideCode}; in the channel ${inChannel}`,
  );
  await target.end();
});

/** Calls of main.boom that are remembered: those of some seconds. */
const MAX_TIMES = 10_000;

/** When calls were made, by their lines in the channel: `22:10:03.123  main.boom(n=7)  …`. */
class CallTimes {
  /** Of main.boom, by argument. */
  private readonly times = new Map<number, number>();

  /** When the call of the line was made, as Date.now(). */
  take(line: string): number | undefined {
    const [, hour, minute, second, ms, n] = /^(\d\d):(\d\d):(\d\d)\.(\d{3}) {2}main\.\w+\(n=(\d+)\)/.exec(line) ?? [];
    if (n === undefined) return undefined;
    const time = new Date();
    time.setHours(Number(hour), Number(minute), Number(second), Number(ms));
    // Before midnight.
    const atMs = time.getTime() > Date.now() + 60_000 ? time.getTime() - 86_400_000 : time.getTime();
    if (!line.includes("main.boom(")) return atMs;
    this.times.set(Number(n), atMs);
    const oldest = this.times.size > MAX_TIMES ? this.times.keys().next().value : undefined;
    if (oldest !== undefined) this.times.delete(oldest);
    return atMs;
  }

  /** Of a call without a line, when the one before it was made: it is not older. */
  of(n: number): number | undefined {
    let before: number | undefined;
    for (const [of, atMs] of this.times) if (of <= n) before = Math.max(atMs, before ?? atMs);
    return before;
  }
}
