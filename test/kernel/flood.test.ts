/**
 * Calls that panic, 3 000 a second, with returns, for as long as it takes: what the CLI and the language server keep
 * stays below a bound, and what they show is the newest. (PROBELENS_FLOOD is the number of panics; 5 minutes have
 * 900 000.)
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import type { StatsEvent } from "../../src/engine/api.ts";
import { COMMANDS, type LiveFunction, type LiveParams, METHODS } from "../../src/protocol/editorApi.ts";
import { buildGo } from "../programs/build.ts";
import { unbounded } from "../unbounded.ts";
import { until } from "../until.ts";
import { type Child, CLI, ROOT, startTarget } from "./cliProcess.ts";

const PANICS = Number(process.env["PROBELENS_FLOOD"] ?? 30_000);
const PER_SECOND = 3000;
/** Nothing else is waited for than the program's own pace, with room for a loaded machine. */
const LIMIT_MS = 60_000 + (4 * 1000 * PANICS) / PER_SECOND;
/** What both processes take on their way to the trace (V8 grows lazily), and the bounded queues of a trace in full. */
const MAX_RESIDENT_MIB = 256;

const SOURCE = fileURLToPath(new URL("../programs/ends/main.go", import.meta.url));
const program = buildGo("ends");

/** The most that the process has had in memory so far, MiB. */
function peakMib(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

async function panicked(target: Child): Promise<number> {
  const from = target.stdout.length;
  target.send("count");
  await target.says("done count", from);
  return Number(/count (\d+)/.exec(target.stdout.slice(from))?.[1]);
}

test(`${PANICS} panics: the command line stays small, and tells the newest at once`, async () => {
  const target = startTarget(program);
  await target.says("ready");
  const args = ["trace", "main.boom", "--pid", String(target.pid), "--returns", "--format", "jsonl"];
  const trace = spawn(process.execPath, unbounded([CLI, ...args]), { stdio: ["ignore", "pipe", "pipe"] });
  let [calls, unwound, newest] = [0, 0, -1];
  let stats: StatsEvent | undefined;
  let rest = "";
  trace.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith('{"event":"call"')) {
        calls += 1;
        newest = Number(/"text":"(\d+)"/.exec(line)?.[1]);
      } else if (line.startsWith('{"event":"unwound"')) unwound += 1;
      else stats = JSON.parse(line) as StatsEvent;
    }
  });
  let errors = "";
  trace.stderr.on("data", (text) => (errors += String(text)));
  await until(`probes: ${errors}`, () => errors.includes("attached to"));
  await target.command(`panics ${PER_SECOND}`);
  await until("the panics", () => newest >= PANICS, LIMIT_MS);
  const made = await panicked(target);
  assert.ok(made - newest <= PER_SECOND, `the newest that was told is ${made - newest} calls old`);
  const peak = peakMib(trace.pid);
  assert.ok(peak < MAX_RESIDENT_MIB, `${peak} MiB`);
  const ended = new Promise((resolve) => trace.once("close", resolve));
  trace.kill("SIGINT");
  assert.equal(await ended, 0, errors);
  assert.ok(stats !== undefined);
  assert.equal(stats.emitted, calls);
  assert.equal(stats.unwound, unwound);
  assert.equal(stats.emitted, stats.unwound + stats.unknownEnds + stats.openCalls);
  console.log(`${calls} calls, ${unwound} unwound; at the most ${Math.round(peak)} MiB`);
  await target.end();
});

test(`${PANICS} panics: the language server stays small, and shows the newest`, async () => {
  const target = startTarget(program);
  await target.says("ready");
  const server = spawn(process.execPath, [join(ROOT, "dist/server.js"), "--stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const connection = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  let live: LiveFunction | undefined;
  const messages: string[] = [];
  connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) => items.map(() => ({})));
  connection.onRequest("client/registerCapability", () => null);
  connection.onRequest("workspace/codeLens/refresh", () => null);
  connection.onRequest("window/showMessageRequest", ({ message }: { message: string }) => void messages.push(message));
  connection.onNotification(METHODS.live, ({ functions }: LiveParams) => {
    live = functions[0] ?? live;
  });
  connection.listen();
  await connection.sendRequest("initialize", {
    processId: process.pid,
    rootUri: pathToFileURL(join(SOURCE, "..")).href,
    capabilities: { workspace: { configuration: true, codeLens: { refreshSupport: true } } },
    initializationOptions: { probelens: true },
  });
  await connection.sendNotification("initialized", {});
  const [uri, text] = [pathToFileURL(SOURCE).href, readFileSync(SOURCE, "utf8")];
  const line = text.split("\n").findIndex((found) => found.startsWith("func boom"));
  await connection.sendNotification("textDocument/didOpen", {
    textDocument: { uri, languageId: "go", version: 1, text },
  });
  const execute = (command: string): Promise<unknown> =>
    connection.sendRequest("workspace/executeCommand", { command, arguments: [uri, line, 0] });
  await execute(COMMANDS.trace);
  await until(`probes: ${messages.join()}`, () => live?.state === "waiting");
  await target.command(`panics ${PER_SECOND}`);
  await until("the panics", () => (live?.calls ?? 0) >= PANICS, LIMIT_MS);
  const made = await panicked(target);
  await until("a newer call", () => Number(live?.values[0]?.text) >= made);
  const peak = peakMib(server.pid);
  assert.ok(peak < MAX_RESIDENT_MIB, `${peak} MiB`);
  await execute(COMMANDS.stop);
  await connection.sendRequest("shutdown");
  const ended = new Promise((resolve) => server.once("exit", resolve));
  await connection.sendNotification("exit");
  await ended;
  connection.dispose();
  console.log(`${live?.calls} calls; at the most ${Math.round(peak)} MiB`);
  await target.end();
});
