/**
 * `npm run demo`: builds the article's server, gives it traffic, and shows the live arguments and results of
 * main.computeE in this terminal. `-- --calls N` ends after N calls; `-- --browser` opens a VS Code in the browser
 * instead, with the server's source and traffic, until Ctrl-C.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installEditor, NODE } from "./vscode/installEditor.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const EULER = join(ROOT, "test/programs/euler");
const REQUEST_PERIOD_MS = 200;

const { values: options } = parseArgs({
  options: { browser: { type: "boolean", default: false }, calls: { type: "string", default: "20" } },
});

execFileSync("go", ["build", "-o", "euler", "."], { cwd: EULER, stdio: "inherit" });
const server = spawn(join(EULER, "euler"), ["-listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
const children: ChildProcess[] = [server];
const dataFolders: string[] = [];
process.on("SIGINT", () => finish(0));
process.on("SIGTERM", () => finish(0));
try {
  const address = await lineWith(server, /(127\.0\.0\.1:\d+)/);
  console.log(
    `\nThe demo server (pid ${server.pid}) listens on ${address}; it gets a request every ${REQUEST_PERIOD_MS} ms.`,
  );
  const traffic = setInterval(() => void request(address), REQUEST_PERIOD_MS);
  if (options.browser) await openBrowserEditor();
  else await traceInTerminal();
  clearInterval(traffic);
  finish(0);
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  finish(1);
}

async function traceInTerminal(): Promise<void> {
  const args = ["trace", "main.computeE", "--pid", String(server.pid), "--returns", "--limit", options.calls];
  console.log(`\n$ probelens ${args.join(" ")}\n`);
  const trace = spawn(process.execPath, [join(ROOT, "dist/cli.js"), ...args], { stdio: "inherit" });
  children.push(trace);
  const [status] = await once(trace, "exit");
  if (status !== 0) throw new Error(`the trace ended with status ${String(status)}; its message stands above`);
  console.log(`
The same in VS Code:
  npm run demo -- --browser   opens test/programs/euler/app.go in a VS Code in your browser, or
  npm run package             makes dist/probelens-linux-x64.vsix for the VS Code that you have
                              (code --install-extension dist/probelens-linux-x64.vsix).
Then open app.go and click "Trace" above computeE.`);
}

/** A VS Code server with the packaged extension in a fresh data folder, for a browser on this machine. */
async function openBrowserEditor(): Promise<void> {
  execFileSync("npm", ["run", "package"], { cwd: ROOT, stdio: "inherit" });
  const editorMain = join(installEditor(), "out/server-main.js");
  const data = mkdtempSync(join(tmpdir(), "probelens-demo-"));
  dataFolders.push(data);
  const common = [editorMain, "--accept-server-license-terms", "--telemetry-level=off", `--server-data-dir=${data}`];
  const vsix = join(ROOT, "dist/probelens-linux-x64.vsix");
  execFileSync(NODE, [...common, "--install-extension", vsix], { stdio: "inherit" });
  const editor = spawn(NODE, [...common, "--host=127.0.0.1", "--port=0", "--without-connection-token"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(editor);
  const port = await lineWith(editor, /listening on (\d+)/);
  console.log(`
Open this address in a browser, then app.go, trust the folder, and click "Trace" above computeE:

  http://127.0.0.1:${port}/?folder=${EULER}

Ctrl-C ends the demo.`);
  await once(editor, "exit");
}

async function lineWith(child: ChildProcess, pattern: RegExp): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = pattern.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`${child.spawnargs[0]} ended before it said where it listens`);
}
async function request(address: string): Promise<void> {
  const iterations = 1 + Math.floor(Math.random() * 1000);
  try {
    await fetch(`http://${address}/e?iters=${iterations}`);
  } catch {
    // The server is gone at the end of the demo.
  }
}

function finish(status: number): never {
  for (const child of children) child.kill();
  for (const folder of dataFolders) rmSync(folder, { recursive: true, force: true });
  process.exit(status);
}
