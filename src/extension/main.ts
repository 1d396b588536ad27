/** Entry of the extension (dist/extension.cjs): commands, and one language client. UI only; what it knows, the server told. */
import * as vscode from "vscode";
import { COMMANDS, METHODS } from "../protocol/editorApi.ts";
import { Client } from "./client.ts";
import { EventsChannel } from "./eventsChannel.ts";
import { askPassword, chooseBinary, pickProcess } from "./questions.ts";
import { StatusItem } from "./statusItem.ts";
import { ValueDecorations } from "./valueDecorations.ts";

let client: Client | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const events = new EventsChannel();
  const decorations = new ValueDecorations();
  const status = new StatusItem();
  client = new Client(context.asAbsolutePath("dist/server.js"));
  context.subscriptions.push(client, events, decorations, status);

  client.onNotification(METHODS.live, (params) => decorations.update(params));
  client.onNotification(METHODS.events, (params) => events.append(params));
  client.onNotification(METHODS.status, (params) => status.update(params));
  client.onNotification(METHODS.showSetting, ({ setting }) => {
    // A setting of the machine stands in the settings of the machine that the extension runs on.
    const where = vscode.env.remoteName === undefined ? "openSettings" : "openRemoteSettings";
    void vscode.commands.executeCommand(`workbench.action.${where}`, { query: `@id:${setting}` });
  });
  client.onRequest(METHODS.pickProcess, pickProcess);
  client.onRequest(METHODS.chooseBinary, chooseBinary);
  client.onRequest(METHODS.askPassword, askPassword);
  client.onLost((willRestart) => {
    // Nothing is traced any more: the server's end took every probe with it.
    decorations.clear();
    status.update({ traced: 0, found: 0, hint: "" });
    const after = willRestart ? "It was started again; click Trace to go on." : "Reload the window to start it again.";
    void vscode.window.showWarningMessage(`The Probelens server ended, and all tracing with it. ${after}`);
  });

  const register = (id: string, run: () => unknown): void => {
    context.subscriptions.push(vscode.commands.registerCommand(id, run));
  };
  register("probelens.traceAtCursor", () => atCursor(COMMANDS.trace));
  register("probelens.stopAtCursor", () => atCursor(COMMANDS.stop));
  register("probelens.stopAll", () => onServer(COMMANDS.stopAll));
  register("probelens.showEvents", () => events.show());
  register("probelens.showLog", () => client?.showLog());
  register("probelens.chooseBinary", addBinary);
  register("probelens.toggleLenses", toggleLenses);
  await client.start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

async function atCursor(command: string): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId !== "go") {
    void vscode.window.showInformationMessage("Probelens: open a Go file and put the cursor into a function.");
    return;
  }
  const { line, character } = editor.selection.active;
  await onServer(command, editor.document.uri.toString(), line, character);
}

/** The client registers the server's commands when the server has started, which a hasty user does not wait for. */
async function onServer(command: string, ...args: readonly unknown[]): Promise<void> {
  await client?.ready();
  await vscode.commands.executeCommand(command, ...args);
}

async function addBinary(): Promise<void> {
  const file = await chooseBinary({ title: "Choose a Go binary whose functions get a Trace lens" });
  if (file === null) return;
  const settings = vscode.workspace.getConfiguration("probelens");
  const binaries = settings.get<string[]>("binaries", []);
  await settings.update("binaries", [...new Set([...binaries, file])], vscode.ConfigurationTarget.Global);
}

async function toggleLenses(): Promise<void> {
  const settings = vscode.workspace.getConfiguration("probelens");
  const off = settings.get<string>("codeLens") === "off";
  // Back to the default, not to "found": the user may have a workspace value of their own.
  await settings.update("codeLens", off ? undefined : "off", vscode.ConfigurationTarget.Global);
}
