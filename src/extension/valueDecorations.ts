/**
 * The latest values beside the parameters of traced functions: one static decoration type, text per place, in visible
 * editors only, and never on a line that the user is editing.
 */
import * as vscode from "vscode";
import type { LiveFunction, LiveParams } from "../protocol/editorApi.ts";

/** After an edit on a line, values stay away from it for this long. */
const EDIT_PAUSE_MS = 2_000;

export class ValueDecorations implements vscode.Disposable {
  private readonly type = vscode.window.createTextEditorDecorationType({
    // The user's typing at the edge of a name must not stretch the decoration.
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  private readonly latest = new Map<string, LiveParams>();
  /** Uri and line → when it was edited last. */
  private readonly edited = new Map<string, number>();
  private readonly subscriptions: vscode.Disposable;

  constructor() {
    this.subscriptions = vscode.Disposable.from(
      vscode.window.onDidChangeVisibleTextEditors((editors) => editors.forEach((editor) => this.draw(editor))),
      vscode.workspace.onDidChangeTextDocument((event) => this.onEdit(event)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.latest.delete(uri.toString())),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("probelens.inlineValues")) this.drawAll();
      }),
    );
  }

  update(params: LiveParams): void {
    this.latest.set(params.uri, params);
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document.uri.toString() === params.uri) this.draw(editor);
    }
  }

  clear(): void {
    this.latest.clear();
    this.drawAll();
  }

  dispose(): void {
    this.subscriptions.dispose();
    this.type.dispose();
  }

  private drawAll(): void {
    for (const editor of vscode.window.visibleTextEditors) this.draw(editor);
  }

  private draw(editor: vscode.TextEditor): void {
    const { document } = editor;
    if (document.languageId !== "go") return;
    const live = this.latest.get(document.uri.toString());
    const wanted = vscode.workspace.getConfiguration("probelens", document.uri).get<boolean>("inlineValues", true);
    if (live === undefined || !wanted) {
      editor.setDecorations(this.type, []);
      return;
    }
    // Ranges of another version are wrong; VS Code moves what is drawn until the server has read the new text.
    if (live.version !== document.version) return;
    const options = live.functions.flatMap((fn) => decorate(fn));
    editor.setDecorations(
      this.type,
      options.filter(({ range }) => !this.isBeingEdited(document.uri, range.start.line)),
    );
  }

  private onEdit({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const uri = document.uri.toString();
    if (contentChanges.length === 0 || !this.latest.has(uri)) return;
    const now = performance.now();
    for (const { range, text } of contentChanges) {
      const last = range.start.line + Math.min(text.split("\n").length - 1, 100);
      for (let line = range.start.line; line <= last; line += 1) this.edited.set(`${uri}#${line}`, now);
    }
    for (const [key, at] of this.edited) if (now - at > EDIT_PAUSE_MS) this.edited.delete(key);
  }

  private isBeingEdited(uri: vscode.Uri, line: number): boolean {
    const at = this.edited.get(`${uri.toString()}#${line}`);
    return at !== undefined && performance.now() - at < EDIT_PAUSE_MS;
  }
}

function decorate(fn: LiveFunction): vscode.DecorationOptions[] {
  if (fn.state !== "live") return [];
  return fn.values.flatMap(({ name, text, short, role, range }) => {
    if (range === undefined || short === "") return [];
    const hoverMessage = new vscode.MarkdownString(undefined, false).appendCodeblock(
      name === "" ? text : `${name} = ${text}`,
      "go",
    );
    return [
      {
        range: new vscode.Range(range.line, range.start, range.line, range.end),
        hoverMessage,
        renderOptions: {
          after: {
            contentText: role === "result" ? `→ ${short}` : `= ${short}`,
            margin: "0 0 0 0.4em",
            // Contributed colours, with defaults for light, dark and high contrast, that a theme or a user can set.
            color: new vscode.ThemeColor("probelens.valueForeground"),
            backgroundColor: new vscode.ThemeColor("probelens.valueBackground"),
            textDecoration: `none; border-radius: 3px; padding: 0 0.35em;${fn.stale ? " opacity: 0.55;" : ""}`,
          },
        },
      },
    ];
  });
}
