/** Entry of the language server (dist/server.js): LSP over the transport that the editor's client asks for. */
import "../protocol/noInspector.ts";
import "../protocol/promptExit.ts";
import { createConnection, ProposedFeatures, TextDocumentSyncKind, TextDocuments } from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import { loadGrammar } from "../engine/programs/grammar.ts";
import { COMMANDS, METHODS, type VisibleParams } from "../protocol/editorApi.ts";
import { EditorClient } from "./editorClient.ts";
import { EditorSession } from "./editorSession.ts";
import { startEngineThread } from "./thread/engineThread.ts";

// An editor that is started by hand without a transport gets stdio, the usual one.
if (!process.argv.some((arg) => /^--(stdio|node-ipc|pipe|socket)/.test(arg))) process.argv.push("--stdio");
const connection = createConnection(ProposedFeatures.all);
const documents = new TextDocuments(TextDocument);
let session: EditorSession | undefined;

connection.onInitialize(async (params) => {
  const options: unknown = params.initializationOptions;
  const extended = typeof options === "object" && options !== null && "probelens" in options;
  const refreshes = params.capabilities.workspace?.codeLens?.refreshSupport === true;
  const client = new EditorClient(connection, extended, refreshes);
  const engine = startEngineThread(async (prompt, attempt) => await client.askPassword({ prompt, attempt }));
  const parser = await loadGrammar();
  session = new EditorSession(engine, client, parser);
  return {
    capabilities: {
      textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
      codeLensProvider: {},
      hoverProvider: true,
      executeCommandProvider: { commands: Object.values(COMMANDS) },
    },
    serverInfo: { name: "probelens" },
  };
});

connection.onInitialized(() => session?.start());
connection.onDidChangeConfiguration(async () => await session?.settingsChanged());
connection.onNotification(METHODS.visible, (params: VisibleParams) => session?.setVisible(params.uris));
connection.onCodeLens(async ({ textDocument }) => (await session?.lenses(textDocument.uri)) ?? []);
connection.onHover(({ textDocument, position }) => session?.hover(textDocument.uri, position) ?? null);
connection.onExecuteCommand(async ({ command, arguments: given }) => {
  const [uri, line, character]: readonly unknown[] = given ?? [];
  if (command === COMMANDS.stopAll) return await session?.stopAll();
  if (typeof uri !== "string" || typeof line !== "number") return undefined;
  // A lens names the line alone: the function that starts there is meant, not a literal further right.
  const position = { line, character: typeof character === "number" ? character : 0 };
  if (command === COMMANDS.stop) return await session?.stop(uri, position);
  // Not awaited: the picker, messages and password box may stand open for long, and clients time requests out.
  if (command === COMMANDS.trace)
    session?.trace(uri, position).catch((error: unknown) => connection.console.error(String(error)));
  return undefined;
});
connection.onShutdown(async () => await session?.dispose());

documents.onDidOpen(({ document }) => session?.opened(document));
documents.onDidChangeContent(({ document }) => session?.changed(document));
documents.onDidSave(({ document }) => session?.saved(document.uri));
documents.onDidClose(({ document }) => session?.closed(document.uri));
documents.listen(connection);
connection.listen();
