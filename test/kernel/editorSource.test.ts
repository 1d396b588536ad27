/**
 * The editor's side of source and binary: a stripped program shows its arguments from the open source, and a source
 * that is not the binary's is told or refused. The language server is driven as an editor drives it.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { COMMANDS, type LiveFunction, METHODS } from "../../src/protocol/editorApi.ts";
import { until } from "../until.ts";
import { startTarget } from "./cliProcess.ts";
import { EditorClient } from "./editorClient.ts";

const SOURCE = `package main

import (
	"bufio"
	"fmt"
	"os"
)

type point struct {
	X, Y int
	Name string
}

//go:noinline
func greet(name string, p point) int { return len(name) + p.X }

func main() {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		fmt.Println(greet(in.Text(), point{7, 2, "p of " + in.Text()}))
	}
}
`;
const LINE = SOURCE.split("\n").findIndex((line) => line.startsWith("func greet"));

const folder = mkdtempSync(join(tmpdir(), "probelens-editor-source-"));
/** A checkout; the programs are built elsewhere, because git counts untracked files as changes. */
const checkout = join(folder, "checkout");
const file = join(checkout, "app.go");
const uri = pathToFileURL(file).href;
const live = new Map<number, LiveFunction>();
let editor: EditorClient;
let version = 0;

before(async () => {
  mkdirSync(checkout);
  writeFileSync(join(checkout, "go.mod"), "module example.com/app\n\ngo 1.18\n");
  writeFileSync(file, SOURCE);
  git("init", "-q");
  git("add", "go.mod", "app.go");
  git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "first");
  editor = await EditorClient.start(checkout);
  editor.onLive = ({ functions, version: of }) => {
    for (const fn of functions) live.set(of, fn);
  };
});
after(async () => {
  await editor.end();
  rmSync(folder, { recursive: true, force: true });
});

test("a stripped program: arguments beside the code, from the open source", async () => {
  const target = startTarget(build("stripped", "-ldflags=-s -w"));
  await target.says("ready");
  await show(SOURCE);
  await trace();
  target.send("Ada");
  const shown = await until("values", () => live.get(version)?.values.length === 3 && live.get(version));
  assert.deepEqual(
    shown.values.map(({ name, text }) => [name, text]),
    [
      ["name", '"Ada"'],
      ["p", 'main.point{X:7, Y:2, Name:"p of Ada"}'],
      ["", "10"],
    ],
  );
  const [name] = shown.values;
  assert.deepEqual(name?.range, { line: LINE, start: "func greet(".length, end: "func greet(name".length });
  assert.equal(shown.stale, false);
  await hovered(/Source: exact: the binary was built from this revision/);
  await stop();
  await target.end();
});

test("names that the setting adds are not shown, by traces that begin after it", async () => {
  const target = startTarget(build("whole"));
  await target.says("ready");
  await show(SOURCE);
  const texts = async (name: string): Promise<string[]> => {
    await trace();
    target.send(name);
    const shown = await until("values", () => live.get(version)?.values.length === 3 && live.get(version));
    await hovered(/main\.point/);
    return shown.values.map(({ text }) => text);
  };
  assert.deepEqual(await texts("Ada"), ['"Ada"', 'main.point{X:7, Y:2, Name:"p of Ada"}', "10"]);
  await stop();
  for (const secretNames of [["name", "na*me"], "name"]) {
    editor.settings = { secretNames };
    editor.messages.length = 0;
    await command(COMMANDS.trace, LINE);
    const message = await until("the refusal", () => editor.messages[0]);
    assert.match(message, /probelens\.secretNames secret: .*\. Correct that setting, and trace again/);
    await untilTitle(LINE, /Trace again/);
  }
  editor.settings = { secretNames: ["name"] };
  assert.deepEqual(await texts("Bob"), ["<redacted>", "main.point{X:7, Y:2, Name:<redacted>}", "10"]);
  await hovered(/^(?!.*Bob)/s);
  await stop();
  editor.settings = {};
  await target.end();
});

test("a stripped program whose function has moved is refused, with how far", async () => {
  const target = startTarget(build("stripped", "-ldflags=-s -w"));
  await target.says("ready");
  const moved = SOURCE.replace("type point", "// one\n// two\n// three\ntype point");
  writeFileSync(file, moved);
  await show(moved);
  await untilTitle(LINE + 3, /line moved by \+3/);
  editor.messages.length = 0;
  await command(COMMANDS.trace, LINE + 3);
  const message = await until("the refusal", () => editor.messages.find((text) => text.includes("greet")));
  assert.match(message, /greet has moved down by 3 lines/);
  writeFileSync(file, SOURCE);
  await target.end();
});

test("a program of another revision with the function in its place: traced, and told", async () => {
  const target = startTarget(build("whole"));
  await target.says("ready");
  const edited = SOURCE.replace("return len(name) + p.X", "return len(name) - p.X");
  writeFileSync(file, edited);
  await show(edited);
  await trace();
  target.send("Zoë");
  const told = await until("values that are said to be old", () => {
    const shown = live.get(version);
    return shown?.stale === true && shown.values.length > 0 && shown;
  });
  assert.equal(told.values[0]?.text, '"Zoë"');
  await untilTitle(LINE, /source differs from the binary \(different revision\)/);
  await hovered(/built from revision [0-9a-f]{12}.*uncommitted changes/);
  await stop();
  writeFileSync(file, SOURCE);
  await target.end();
});

function build(name: string, ...flags: string[]): string {
  const output = join(folder, name);
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" };
  execFileSync("go", ["build", "-buildvcs=true", ...flags, "-o", output, "."], { cwd: checkout, env });
  return output;
}

function git(...args: string[]): void {
  execFileSync("git", args, { cwd: checkout, stdio: "ignore" });
}

async function show(text: string): Promise<void> {
  version += 1;
  const document = { uri, languageId: "go", version, text };
  if (version === 1) await editor.connection.sendNotification("textDocument/didOpen", { textDocument: document });
  else {
    await editor.connection.sendNotification("textDocument/didChange", {
      textDocument: { uri, version },
      contentChanges: [{ text }],
    });
    await editor.connection.sendNotification("textDocument/didSave", { textDocument: { uri } });
  }
  await editor.connection.sendNotification(METHODS.visible, { uris: [uri] });
}

async function trace(): Promise<void> {
  editor.messages.length = 0;
  await untilTitle(LINE, /Trace/);
  await command(COMMANDS.trace, LINE);
  await until("probes, or a message", () => editor.messages.length > 0 || live.get(version)?.state === "waiting");
  assert.deepEqual(editor.messages, []);
}

async function stop(): Promise<void> {
  await command(COMMANDS.stop, LINE);
  await untilTitle(LINE, /^Trace/);
  live.clear();
}

async function command(name: string, line: number): Promise<void> {
  await editor.execute(name, uri, line);
}

async function untilTitle(line: number, pattern: RegExp): Promise<string> {
  interface Lens {
    readonly range: { readonly start: { readonly line: number } };
    readonly command: { readonly title: string };
  }
  const end = performance.now() + 30_000;
  for (;;) {
    const lenses: Lens[] = await editor.connection.sendRequest("textDocument/codeLens", { textDocument: { uri } });
    const title = lenses.find(({ range }) => range.start.line === line)?.command.title ?? "";
    if (pattern.test(title)) return title;
    if (performance.now() > end) throw new Error(`no lens like ${pattern.source}, but ${JSON.stringify(title)}`);
  }
}

async function hovered(pattern: RegExp): Promise<void> {
  const position = { line: LINE, character: 6 };
  const end = performance.now() + 30_000;
  for (;;) {
    const hover: { contents: { value: string } } | null = await editor.connection.sendRequest("textDocument/hover", {
      textDocument: { uri },
      position,
    });
    const text = hover?.contents.value ?? "";
    if (pattern.test(text.replace(/\\/g, ""))) return;
    if (performance.now() > end) throw new Error(`no hover like ${pattern.source}, but ${text}`);
  }
}
