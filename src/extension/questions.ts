/** What the server asks the user through us: which process, which binary, which password. */
import { basename } from "node:path";
import * as vscode from "vscode";
import type { AskPasswordParams, ChooseBinaryParams, PickProcessParams } from "../protocol/editorApi.ts";

export async function pickProcess({ func, candidates }: PickProcessParams): Promise<number | null> {
  const items = candidates.map(({ pid, user, binary, started, note }) => ({
    label: `$(server-process) ${basename(binary)}`,
    description: `pid ${pid} · ${user} · since ${new Date(started).toLocaleString()}`,
    detail: note === undefined ? binary : `${binary} · $(warning) ${note}`,
    pid,
  }));
  const picked = await vscode.window.showQuickPick(items, {
    title: `Trace ${func} in which process?`,
    placeHolder: "Several running processes contain this function",
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return picked?.pid ?? null;
}

export async function chooseBinary({ title }: ChooseBinaryParams): Promise<string | null> {
  const files = await vscode.window.showOpenDialog({ title, openLabel: "Choose", canSelectMany: false });
  return files?.[0]?.fsPath ?? null;
}

/** The password goes to the server's private askpass socket and is kept nowhere. */
export async function askPassword({ prompt, attempt }: AskPasswordParams): Promise<string | null> {
  const password = await vscode.window.showInputBox({
    title: "Probelens needs administrator rights to place probes",
    // sudo ends its prompt with a colon, after which the user would type on a terminal.
    prompt: (attempt > 1 ? "That password was not accepted. " : "") + prompt.replace(/:\s*$/, ""),
    password: true,
    // Looking the password up in another window must not close the box.
    ignoreFocusOut: true,
  });
  return password ?? null;
}
