/** What the user sees when tracing cannot work, or ends by itself: each message says what, why, and what to do. */
import { type ChildProcess, spawn } from "node:child_process";
import * as vscode from "vscode";
import { clickLens, clickUntilTraced, openSource, untilLens, untilMessage } from "./editor.ts";
import { onPage, type Step } from "./steps.ts";
import { target } from "./target.ts";

let demo: ChildProcess | undefined;

export const failures: readonly Step[] = [
  {
    name: "no process contains the function: a message with actions",
    run: async () => {
      await openSource(target().file);
      const settings = vscode.workspace.getConfiguration("probelens");
      await settings.update("codeLens", "all", vscode.ConfigurationTarget.Global);
      await untilLens(/^Trace$/);
      await clickLens();
      await untilMessage(/cannot trace computeE/, /Choose a Binary/);
      await onPage("screenshot", { name: "7-no-process" });
      await vscode.commands.executeCommand("notifications.clearAll");
      await settings.update("codeLens", undefined, vscode.ConfigurationTarget.Global);
    },
  },
  {
    name: "a process that starts later is found, and its end is told",
    run: async () => {
      demo = startDemo();
      await clickUntilTraced(/^●.*waiting/);
      demo.kill("SIGKILL");
      await untilLens(/^○ process \d+ ended · Trace again$/);
      await untilMessage(/has ended/);
      await onPage("screenshot", { name: "8-process-ended" });
      await vscode.commands.executeCommand("notifications.clearAll");
    },
  },
  {
    name: "started again, the function can be traced again",
    run: async () => {
      demo = startDemo();
      await clickUntilTraced(/^●/);
      await clickLens();
      await untilLens(/^Trace$/);
      demo.kill("SIGKILL");
    },
  },
];

/** After a failed step too: a process left behind is one that the next run would find. */
export function endDemo(): void {
  demo?.kill("SIGKILL");
}

function startDemo(): ChildProcess {
  return spawn(target().binary, ["-listen", "127.0.0.1:0"], { stdio: "ignore" });
}
