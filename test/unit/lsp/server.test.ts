/** The language server over stdio, as any LSP editor starts it: lenses of running programs, and bad input. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import { COMMANDS } from "../../../src/protocol/editorApi.ts";

interface Lens {
  readonly range: { readonly start: { readonly line: number } };
  readonly command: { readonly title: string; readonly command: string };
}

const SERVER = fileURLToPath(new URL("../../../src/lsp/main.ts", import.meta.url));
const FUNCTIONS = 500;
/** Waiting for one message or condition; what is aimed at is far below. */
const TIMEOUT_MS = 15_000;

let scratch: string;
let server: ChildProcess;
let connection: MessageConnection;
let settings: Record<string, unknown> = {};
const messages: string[] = [];
const waiting = new Set<() => void>();
const programs: ChildProcess[] = [];

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "probelens-lsp-"));
  server = spawn(process.execPath, [SERVER, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
  const { stdin, stdout } = server;
  assert.ok(stdin !== null && stdout !== null);
  connection = createMessageConnection(new StreamMessageReader(stdout), new StreamMessageWriter(stdin));
  connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) => items.map(() => settings));
  connection.onRequest("client/registerCapability", () => null);
  connection.onRequest("workspace/codeLens/refresh", () => {
    for (const wake of waiting) wake();
    return null;
  });
  connection.onRequest("window/showMessageRequest", ({ message }: { message: string }) => {
    messages.push(message);
    for (const wake of waiting) wake();
    return null;
  });
  connection.listen();
  await connection.sendRequest("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: { workspace: { configuration: true, codeLens: { refreshSupport: true } } },
  });
  await connection.sendNotification("initialized", {});
});
after(async () => {
  for (const program of programs) program.kill("SIGKILL");
  await connection.sendRequest("shutdown");
  const ended = new Promise((resolve) => server.once("exit", resolve));
  await connection.sendNotification("exit");
  await ended;
  connection.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

void test("lenses follow a program that starts, and one that is built anew", async () => {
  const first = source(0);
  const file = project("many", first);
  const uri = await open(file, first);
  assert.deepEqual(await lenses(uri), [], "nothing runs yet");

  let start = performance.now();
  await run(build("many"));
  const found = await untilLenses(uri, (list) => list.length === FUNCTIONS + 1);
  report("from process start to its lenses", start);
  assert.ok(found.every(({ command }) => command.title === "Trace" && command.command === COMMANDS.trace));

  start = performance.now();
  assert.equal((await lenses(uri)).length, FUNCTIONS + 1);
  report(`${FUNCTIONS} lenses, warm`, start);

  // Three lines more above everything: the running program is another build until it is built again.
  const moved = source(3);
  writeFileSync(file, moved);
  await change(uri, 2, moved);
  await untilLenses(uri, (list) => list.every(({ command }) => command.title.includes("line moved by +3")));
  const rebuilt = build("many");
  start = performance.now();
  // The old process runs on: what the new build has exactly goes before what the old one has moved.
  await run(rebuilt);
  const after = await untilLenses(uri, (list) => list.every(({ command }) => command.title === "Trace"));
  report("from start of a new build to its lenses", start);
  assert.equal(after.length, FUNCTIONS + 1);
});

void test("a chosen binary has lenses before a process runs it", async () => {
  const text = source(0).replace("package main", "package main // chosen");
  const file = project("chosen", text);
  settings = { binaries: [build("chosen")] };
  await connection.sendNotification("workspace/didChangeConfiguration", { settings: null });
  const uri = await open(file, text);
  await untilLenses(uri, (list) => list.length === FUNCTIONS + 1);

  // `go build` again, with everything three lines further down: no restart, no process, no new choice.
  const moved = source(3).replace("package main", "package main // chosen");
  writeFileSync(file, moved);
  await change(uri, 2, moved);
  await untilLenses(uri, (list) => list.every(({ command }) => command.title.includes("line moved by +3")));
  build("chosen");
  const start = performance.now();
  await untilLenses(uri, (list) => list.every(({ command }) => !command.title.includes("moved")));
  report("from go build of a chosen program to its lenses", start);
  settings = {};
  await connection.sendNotification("workspace/didChangeConfiguration", { settings: null });
});

void test("tracing what nothing runs says what, why and what to do", async () => {
  const text = "package main\n\nfunc main() { alone(1) }\n\nfunc alone(a int) {}\n";
  const uri = await open(project("alone", text), text);
  await execute(COMMANDS.trace, [uri, 4, 0]);
  await until(() => messages.some((message) => message.includes("cannot trace alone")));
  assert.match(messages.find((message) => message.includes("alone")) ?? "", /Start the program and try again/);
});

void test("input that makes no sense is answered, and the server goes on", async () => {
  const garbage = `package main\nfunc (((\u0000 {{{ ${"func f(".repeat(2000)}`;
  const uri = await open(project("garbage", garbage), garbage);
  assert.deepEqual(await lenses(uri), []);
  for (const args of [[], [1], ["no uri", "no line"], ["file:///nowhere.go", 1e9, -1], [uri, -5], [null, null]]) {
    for (const command of Object.values(COMMANDS)) await execute(command, args);
  }
  assert.deepEqual(await lenses("file:///never/opened.go"), []);
  assert.equal(
    await connection.sendRequest("textDocument/hover", {
      textDocument: { uri },
      position: { line: 9999, character: 9 },
    }),
    null,
  );
  const huge = "x".repeat(9 << 20);
  assert.deepEqual(await lenses(await open(project("huge", "package main\n"), huge)), []);
});

/** `lines`: comment lines above the functions. */
function source(lines: number): string {
  const functions = Array.from(
    { length: FUNCTIONS },
    (_, index) => `//go:noinline\nfunc f${index}(a int, s string) int { return a + len(s) + ${index} }\n`,
  );
  const calls = Array.from({ length: FUNCTIONS }, (_, index) => `\tsum += f${index}(sum, "x")`);
  return [
    "package main",
    ...Array.from({ length: lines }, () => "// A line more."),
    'import "time"',
    `func main() {\n\tsum := 0\n${calls.join("\n")}\n\tprintln(sum)\n\ttime.Sleep(time.Hour)\n}`,
    ...functions,
  ].join("\n");
}

function project(name: string, text: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "go.mod"), `module example.com/lsp/${name}\n\ngo 1.15\n`);
  writeFileSync(join(folder, "app.go"), text);
  return join(folder, "app.go");
}

function build(name: string): string {
  const output = join(scratch, name, "bin/app");
  execFileSync("go", ["build", "-buildvcs=false", "-o", output, "."], {
    cwd: join(scratch, name),
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return output;
}

/** Resolves when the program's main function runs. */
async function run(binary: string): Promise<ChildProcess> {
  const program = spawn(binary, { stdio: ["ignore", "ignore", "pipe"] });
  programs.push(program);
  await new Promise((resolve) => program.stderr.once("data", resolve));
  return program;
}

async function open(file: string, text: string): Promise<string> {
  const uri = pathToFileURL(file).href;
  await connection.sendNotification("textDocument/didOpen", {
    textDocument: { uri, languageId: "go", version: 1, text },
  });
  return uri;
}

async function change(uri: string, version: number, text: string): Promise<void> {
  await connection.sendNotification("textDocument/didChange", {
    textDocument: { uri, version },
    contentChanges: [{ text }],
  });
}

async function lenses(uri: string): Promise<Lens[]> {
  return await connection.sendRequest("textDocument/codeLens", { textDocument: { uri } });
}

async function execute(command: string, args: unknown[]): Promise<void> {
  await connection.sendRequest("workspace/executeCommand", { command, arguments: args });
}

/** Asks again whenever the server says that lenses have changed, as an editor does. */
async function untilLenses(uri: string, accept: (list: Lens[]) => boolean): Promise<Lens[]> {
  let list: Lens[] = [];
  await until(async () => {
    list = await lenses(uri);
    return accept(list);
  });
  return list;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + TIMEOUT_MS;
  for (;;) {
    const woken = new Promise<void>((resolve) => waiting.add(resolve));
    if (await condition()) return;
    const left = end - performance.now();
    assert.ok(left > 0, `not within ${TIMEOUT_MS} ms`);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([woken, new Promise((resolve) => (timer = setTimeout(resolve, left)))]);
    clearTimeout(timer);
    waiting.clear();
  }
}

function report(what: string, start: number): void {
  console.log(`${what}: ${Math.round(performance.now() - start)} ms`);
}
