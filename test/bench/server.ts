/** The language server as editors start it, for the benchmarks. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";

const SERVER = fileURLToPath(new URL("../../dist/server.js", import.meta.url));
const LOOP_DELAY = new URL("./loopDelay.ts", import.meta.url);
/** A server that finds no lens in this time will not find any. */
const TIMEOUT_MS = 30_000;

export class BenchServer {
  readonly connection: MessageConnection;
  readonly pid: number;
  private readonly child: ChildProcess;
  /** Of the section `probelens`. */
  settings: object = {};
  private refreshed: (() => void) | undefined;

  static async start(): Promise<BenchServer> {
    const args = ["--import", LOOP_DELAY.href, SERVER, "--stdio"];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit", "ipc"] });
    const server = new BenchServer(
      child,
      createMessageConnection(new StreamMessageReader(child.stdout!), new StreamMessageWriter(child.stdin!)),
    );
    const { connection } = server;
    connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) =>
      items.map(() => server.settings),
    );
    connection.onRequest("client/registerCapability", () => null);
    connection.onRequest("workspace/codeLens/refresh", () => {
      server.refreshed?.();
      return null;
    });
    connection.listen();
    const capabilities = { workspace: { configuration: true, codeLens: { refreshSupport: true } } };
    await connection.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities });
    await connection.sendNotification("initialized", {});
    return server;
  }

  private constructor(child: ChildProcess, connection: MessageConnection) {
    this.child = child;
    this.pid = child.pid ?? 0;
    this.connection = connection;
  }

  async open(file: string, text: string): Promise<string> {
    const uri = pathToFileURL(file).href;
    const textDocument = { uri, languageId: "go", version: 1, text };
    await this.connection.sendNotification("textDocument/didOpen", { textDocument });
    return uri;
  }

  async lenses(uri: string): Promise<{ readonly command: { readonly title: string } }[]> {
    return await this.connection.sendRequest("textDocument/codeLens", { textDocument: { uri } });
  }

  /** Asks whenever the server says that lenses have changed, as an editor does. */
  async until(uri: string, accept: (lenses: readonly { command: { title: string } }[]) => boolean): Promise<void> {
    const end = performance.now() + TIMEOUT_MS;
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        this.refreshed = resolve;
      });
      if (accept(await this.lenses(uri))) return;
      if (performance.now() > end) throw new Error("bench: the language server does not find these lenses");
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([changed, new Promise((resolve) => (timer = setTimeout(resolve, TIMEOUT_MS)))]);
      clearTimeout(timer);
    }
  }

  /** Longest delay of the server's event loop since this was asked last, milliseconds. */
  async loopDelayMs(): Promise<number> {
    const answer = once(this.child, "message");
    this.child.send("loop delay");
    return Number((await answer)[0]);
  }

  async stop(): Promise<void> {
    const exited = once(this.child, "exit");
    this.connection.dispose();
    this.child.kill();
    await exited;
  }
}
