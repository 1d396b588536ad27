/** What the user sees when tracing cannot work: each message says what, why, and what to do. */
import * as vscode from "vscode";
import { clickLens, openSource, untilLens } from "./editor.ts";
import { hasPage, onPage, type Step, until } from "./steps.ts";
import { target } from "./target.ts";

export const failures: readonly Step[] = [
  {
    name: "no process contains the function: a message with actions",
    run: async () => {
      await openSource(target().file);
      await vscode.workspace.getConfiguration("probelens").update("codeLens", "all", vscode.ConfigurationTarget.Global);
      await untilLens(/^Trace$/);
      await clickLens();
      await untilMessage(/cannot trace computeE/, /Choose a Binary/);
      await onPage("screenshot", { name: "7-no-process" });
      await vscode.commands.executeCommand("notifications.clearAll");
      await vscode.workspace
        .getConfiguration("probelens")
        .update("codeLens", undefined, vscode.ConfigurationTarget.Global);
    },
  },
];

async function untilMessage(text: RegExp, action: RegExp): Promise<void> {
  if (!hasPage) return;
  await until(
    `a message ${text} with ${action}`,
    () => onPage("texts", { selector: ".notification-list-item" }),
    (texts) => texts?.some((message) => text.test(message) && action.test(message)) === true,
  );
}
