/** The output channel with one line per call. */
import * as vscode from "vscode";
import type { EventsParams } from "../protocol/editorApi.ts";

/** The channel is emptied beyond this many lines: VS Code would keep them all, for as long as the window is open. */
const MAX_LINES = 50_000;

export class EventsChannel implements vscode.Disposable {
  private readonly channel = vscode.window.createOutputChannel("Probelens Events");
  private count = 0;

  append({ lines, skipped }: EventsParams): void {
    const text =
      skipped > 0 ? [`… ${skipped} more calls were not written here: they came too fast to read`, ...lines] : lines;
    if (text.length === 0) return;
    if (this.count + text.length > MAX_LINES) {
      this.channel.replace(`… the first ${this.count} lines were removed\n`);
      this.count = 0;
    }
    this.channel.append(`${text.join("\n")}\n`);
    this.count += text.length;
  }

  show(): void {
    this.channel.show(true);
  }

  dispose(): void {
    this.channel.dispose();
  }
}
