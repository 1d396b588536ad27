/** An ordinary user with a sudo password: a process of another user, then everything of the click-through. */
import * as vscode from "vscode";
import { clickThrough } from "./clickThrough.ts";
import { clickLens, functionPosition, lensTitle, openSource, untilLens, untilMessage } from "./editor.ts";
import { answerQuestions } from "./questions.ts";
import { equal, onPage, type Step } from "./steps.ts";
import { compute, otherTarget, untilOriginal, untilProbed } from "./target.ts";

export const ordinaryUser: readonly Step[] = [
  {
    name: "another user's process cannot be seen; with administrator rights it is found and traced",
    run: async () => {
      const other = otherTarget();
      const editor = await openSource(other.file);
      equal(await lensTitle(), "", "the lens of a function that no visible process contains");
      const position = functionPosition(editor.document);
      editor.selection = new vscode.Selection(position, position);
      await vscode.commands.executeCommand("probelens.traceAtCursor");
      await untilMessage(/cannot trace computeE/, /Look at All Users' Processes/);
      await onPage("screenshot", { name: "user-0-others" });
      await onPage("click", { selector: ".notifications-center .monaco-button", text: "Look at All Users" });
      await answerQuestions(other.pid);
      await untilProbed(other);
      await compute(8642, other);
      await untilLens(/iterations=8642/);
      await onPage("screenshot", { name: "user-0-others-live" });
      await clickLens();
      await untilLens(/^Trace$/);
      await untilOriginal(other);
      await vscode.commands.executeCommand("workbench.action.closeActiveEditor");
    },
  },
  ...clickThrough,
];
