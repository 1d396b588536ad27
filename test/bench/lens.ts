/** The language server's answer for a Go file with 500 functions of a running program, over stdio as editors ask it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import { median, printTable } from "./table.ts";

const SERVER = fileURLToPath(new URL("../../dist/server.js", import.meta.url));
const FUNCTIONS = 500;
const ROUNDS = 20;
/** A server that finds no lens in this time will not find any. */
const TIMEOUT_MS = 30_000;

/** `dir`: where the program may be built. */
export async function printLensTime(dir: string): Promise<void> {
  const project = join(dir, "many");
  mkdirSync(project);
  const file = join(project, "many.go");
  const text = source();
  writeFileSync(file, text);
  writeFileSync(join(project, "go.mod"), "module example.com/many\n\ngo 1.21\n");
  execFileSync("go", ["build", "-o", "many", "."], { cwd: project, stdio: "inherit" });
  const program = spawn(join(project, "many"), { stdio: "ignore" });
  const server = spawn(process.execPath, [SERVER, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
  const connection = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  try {
    connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) => items.map(() => ({})));
    connection.onRequest("client/registerCapability", () => null);
    connection.listen();
    const capabilities = { workspace: { configuration: true, codeLens: { refreshSupport: true } } };
    connection.onRequest("workspace/codeLens/refresh", () => null);
    await connection.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities });
    await connection.sendNotification("initialized", {});
    const uri = pathToFileURL(file).href;
    const textDocument = { uri, languageId: "go", version: 1, text };
    const start = performance.now();
    await connection.sendNotification("textDocument/didOpen", { textDocument });
    const ask = async (): Promise<number> =>
      (await connection.sendRequest<unknown[]>("textDocument/codeLens", { textDocument: { uri } })).length;
    while ((await ask()) < FUNCTIONS)
      if (performance.now() - start > TIMEOUT_MS) throw new Error("bench: the language server finds no lenses");
    const first = performance.now() - start;
    const warm: number[] = [];
    const edited: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      warm.push(await timed(ask));
      const version = round + 2;
      const change = { textDocument: { uri, version }, contentChanges: [{ text: `${text}// ${version}\n` }] };
      await connection.sendNotification("textDocument/didChange", change);
      edited.push(await timed(ask));
    }
    printTable(
      `CodeLens for a file with ${FUNCTIONS} functions of a running program (request to answer, median of ${ROUNDS})`,
      ["", "ms"],
      [
        ["from opening the file: finding the program, reading it, matching", first.toFixed(0)],
        ["asked again", median(warm).toFixed(1)],
        ["after an edit: parsed and matched anew", median(edited).toFixed(1)],
      ],
    );
  } finally {
    program.kill();
    const exited = once(server, "exit");
    connection.dispose();
    server.kill();
    await exited;
  }
}

async function timed(ask: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const count = await ask();
  if (count < FUNCTIONS) throw new Error(`bench: only ${count} lenses`);
  return performance.now() - start;
}

function source(): string {
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `f${index}`);
  const functions = names.map((name) => `//go:noinline\nfunc ${name}(a int, s string) int { return a + len(s) }\n`);
  const calls = names.map((name) => `\tsum += ${name}(1, "x")`);
  return `package main\n\nimport "time"\n\n${functions.join("\n")}\nfunc main() {\n\tsum := 0\n${calls.join("\n")}\n\tprintln(sum)\n\ttime.Sleep(time.Hour)\n}\n`;
}
