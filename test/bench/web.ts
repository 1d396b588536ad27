/** What tracing costs an HTTP server under load: requests a second and the slow ones, by how many functions are traced. */
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { secretNames } from "../../src/goabi/secretNames.ts";
import { median, printTable } from "./table.ts";
import { textUntil } from "./tracers.ts";
import { type Served, startWebServer, webServerName } from "./webServer.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const COUNTS = [0, 1, 10, 100, 1000];
const BUDGETS = ["5", "off"];
/** The first removals are over by then (docs/performance.md, "The bound on what probes cost"). */
const SETTLE_S = 6;
const MEASURE_S = 4;

/** What every request runs through comes first; then what stands beside it. */
const EVERY_REQUEST = [
  "net/http.serverHandler.ServeHTTP",
  "net/http.(*conn).readRequest",
  "net/http.readRequest",
  "net/textproto.(*Reader).ReadMIMEHeader",
  "net/http.(*response).WriteHeader",
  "net/http.(*response).finishRequest",
  "net/http.(*chunkWriter).writeHeader",
  "net.(*conn).Read",
  "net.(*conn).Write",
  "net/url.ParseRequestURI",
];
const BESIDE = /^(net\/http|net\/textproto|net\/url|net|bufio|internal\/poll|context|mime|crypto\/tls)\./;

interface Round extends Served {
  /** Functions that the budget took. */
  readonly removed: number;
  readonly hits: number;
  readonly dropped: number;
}

export async function printWeb(): Promise<void> {
  const names = await functionNames();
  const settings = COUNTS.flatMap((count) =>
    (count === 0 ? ["off"] : BUDGETS).map((budget) => ({ functions: names.slice(0, count), budget })),
  );
  const rounds = new Map(settings.map((setting) => [setting, [] as Round[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const setting of settings) rounds.get(setting)!.push(await served(setting.functions, setting.budget));
  const of = (setting: (typeof settings)[number], what: keyof Round): number =>
    median(rounds.get(setting)!.map((round) => round[what]));
  const untraced = settings[0]!;
  printTable(
    `Requests to ${webServerName()} under load, by functions traced (entries only, events as JSON lines into a pipe; median of ${ROUNDS} rounds, seconds ${SETTLE_S} to ${SETTLE_S + MEASURE_S} of each)`,
    [
      "functions",
      "budget",
      "requests a second",
      "of untraced",
      "p99, ms",
      "functions removed",
      "calls a second",
      "dropped",
    ],
    settings.map((setting) => [
      String(setting.functions.length),
      setting.functions.length === 0 ? "" : setting.budget,
      of(setting, "perSecond").toFixed(0),
      `× ${(of(setting, "perSecond") / of(untraced, "perSecond")).toFixed(2)}`,
      (of(setting, "p99us") / 1000).toFixed(1),
      String(of(setting, "removed")),
      (of(setting, "hits") / (SETTLE_S + MEASURE_S)).toFixed(0),
      String(of(setting, "dropped")),
    ]),
  );
}

async function functionNames(): Promise<string[]> {
  const server = await startWebServer();
  const engine = createEngine();
  try {
    const binary = await engine.openProcess(newJob(), server.pid);
    const all = new Map((await binary.functions()).map((fn) => [fn.name, fn]));
    const beside = [...all.keys()].filter((name) => BESIDE.test(name) && !EVERY_REQUEST.includes(name));
    const names: string[] = [];
    for (const name of [...EVERY_REQUEST, ...beside]) {
      const fn = all.get(name);
      if (fn !== undefined && "fn" in (await engine.plan(binary, fn, secretNames([])))) names.push(name);
      if (names.length === Math.max(...COUNTS)) break;
    }
    return names;
  } finally {
    await engine.dispose();
    await server.stop();
  }
}

async function served(functions: readonly string[], budget: string): Promise<Round> {
  const server = await startWebServer();
  try {
    if (functions.length === 0) {
      await server.load(SETTLE_S);
      return { ...(await server.load(MEASURE_S)), removed: 0, hits: 0, dropped: 0 };
    }
    const args = ["trace", ...functions, "--pid", String(server.pid), "--budget", budget, "--expire", "off"];
    const tracer = spawn(process.execPath, [CLI, ...args, "--format", "jsonl"], { stdio: ["ignore", "pipe", "pipe"] });
    // The events themselves may be gigabytes.
    const totals = spawn("grep", ["-E", '^\\{"event":"(stats|removed)"'], {
      stdio: [tracer.stdout, "pipe", "inherit"],
    });
    tracer.stdout.destroy();
    const lines = textOf(totals.stdout);
    await textUntil(tracer, tracer.stderr, /attached/i);
    const notices = textOf(tracer.stderr);
    await server.load(SETTLE_S);
    const measured = await server.load(MEASURE_S);
    tracer.kill("SIGINT");
    const [text, said] = [await lines, await notices];
    if (text === "") throw new Error(`bench: the trace ended without a word: ${said}`);
    return { ...measured, ...summary(text) };
  } finally {
    await server.stop();
  }
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

function summary(lines: string): Pick<Round, "removed" | "hits" | "dropped"> {
  const events = lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; hits: number; dropped: number });
  const stats = events.filter(({ event }) => event === "stats");
  return {
    removed: events.length - stats.length,
    hits: stats.reduce((sum, { hits }) => sum + hits, 0),
    dropped: stats.reduce((sum, { dropped }) => sum + dropped, 0),
  };
}
