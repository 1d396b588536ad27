/** What the scenarios see and do through the VS Code API; with a page, through the page. */
import * as vscode from "vscode";
import { hasPage, onPage, until } from "./steps.ts";

export const FUNC_LINE = "func computeE(";
const TRACE_AGAIN = /^Trace$|· Trace again$/;
/** A click that led to nothing within this time is repeated. */
const CLICK_AGAIN_MS = 5000;

export async function openSource(file: string, funcLine = FUNC_LINE): Promise<vscode.TextEditor> {
  const document = await vscode.workspace.openTextDocument(file);
  const editor = await vscode.window.showTextDocument(document);
  const line = document
    .getText()
    .split("\n")
    .findIndex((text) => text.startsWith(funcLine));
  editor.revealRange(new vscode.Range(line, 0, line, 0), vscode.TextEditorRevealType.InCenter);
  return editor;
}

/** Title of the lens above computeE, or another function: as seen on the page, else as the providers give it. */
export async function lensTitle(funcLine = FUNC_LINE): Promise<string> {
  if (hasPage) return (await onPage("lensText", { above: funcLine })) ?? "";
  return (await lens(funcLine))?.command?.title ?? "";
}

/** Clicks it: with the mouse on the page, else by its command. */
export async function clickLens(funcLine = FUNC_LINE): Promise<void> {
  if (hasPage) {
    await onPage("clickLens", { above: funcLine });
    return;
  }
  const command = (await lens(funcLine))?.command;
  if (command === undefined) throw new Error("no lens to click");
  await vscode.commands.executeCommand(command.command, ...(command.arguments ?? []));
}

/** Clicks a `Trace` lens until the function is traced: a process that has just been started may not be found at once. */
export async function clickUntilTraced(accept: RegExp, funcLine = FUNC_LINE): Promise<void> {
  let clickedAt = Number.NEGATIVE_INFINITY;
  await until(
    `a lens that matches ${accept}`,
    async () => {
      const title = await lensTitle(funcLine);
      if (TRACE_AGAIN.test(title) && performance.now() - clickedAt > CLICK_AGAIN_MS) {
        clickedAt = performance.now();
        await clickLens(funcLine);
      }
      return title;
    },
    (title) => accept.test(title),
  );
}

export async function untilLens(accept: RegExp, funcLine = FUNC_LINE): Promise<string> {
  const read = async (): Promise<string> => await lensTitle(funcLine);
  return await until(`a lens that matches ${accept}`, read, (title) => accept.test(title));
}

/** Text of the events channel; it must be visible, as VS Code gives its text only then. */
export function eventsText(): string {
  const documents = vscode.workspace.textDocuments.filter(({ uri }) => uri.scheme === "output");
  return documents.map((document) => document.getText()).join("\n");
}

export async function hoverTexts(editor: vscode.TextEditor, funcLine = FUNC_LINE): Promise<string> {
  const position = functionPosition(editor.document, funcLine);
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

export function functionPosition(document: vscode.TextDocument, funcLine = FUNC_LINE): vscode.Position {
  const line = document
    .getText()
    .split("\n")
    .findIndex((text) => text.startsWith(funcLine));
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

async function lens(funcLine: string): Promise<vscode.CodeLens | undefined> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) return undefined;
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    "vscode.executeCodeLensProvider",
    document.uri,
    100,
  );
  return lenses.find(({ range }) => range.start.line === functionPosition(document, funcLine).line);
}
