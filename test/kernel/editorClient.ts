/** The language server, driven over stdio as an editor drives it. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import { type LiveParams, METHODS } from "../../src/protocol/editorApi.ts";
import { ROOT } from "./cliProcess.ts";

export class EditorClient {
  readonly connection: MessageConnection;
  readonly server: ChildProcess;
  /** What the user was told, in messages that want an answer; none is given. */
  readonly messages: string[] = [];
  /** Of `probelens.*`, as the server asks for them. */
  settings: Record<string, unknown> = {};
  onLive: (params: LiveParams) => void = () => {};
  onLensRefresh: () => void = () => {};

  private constructor() {
    this.server = spawn(process.execPath, [join(ROOT, "dist/server.js"), "--stdio"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.connection = createMessageConnection(
      new StreamMessageReader(this.server.stdout!),
      new StreamMessageWriter(this.server.stdin!),
    );
  }

  /** `pid`: the process that is picked where several run the program. */
  static async start(folder: string, pid?: number): Promise<EditorClient> {
    const editor = new EditorClient();
    const { connection } = editor;
    connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) =>
      items.map(() => editor.settings),
    );
    connection.onRequest("client/registerCapability", () => null);
    connection.onRequest("workspace/codeLens/refresh", () => {
      editor.onLensRefresh();
      return null;
    });
    connection.onRequest("window/showMessageRequest", ({ message }: { message: string }) => {
      editor.messages.push(message);
      return null;
    });
    if (pid !== undefined) connection.onRequest(METHODS.pickProcess, () => pid);
    connection.onNotification(METHODS.live, (params: LiveParams) => editor.onLive(params));
    connection.listen();
    await connection.sendRequest("initialize", {
      processId: process.pid,
      rootUri: pathToFileURL(folder).href,
      capabilities: { workspace: { configuration: true, codeLens: { refreshSupport: true } } },
      initializationOptions: { probelens: true },
    });
    await connection.sendNotification("initialized", {});
    return editor;
  }

  async open(uri: string, text: string, version = 1): Promise<void> {
    const textDocument = { uri, languageId: "go", version, text };
    await this.connection.sendNotification("textDocument/didOpen", { textDocument });
  }

  async execute(command: string, uri: string, line: number): Promise<void> {
    await this.connection.sendRequest("workspace/executeCommand", { command, arguments: [uri, line, 0] });
  }

  async end(): Promise<void> {
    await this.connection.sendRequest("shutdown");
    const ended = new Promise((resolve) => this.server.once("exit", resolve));
    await this.connection.sendNotification("exit");
    await ended;
    this.connection.dispose();
  }
}
