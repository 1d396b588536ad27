/** Lenses in an editor that takes its time before it asks for them, as VS Code does where asking was slow before. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { COMMANDS } from "../../src/protocol/editorApi.ts";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { startTarget } from "./cliProcess.ts";
import { EditorClient } from "./editorClient.ts";

const SOURCE = fileURLToPath(new URL("../programs/calls/main.go", import.meta.url));
const TEXT = readFileSync(SOURCE, "utf8");
const URI = pathToFileURL(SOURCE).href;
/** Each word of a change starts it anew (codelensController.ts: RunOnceScheduler). Longer than the server looks patient. */
const DEBOUNCE_MS = 1_500;

interface Lens {
  readonly range: { readonly start: { readonly line: number } };
  readonly command: { readonly title: string };
}

test("a word of new lenses is said once until the editor asks, so that it comes to asking", async () => {
  const target = startTarget(buildGo("calls"));
  await target.says("ready");
  const editor = await EditorClient.start(dirname(SOURCE), target.pid);
  const line = TEXT.split("\n").findIndex((text) => text.startsWith("func work("));
  let title = "";
  const ask = async (): Promise<void> => {
    const lenses: Lens[] = await editor.connection.sendRequest("textDocument/codeLens", { textDocument: { uri: URI } });
    title = lenses.find(({ range }) => range.start.line === line)?.command.title ?? "";
  };
  try {
    await editor.open(URI, TEXT);
    await until("a lens", async () => {
      await ask();
      return title === "Trace";
    });
    let asking: NodeJS.Timeout | undefined;
    editor.onLensRefresh = () => {
      clearTimeout(asking);
      asking = setTimeout(() => void ask(), DEBOUNCE_MS);
    };
    await editor.execute(COMMANDS.trace, URI, line);
    await until(`the lens of what is traced: ${title}`, () => title.startsWith("●"));
    await target.command("work 1");
    await until(`the lens of a call: ${title}`, () => title.includes('name="s0"'));
    await editor.execute(COMMANDS.stop, URI, line);
    await until(`the lens of what has ended: ${title}`, () => title === "Trace");
    clearTimeout(asking);
  } finally {
    await editor.end();
    await target.end();
  }
});
