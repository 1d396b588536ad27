/**
 * Stands in for VS Code's executable under @vscode/test-electron: takes `--extensionDevelopmentPath` and
 * `--extensionTestsPath`, starts the VS Code server and headless Chromium, opens the workbench with these, relays the
 * suite's output, serves its requests (control.ts), and exits with its exit code.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { CONTROL_ENV } from "./control.ts";
import { installEditor, NODE } from "./installEditor.ts";
import { pageOperations, prepare } from "./page.ts";

const CHROMIUM = "/usr/bin/chromium";
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const SERVER_START_TIMEOUT_MS = 30_000;
/** Of one suite, from page load to exit. */
const SUITE_TIMEOUT_MS = 240_000;
const WINDOW = { width: 1280, height: 720 };

/** Quiet surroundings for tests and pictures; the extension's own settings stay at their defaults. */
const SETTINGS = {
  // Programs that call what is traced in tight loops.
  "probelens.budget": 0,
  "workbench.startupEditor": "none",
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.tips.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "editor.minimap.enabled": false,
  "editor.stickyScroll.enabled": false,
  "editor.fontSize": 14,
  "editor.hover.delay": 200,
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "files.watcherExclude": { "**": true },
};

/** How the server is started other than plainly (scenario.ts): a command that runs its arguments, and where files lie then. */
export interface LaunchSetup {
  readonly folder: string;
  readonly wrap: readonly string[];
  readonly editor?: string;
  readonly node?: string;
  readonly dataDir?: string;
  /** Instead of the ones below. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

const args = process.argv.slice(2);
const setup = JSON.parse(process.env["PROBELENS_TEST_SETUP"] ?? "{}") as Partial<LaunchSetup>;
process.exitCode = await launch();
// Chromium's and the server's pipes may still be open.
process.exit();

async function launch(): Promise<number> {
  const developmentPath = option("extensionDevelopmentPath");
  const testsPath = option("extensionTestsPath");
  const scratch = mkdtempSync(join(tmpdir(), "probelens-editor-"));
  chmodSync(scratch, 0o755);
  let server: ChildProcess | undefined;
  let browser: Browser | undefined;
  let controlServer: Server | undefined;
  try {
    const socket = join(scratch, "control");
    server = startServer(scratch, socket);
    const port = await portOf(server);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    const page = await browser.newPage({ viewport: WINDOW, deviceScaleFactor: 1.5 });
    await prepare(page);
    controlServer = serveControl(socket, page, server);
    return await runSuite(page, port, developmentPath, testsPath);
  } finally {
    await browser?.close().catch(() => undefined);
    controlServer?.close();
    if (server !== undefined) await endServer(server);
    rmSync(scratch, { recursive: true, force: true });
  }
}

function startServer(scratch: string, socket: string): ChildProcess {
  const editor = setup.editor ?? installEditor();
  const dataDir = setup.dataDir ?? join(scratch, "data");
  const machine = join(dataDir, "data/Machine");
  mkdirSync(machine, { recursive: true });
  writeFileSync(join(machine, "settings.json"), JSON.stringify({ ...SETTINGS, ...setup.settings }));
  if (setup.wrap !== undefined) chmodTree(dataDir);
  const argv = [
    ...(setup.wrap ?? []),
    setup.node ?? NODE,
    join(editor, "out/server-main.js"),
    "--host=127.0.0.1",
    "--port=0",
    "--without-connection-token",
    "--accept-server-license-terms",
    "--enable-smoke-test-driver",
    "--telemetry-level=off",
    "--disable-workspace-trust",
    `--server-data-dir=${dataDir}`,
  ];
  return spawn(argv[0] ?? NODE, argv.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, [CONTROL_ENV]: socket },
  });
}

async function portOf(server: ChildProcess): Promise<number> {
  return await new Promise((resolve, reject) => {
    let output = "";
    const timer = setTimeout(
      () => reject(new Error(`the VS Code server did not start:\n${output}`)),
      SERVER_START_TIMEOUT_MS,
    );
    const read = (data: Buffer): void => {
      if (process.env["PROBELENS_TEST_VERBOSE"] !== undefined) process.stderr.write(data);
      output = (output + data.toString()).slice(-10_000);
      const port = /listening on (\d+)/.exec(output)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    };
    server.stdout?.on("data", read);
    server.stderr?.on("data", read);
    server.on("exit", (code) => reject(new Error(`the VS Code server ended with ${code}:\n${output}`)));
  });
}

async function runSuite(page: Page, port: number, developmentPath: string, testsPath: string): Promise<number> {
  const done = new Promise<number>((resolve) => {
    void page.exposeFunction("codeAutomationLog", (type: string, logArgs: unknown[]) => {
      process.stdout.write(`${type === "log" ? "" : `${type}: `}${logArgs.map(String).join(" ")}\n`);
    });
    void page.exposeFunction("codeAutomationExit", (code: number) => resolve(code));
    setTimeout(() => {
      void page
        .screenshot({ path: new URL("screenshots/timeout.png", import.meta.url).pathname })
        .catch(() => undefined);
      process.stderr.write(`the suite did not end within ${SUITE_TIMEOUT_MS} ms\n`);
      resolve(1);
    }, SUITE_TIMEOUT_MS).unref();
    page.on("crash", () => resolve(1));
  });
  if (process.env["PROBELENS_TEST_VERBOSE"] !== undefined)
    page.on("console", (line) => process.stderr.write(`page: ${line.text()}\n`));
  const remote = `vscode-remote://127.0.0.1:${port}`;
  const payload = [
    ["extensionDevelopmentPath", remote + developmentPath],
    ["extensionTestsPath", remote + testsPath],
  ];
  const query = new URLSearchParams({ folder: setup.folder ?? "/", payload: JSON.stringify(payload) });
  await page.goto(`http://127.0.0.1:${port}/?${query.toString()}`);
  return await done;
}

function serveControl(socket: string, page: Page, server: ChildProcess): Server {
  const operations: Record<string, (params: never) => unknown> = {
    ...pageOperations(page),
    memory: async ({ pid, address, length }: { pid: number; address: number; length: number }) => {
      const file = await open(`/proc/${pid}/mem`, "r");
      try {
        const bytes = Buffer.alloc(length);
        await file.read(bytes, 0, length, address);
        return bytes.toString("hex");
      } finally {
        await file.close();
      }
    },
    processes: ({ text }: { text: string }) =>
      descendants(server.pid ?? 0).filter((pid) => commandLine(pid).includes(text)),
    alive: ({ pids }: { pids: number[] }) => pids.filter((pid) => commandLine(pid) !== ""),
  };
  const http = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => (body += part));
    request.on("end", () => {
      void (async () => {
        try {
          const { op, params } = JSON.parse(body) as { op: string; params: never };
          response.end(JSON.stringify({ result: await operations[op]?.(params) }));
        } catch (error) {
          response.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
        }
      })();
    });
  });
  http.listen(socket, () => chmodSync(socket, 0o777));
  return http;
}

/** The server's own processes go with it; what is left after SIGTERM is killed. */
async function endServer(server: ChildProcess): Promise<void> {
  const below = descendants(server.pid ?? 0);
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGTERM");
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
  for (const pid of below) {
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // Gone already.
    }
  }
  if (server.exitCode === null && server.signalCode === null) server.kill("SIGKILL");
}

function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // Gone meanwhile.
    }
  }
  const below = new Set([root]);
  for (let size = 0; size !== below.size; ) {
    size = below.size;
    for (const [pid, parent] of parents) if (below.has(parent)) below.add(pid);
  }
  below.delete(root);
  return [...below];
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function chmodTree(folder: string): void {
  chmodSync(folder, 0o777);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) chmodTree(path);
    else chmodSync(path, 0o666);
  }
}

function option(name: string): string {
  const prefix = `--${name}=`;
  const value = args.find((arg) => arg.startsWith(prefix))?.slice(prefix.length);
  if (value === undefined) throw new Error(`launcher: ${prefix}PATH is missing`);
  return value;
}
