/** From the click above computeE to live values beside the code, and back: probes gone, target untouched. */
import * as vscode from "vscode";
import {
  clickLens,
  eventsText,
  FUNC_LINE,
  hoverTexts,
  lensTitle,
  openSource,
  untilLens,
  untilMessage,
} from "./editor.ts";
import { answerQuestions, picture } from "./questions.ts";
import { equal, hasPage, onPage, type Step, until } from "./steps.ts";
import { compute, liveBytes, target, untilOriginal, untilProbed } from "./target.ts";

let editor: vscode.TextEditor;
let topBefore: number | undefined;
let helpers: number[] = [];

export const clickThrough: readonly Step[] = [
  {
    name: "the source opens, the extension starts, the lens reads Trace",
    run: async () => {
      editor = await openSource(target().file);
      equal(await untilLens(/Trace/), "Trace", "the lens");
      await until(
        "the extension is active",
        () => extension()?.isActive,
        (active) => active === true,
      );
      if (hasPage) equal(await liveBytes(), target().bytes, "computeE's bytes before tracing");
      topBefore = await onPage("lineTop", { line: FUNC_LINE });
      await picture("1-lens");
      await crop("walkthrough-lens", 80, 254);
    },
  },
  {
    name: "a click attaches",
    run: async () => {
      await clickLens();
      await answerQuestions();
      await untilProbed();
      helpers = (await onPage("processes", { text: "helper.js" })) ?? [];
      if (hasPage && helpers.length === 0) throw new Error("no helper process is running");
    },
  },
  {
    name: "arguments appear in the lens and beside the parameter, and change",
    run: async () => {
      for (const iterations of [1000, 4321]) {
        // Several calls, as a server in use gets them.
        for (let call = 0; call < 5; call += 1) await compute(iterations);
        await untilLens(new RegExp(`iterations=${iterations}\\b`));
        if (!hasPage) continue;
        const wanted = `= ${iterations}`;
        await until(
          "the value beside the parameter",
          () => onPage("decorations", { line: FUNC_LINE }),
          (texts) => texts?.includes(wanted) === true,
        );
      }
      equal(await onPage("lineTop", { line: FUNC_LINE }), topBefore, "the line's place on the screen");
      await picture("2-live");
      await crop("walkthrough-live", 80, 254);
    },
  },
  {
    name: "the hover shows the last calls",
    run: async () => {
      const text = await until(
        "the hover",
        () => hoverTexts(editor),
        (hover) => hover.includes("4321") && hover.includes("1000"),
      );
      if (!text.includes("main.computeE")) throw new Error(`the hover does not name the function: ${text}`);
      if (hasPage) {
        await onPage("hover", { line: FUNC_LINE, word: "computeE" });
        await until(
          "the hover on the page",
          () => onPage("texts", { selector: ".monaco-hover:visible" }),
          (texts) => texts?.some((hover) => hover.includes("4321")) === true,
        );
        await picture("3-hover");
        await onPage("moveMouseAway", {});
      }
    },
  },
  {
    name: "the output channel has a line for each call",
    run: async () => {
      await vscode.commands.executeCommand("probelens.showEvents");
      await compute(2468);
      const text = await until("a line of the call", eventsText, (events) =>
        events.includes("main.computeE(iterations=2468)"),
      );
      for (const iterations of [1000, 4321]) {
        const count = text.split(`main.computeE(iterations=${iterations})`).length - 1;
        equal(count, 5, `lines of calls with ${iterations}`);
      }
      await picture("4-events");
    },
  },
  {
    name: "a burst of calls is counted, and the editor keeps up",
    run: async () => {
      await Promise.all(Array.from({ length: 300 }, (_, index) => compute(5000 + index)));
      await compute(7777);
      await until("the last call in the channel", eventsText, (events) => events.includes("iterations=7777"));
      await untilLens(/iterations=7777/);
    },
  },
  {
    name: "an edit above moves the values along",
    run: async () => {
      const original = editor.document.getText();
      await editor.edit((edit) => edit.insert(new vscode.Position(1, 0), "// A line more.\n"));
      await compute(3333);
      await untilLens(/iterations=3333/);
      await vscode.window.showTextDocument(editor.document);
      await vscode.commands.executeCommand("undo");
      equal(editor.document.getText(), original, "the text after undo");
    },
  },
  {
    name: "a click on Stop removes the probes, and the target runs on",
    run: async () => {
      await vscode.window.showTextDocument(editor.document);
      await untilLens(/Stop/);
      await clickLens();
      await untilLens(/^Trace$/);
      await untilOriginal();
      const answer = await compute(100);
      if (!answer.startsWith("e = 2.718")) throw new Error(`the target answers ${answer}`);
      await until(
        "no value beside the code",
        async () => (await onPage("decorations", { line: FUNC_LINE })) ?? [],
        (texts) => texts.length === 0,
      );
      await picture("5-stopped");
    },
  },
  {
    name: "kill -9 of the server while tracing leaves no probe",
    run: async () => {
      if (!hasPage) return;
      await clickLens();
      await answerQuestions();
      await untilProbed();
      const [server] = (await onPage("processes", { text: "dist/server.js" })) ?? [];
      if (server === undefined) throw new Error("the language server is not among the editor's processes");
      const before = await onPage("processes", { text: "helper.js" });
      process.kill(server, "SIGKILL");
      await untilMessage(/server ended, and all tracing with it/);
      await picture("6-server-killed");
      await untilOriginal();
      await until(
        "the helpers are gone",
        () => onPage("alive", { pids: before ?? [] }),
        (alive) => alive?.length === 0,
      );
      if (!(await compute(100)).startsWith("e = 2.718")) throw new Error("the target does not answer");
      // The client starts the server again, and the lens works as before.
      await untilLens(/^Trace$/);
      await vscode.commands.executeCommand("notifications.clearAll");
    },
  },
  {
    name: "the command at the cursor traces, and Stop All stops",
    run: async () => {
      const line = editor.document
        .getText()
        .split("\n")
        .findIndex((text) => text.startsWith(FUNC_LINE));
      editor.selection = new vscode.Selection(line + 2, 1, line + 2, 1);
      await vscode.commands.executeCommand("probelens.traceAtCursor");
      await answerQuestions();
      await untilLens(/^●/);
      await compute(1234);
      await untilLens(/iterations=1234/);
      await vscode.commands.executeCommand("probelens.stopAll");
      equal(
        await until(
          "the lens",
          () => lensTitle(),
          (title) => !title.includes("●"),
        ),
        "Trace",
        "the lens",
      );
      await untilOriginal();
    },
  },
];

async function crop(name: string, above: number, height: number): Promise<void> {
  await onPage("crop", { name, line: FUNC_LINE, above, width: 800, height });
}

function extension(): vscode.Extension<unknown> | undefined {
  return vscode.extensions.getExtension("probelens.probelens");
}
