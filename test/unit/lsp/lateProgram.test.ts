/** Lenses while a program is still being read, which takes a large one seconds on a busy host. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { TextDocument } from "vscode-languageserver-textdocument";
import { loadGrammar } from "../../../src/engine/programs/grammar.ts";
import { DEFAULT_SETTINGS, type EditorClient } from "../../../src/lsp/editorClient.ts";
import { EditorSession } from "../../../src/lsp/editorSession.ts";
import type { EditorEngine } from "../../../src/lsp/thread/editorEngine.ts";
import { startEngineThread } from "../../../src/lsp/thread/engineThread.ts";
import { buildGo } from "../../programs/build.ts";
import { until } from "../../until.ts";

const SOURCE = fileURLToPath(new URL("../../programs/calls/main.go", import.meta.url));
const TEXT = readFileSync(SOURCE, "utf8");
const URI = pathToFileURL(SOURCE).href;

const thread = startEngineThread(async () => undefined);
after(async () => await thread.dispose());

/** The engine, and an editor of which only what it is told counts; `read` lets the program be read. */
async function slowlyRead(takesAnnouncements: boolean) {
  let read = (): void => {};
  const gate = new Promise<void>((resolve) => {
    read = resolve;
  });
  const engine: EditorEngine = {
    ...thread,
    processes: async () => [],
    open: async (job, from) => {
      await gate;
      return await thread.open(job, from);
    },
    look: async () => ({ lines: [], skipped: 0 }),
  };
  const heard = { announced: 0 };
  const client: Partial<EditorClient> = {
    takesAnnouncements,
    settings: async () => ({ ...DEFAULT_SETTINGS, binaries: [buildGo("calls")] }),
    refreshLenses: () => (heard.announced += 1),
    showProgress: async (_title, work) => await work,
    status: () => {},
    live: () => {},
  };
  const session = new EditorSession(engine, client as EditorClient, await loadGrammar());
  session.opened(TextDocument.create(URI, "go", 1, TEXT));
  return { session, heard, read };
}

test("the answer comes before the program is read, and its lenses are announced", async () => {
  const { session, heard, read } = await slowlyRead(true);
  assert.deepEqual(await session.lenses(URI), []);
  assert.equal(heard.announced, 0);
  read();
  await until("an announcement", () => heard.announced > 0);
  assert.notDeepEqual(await session.lenses(URI), []);
  assert.equal(heard.announced, 1, "and what was announced is not announced again");
});

test("an editor that cannot be told of new lenses waits for them", async () => {
  const { session, heard, read } = await slowlyRead(false);
  const answer = session.lenses(URI);
  read();
  assert.notDeepEqual(await answer, []);
  assert.equal(heard.announced, 0);
});
