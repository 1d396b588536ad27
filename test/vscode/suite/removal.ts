/** A function that is called without a pause: what its probes cost is shown, they are removed, and the user reads why. */
import * as vscode from "vscode";
import { clickUntilTraced, eventsText, hoverTexts, openSource, untilLens, untilMessage } from "./editor.ts";
import { equal, hasPage, onPage, type Step, until } from "./steps.ts";

const HOT = "func hot(";
const CHEAP = "func cheap(";
const REMOVED = /^○ removed: \d+ % of a core, budget 5 % · Trace again$/;
const EXPLAINED = [
  /Tracing hot took about \d+ % of a core from the process: its probes were hit \d[\d\u202f]* times a second/,
  /All traces of a process together may take 5 % \(probelens\.budget\)/,
  /at \d\d:\d\d:\d\d the probes of hot were removed/,
  /Trace a function that is called less often, or allow more/,
];

let editor: vscode.TextEditor;
let topBefore: number | undefined;

export const removal: readonly Step[] = [
  {
    name: "a cheap function beside it is traced, and its cost stands in the hover",
    run: async () => {
      editor = await openSource(process.env["PROBELENS_TEST_FILE"] ?? "", HOT);
      await clickUntilTraced(/^●/, CHEAP);
      const hover = (await hoverTexts(editor, CHEAP)).replaceAll("\\", "");
      for (const part of [/A traced call costs about .* at the entry/, /5 % of a core, the budget/])
        if (!part.test(hover)) throw new Error(`no ${part} in the hover: ${hover}`);
      await onPage("hover", { line: CHEAP, word: "cheap" });
      if (hasPage)
        await until(
          "the hover on the page",
          () => onPage("texts", { selector: ".monaco-hover:visible" }),
          (texts) => texts?.some((text) => text.includes("A traced call costs")) === true,
        );
      await onPage("screenshot", { name: "9-cost-hover" });
      await onPage("moveMouseAway", {});
    },
  },
  {
    name: "a click on the hot one: its lens says that the probes were removed, and why",
    run: async () => {
      await untilLens(/^Trace$/, HOT);
      topBefore = await onPage("lineTop", { line: HOT });
      await clickUntilTraced(/^[●○]/, HOT);
      await untilLens(REMOVED, HOT);
      equal(await onPage("lineTop", { line: HOT }), topBefore, "the line's place on the screen");
    },
  },
  {
    name: "one message explains what was removed, at what rate and cost, when, and how to go on",
    run: async () => {
      await untilMessage(...EXPLAINED);
      if (!hasPage) return;
      const messages = (await onPage("texts", { selector: ".notifications-center .notification-list-item" })) ?? [];
      equal(messages.length, 1, `the messages: ${messages.join(" | ")}`);
      await onPage("screenshot", { name: "9-removed" });
      await onPage("crop", { name: "walkthrough-removed", line: HOT, above: 150, width: 920, height: 420 });
    },
  },
  {
    name: "the hover and the events channel say the same",
    run: async () => {
      await vscode.commands.executeCommand("notifications.hideList");
      const hover = (await hoverTexts(editor, HOT)).replaceAll("\\", "");
      for (const part of EXPLAINED) if (!part.test(hover)) throw new Error(`no ${part} in the hover: ${hover}`);
      await onPage("hover", { line: HOT, word: "hot" });
      if (hasPage)
        await until(
          "the hover on the page",
          () => onPage("texts", { selector: ".monaco-hover:visible" }),
          (texts) => texts?.some((text) => text.includes("were removed")) === true,
        );
      await onPage("screenshot", { name: "9-removed-hover" });
      await onPage("moveMouseAway", {});
      await vscode.commands.executeCommand("probelens.showEvents");
      await until("the line of the removal", eventsText, (text) => EXPLAINED.every((part) => part.test(text)));
      await onPage("screenshot", { name: "9-removed-events" });
      await vscode.commands.executeCommand("workbench.action.closePanel");
    },
  },
  {
    name: "the cheap one is traced on",
    run: async () => {
      await untilLens(/^●/, CHEAP);
      await vscode.commands.executeCommand("probelens.stopAll");
      await untilLens(/^Trace$/, CHEAP);
    },
  },
  {
    name: "the message's button leads to the setting",
    run: async () => {
      if (!hasPage) return;
      await vscode.commands.executeCommand("notifications.showList");
      await onPage("click", { selector: ".notifications-center .monaco-button", text: "Change the Budget" });
      await until(
        "the setting",
        () => onPage("texts", { selector: ".settings-editor .setting-item-contents" }),
        (texts) => texts?.some((text) => text.includes("Budget")) === true,
      );
      await onPage("screenshot", { name: "9-removed-setting" });
      await vscode.commands.executeCommand("notifications.clearAll");
    },
  },
];
