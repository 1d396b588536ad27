/** A service with structs, maps, errors, contexts and interfaces: its values in lens, signature, hover and channel. */
import * as vscode from "vscode";
import { clickLens, clickUntilTraced, eventsText, hoverTexts, openSource, untilLens } from "./editor.ts";
import { equal, hasPage, onPage, type Step, until } from "./steps.ts";

const PUT = "func (s *Store) Put(";
const FIND = "func (s *Store) Find(";
/** Of a field whose name is a secret's (test/programs/orders/orders.go). */
const SECRET = "tok_5f2e9a";
/** Lens and values are a line's worth. */
const MAX_LENS = 160;
const MAX_BESIDE = 100;

let editor: vscode.TextEditor;
let topBefore: number | undefined;

export const orders: readonly Step[] = [
  {
    name: "structs, maps, errors and contexts stand in the lens, a line's worth",
    run: async () => {
      editor = await openSource(process.env["PROBELENS_TEST_FILE"] ?? "", PUT);
      await untilLens(/^Trace$/, PUT);
      topBefore = await onPage("lineTop", { line: PUT });
      await clickLens(PUT);
      await untilLens(/o=&Order\{ID:7, Customer:&Customer\{.*discount=0\.1 → \(18\.9\d*, nil\)/, PUT);
      await picture("1-lens");
      const title = await untilLens(/o=&Order\{ID:8, .*discount=0\.1 → \(0, &StockError\{SKU:/, PUT);
      if (title.length > MAX_LENS) throw new Error(`the lens is too long: ${title}`);
      equal(await onPage("lineTop", { line: PUT }), topBefore, "the line's place on the screen");
    },
  },
  {
    name: "the latest values stand beside the parameters, a line's worth in all",
    run: async () => {
      if (!hasPage) return;
      for (const wanted of [/^= &Order\{ID:7, Customer:/, /^= nil$/, /^→ \(.*&StockError\{/]) {
        const texts = await until(
          `a value beside the code that matches ${wanted}`,
          async () => (await onPage("decorations", { line: PUT })) ?? [],
          (found) => found.some((text) => wanted.test(text)),
        );
        const together = texts.join("").length;
        if (together > MAX_BESIDE) throw new Error(`${together} columns beside the code: ${texts.join(" ")}`);
      }
      await picture("2-beside");
      const settings = vscode.workspace.getConfiguration("workbench");
      for (const theme of ["Default Light Modern", "Default High Contrast"]) {
        await settings.update("colorTheme", theme, vscode.ConfigurationTarget.Global);
        await picture(`2-beside-${theme.toLowerCase().replaceAll(" ", "-")}`);
      }
      await settings.update("colorTheme", "Default Dark Modern", vscode.ConfigurationTarget.Global);
    },
  },
  {
    name: "the hover has the last calls short, and one of them whole",
    run: async () => {
      const parts = ["&StockError{", "Customer: &main.Customer{", "main.requestKey{}", "SKU:", "Token: <redacted>"];
      let text = "";
      for (const part of parts)
        text = await until(
          `a hover with ${part}`,
          () => hoverTexts(editor, PUT),
          (hover) => hover.includes(part),
        );
      if (text.includes(SECRET)) throw new Error("a secret stands in the hover");
      if (!hasPage) return;
      await onPage("hover", { line: PUT, word: "Put" });
      await until(
        "the hover on the page",
        () => onPage("texts", { selector: ".monaco-hover:visible" }),
        (texts) => texts?.some((hover) => hover.includes("&main.Store{")) === true,
      );
      await picture("3-hover");
      await onPage("crop", { name: "walkthrough-hover", line: PUT, above: 270, width: 920, height: 300 });
      await onPage("moveMouseAway", {});
    },
  },
  {
    name: "the output channel has whole values, bounded",
    run: async () => {
      await vscode.commands.executeCommand("probelens.showEvents");
      const text = await until("lines of Put", eventsText, (events) => events.includes("= (total="));
      if (text.includes(SECRET)) throw new Error("a secret stands in the events channel");
      await picture("4-events");
      await onPage("crop", { name: "walkthrough-events", line: PUT, above: 60, width: 920, height: 330 });
    },
  },
  {
    name: "results that are slices of pointers, funcs that have captured something",
    run: async () => {
      await vscode.commands.executeCommand("workbench.action.closePanel");
      editor = await openSource(process.env["PROBELENS_TEST_FILE"] ?? "", FIND);
      // A lens that has just been scrolled into view may still have the command of an older answer.
      await clickUntilTraced(/^●/, FIND);
      // The closure stands on the stack, where nothing proves that DWARF names all that it captured: hence the ellipsis.
      // More may be captured than DWARF lists, unless version control proves the source: not in a working tree with changes.
      await untilLens(/tags=map\{"channel":"web"\}, limit=3, accept=func main\.func1\{least:0(, …)?\} → \(\{/, FIND);
      await untilLens(/accept=func .* → \(nil, &errors/, FIND);
      await untilLens(/→ \((\{&Order\{|\[1\]…).*, nil\)/, FIND);
      await picture("5-find");
      // Its text changes all the time; a click counts nevertheless.
      await clickLens(FIND);
      await untilLens(/^Trace$/, FIND);
    },
  },
];

async function picture(name: string): Promise<void> {
  await onPage("screenshot", { name: `orders-${name}` });
}
