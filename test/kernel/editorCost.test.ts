/**
 * What a trace costs, as the editor is told: its share of a core while it runs, and what is said when only its returns
 * cost too much. The language server is driven as an editor drives it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { COMMANDS, type LiveFunction } from "../../src/protocol/editorApi.ts";
import { buildGo } from "../programs/build.ts";
import { LIMIT_MS, until } from "../until.ts";
import { type Child, startTarget } from "./cliProcess.ts";
import { EditorClient } from "./editorClient.ts";

interface Lens {
  readonly range: { readonly start: { readonly line: number } };
  readonly command: { readonly title: string };
}

const SOURCE = fileURLToPath(new URL("../programs/flood/main.go", import.meta.url));
const TEXT = readFileSync(SOURCE, "utf8");
const uri = pathToFileURL(SOURCE).href;
const program = buildGo("flood");

let target: Child;
let editor: EditorClient;
let live: LiveFunction | undefined;

beforeEach(async () => {
  live = undefined;
  target = startTarget(program);
  await target.says("ready");
  editor = await EditorClient.start(dirname(SOURCE), target.pid);
  editor.onLive = ({ functions }) => {
    live = functions[0] ?? live;
  };
  await editor.open(uri, TEXT);
});
afterEach(async () => {
  await editor.end();
  await target.end();
});

test("the share of a core counts every trap, also of calls and returns beyond the limit of events", async () => {
  editor.settings = { budget: 0 };
  await trace("hot");
  const hover = await hovered("hot");
  const [, entry = "", ret = ""] = /: ([\d.]+ [µn]s) at the entry .*, ([\d.]+ [µn]s) at the return/.exec(hover) ?? [];
  const callNs = nanoseconds(entry) + nanoseconds(ret);
  assert.ok(callNs > 0 && hover.includes("No budget bounds it"), hover);
  await target.command("hot on");
  const title = await untilTitle("hot", /k\/s · [\d.]+ % of a core · p95/);
  const [, rate = "", share = ""] = /([\d.]+)k\/s · ([\d.]+) % of a core/.exec(title) ?? [];
  const expected = (Number(rate) * 1000 * callNs) / 1e7;
  assert.ok(Math.abs(Number(share) / expected - 1) < 0.1, `${title}, and a call costs ${callNs} ns`);
});

test("returns that cost too much: the calls are traced on, the newest one is shown, and one message explains it", async () => {
  editor.settings = { budget: 0.3 };
  const { messages } = editor;
  await trace("one");
  await target.command("many on");
  const title = await untilTitle("one", /returns removed/);
  assert.match(title, /^● /);
  const [message = ""] = await until("the message", () => messages.length > 0 && messages);
  assert.match(message, /Tracing one took about [\d.]+ % of a core from the process: its probes were hit \d+ times a/);
  assert.match(
    message,
    /may take 0\.3 % \(probelens\.budget\), so at \d\d:\d\d:\d\d the probes at the returns of one were/,
  );
  const shown = Number(live?.values[0]?.text);
  await until("a newer call", () => Number(live?.values[0]?.text) > shown);
  assert.deepEqual(
    [live?.state, live?.p95Ns, live?.values.map(({ role }) => role)],
    ["live", undefined, ["argument"]],
    "no latency and no result of before",
  );
  assert.match(await hovered("one"), /⚠ Tracing one took .*its calls are traced on, without results and durations/);
  assert.equal(messages.length, 1);
});

async function trace(func: string): Promise<void> {
  await untilTitle(func, /^Trace$/);
  await editor.execute(COMMANDS.trace, uri, lineOf(func));
  await until(`probes: ${editor.messages.join()}`, () => live?.state === "waiting");
}

function lineOf(func: string): number {
  return TEXT.split("\n").findIndex((line) => line.startsWith(`func ${func}(`));
}

async function untilTitle(func: string, pattern: RegExp): Promise<string> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const lenses: Lens[] = await editor.connection.sendRequest("textDocument/codeLens", { textDocument: { uri } });
    const title = lenses.find(({ range }) => range.start.line === lineOf(func))?.command.title ?? "";
    if (pattern.test(title)) return title;
    if (performance.now() > end) throw new Error(`no lens like ${pattern.source}, but ${JSON.stringify(title)}`);
  }
}

/** The hover's text, without Markdown's backslashes. */
async function hovered(func: string): Promise<string> {
  const hover: { contents: { value: string } } | null = await editor.connection.sendRequest("textDocument/hover", {
    textDocument: { uri },
    position: { line: lineOf(func), character: 6 },
  });
  return hover?.contents.value.replaceAll("\\", "") ?? "";
}

function nanoseconds(duration: string): number {
  const [number, unit] = duration.split(" ");
  return Number(number) * (unit === "µs" ? 1000 : 1);
}
