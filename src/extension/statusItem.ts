/** One short status bar item while functions are traced; a click stops all. */
import * as vscode from "vscode";
import type { StatusParams } from "../protocol/editorApi.ts";

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("probelens.status", vscode.StatusBarAlignment.Left);

  constructor() {
    this.item.name = "Probelens";
  }

  update({ traced, hint }: StatusParams): void {
    void vscode.commands.executeCommand("setContext", "probelens.tracing", traced > 0);
    if (traced > 0) {
      this.item.text = `$(eye) ${traced} traced`;
      this.item.tooltip = "Probelens: click to stop all traces";
      this.item.command = "probelens.stopAll";
      this.item.accessibilityInformation = { label: `Probelens traces ${traced} functions. Click to stop all.` };
      this.item.show();
    } else if (hint !== "") {
      this.item.text = "$(warning) Probelens";
      this.item.tooltip = hint;
      this.item.command = "probelens.showLog";
      this.item.show();
    } else {
      this.item.hide();
    }
  }

  dispose(): void {
    this.item.dispose();
  }
}
