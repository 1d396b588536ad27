/** What the scenarios see and do through the VS Code API; with a page, through the page. */
import * as vscode from "vscode";
import { hasPage, onPage, until } from "./steps.ts";

export const FUNC_LINE = "func computeE(";
const TRACE_AGAIN = /^Trace$|· Trace again$/;
/** A click that led to nothing within this time is repeated. */
const CLICK_AGAIN_MS = 5000;

export async function openSource(file: string): Promise<vscode.TextEditor> {
  const document = await vscode.workspace.openTextDocument(file);
  const editor = await vscode.window.showTextDocument(document);
  const line = document
    .getText()
    .split("\n")
    .findIndex((text) => text.startsWith(FUNC_LINE));
  editor.revealRange(new vscode.Range(line, 0, line, 0), vscode.TextEditorRevealType.InCenter);
  return editor;
}

/** Title of the lens above computeE: as seen on the page, else as the providers give it. */
export async function lensTitle(): Promise<string> {
  if (hasPage) return (await onPage("lensText", { above: FUNC_LINE })) ?? "";
  return (await lens())?.command?.title ?? "";
}

/** Clicks it: with the mouse on the page, else by its command. */
export async function clickLens(): Promise<void> {
  if (hasPage) {
    await onPage("clickLens", { above: FUNC_LINE });
    return;
  }
  const command = (await lens())?.command;
  if (command === undefined) throw new Error("no lens to click");
  await vscode.commands.executeCommand(command.command, ...(command.arguments ?? []));
}

/** Clicks a `Trace` lens until the function is traced: a process that has just been started may not be found at once. */
export async function clickUntilTraced(accept: RegExp): Promise<void> {
  let clickedAt = Number.NEGATIVE_INFINITY;
  await until(
    `a lens that matches ${accept}`,
    async () => {
      const title = await lensTitle();
      if (TRACE_AGAIN.test(title) && performance.now() - clickedAt > CLICK_AGAIN_MS) {
        clickedAt = performance.now();
        await clickLens();
      }
      return title;
    },
    (title) => accept.test(title),
  );
}

export async function untilLens(accept: RegExp): Promise<string> {
  return await until(`a lens that matches ${accept}`, lensTitle, (title) => accept.test(title));
}

/** Text of the events channel; it must be visible, as VS Code gives its text only then. */
export function eventsText(): string {
  const documents = vscode.workspace.textDocuments.filter(({ uri }) => uri.scheme === "output");
  return documents.map((document) => document.getText()).join("\n");
}

export async function hoverTexts(editor: vscode.TextEditor): Promise<string> {
  const position = functionPosition(editor.document);
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    "vscode.executeHoverProvider",
    editor.document.uri,
    position,
  );
  return hovers
    .flatMap(({ contents }) => contents)
    .map((content) => (typeof content === "string" ? content : content.value))
    .join("\n");
}

export function functionPosition(document: vscode.TextDocument): vscode.Position {
  const line = document
    .getText()
    .split("\n")
    .findIndex((text) => text.startsWith(FUNC_LINE));
  return new vscode.Position(line, "func ".length + 2);
}

/** A message of VS Code, with its buttons. Toasts are off while tests run, so the list of notifications is opened. */
export async function untilMessage(...accept: readonly RegExp[]): Promise<void> {
  if (!hasPage) return;
  await until(
    `a message that matches ${accept.join(" and ")}`,
    async () => {
      await vscode.commands.executeCommand("notifications.showList");
      return (await onPage("texts", { selector: ".notifications-center .notification-list-item" })) ?? [];
    },
    (texts) => texts.some((text) => accept.every((pattern) => pattern.test(text))),
  );
}

async function lens(): Promise<vscode.CodeLens | undefined> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) return undefined;
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    "vscode.executeCodeLensProvider",
    document.uri,
    100,
  );
  return lenses.find(({ range }) => range.start.line === functionPosition(document).line);
}
