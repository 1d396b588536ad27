/**
 * Values of every kind in real calls, end to end: test/programs/memory hands each to a function together with the text
 * that it must have.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "../../src/value/text.ts";
import { buildGo } from "../programs/build.ts";
import { Child, CLI } from "./cliProcess.ts";

const PROGRAMS: readonly (readonly [version: string, ...flags: string[]])[] = [
  ["go1.16.15"],
  ["go1.19.13"],
  ["go1.23.12"],
  ["go1.26.8"],
  ["go1.26.8", "-buildmode=pie"],
  ["go1.27.4"],
  ["go1.27.4", "GOEXPERIMENT=mapsplitgroup"],
];
/**
 * Memory that the program never wrote is not resident; a map with few entries in many groups shows some of them; what
 * closures captured is not always known.
 */
const MAX_INCOMPLETE = 12;
const INCOMPLETE =
  /<unavailable: (memory not resident|its entries lie too far apart to be copied)>|, …\+\d|^func main\..*<unavailable: /;
/** Go ≤ 1.20: the type of a closure's object has the names of its variables, of those too that DWARF leaves out. */
const NAMES_CAPTURED_UP_TO = 20;

/** main.hidden's, as its expected text has it. */
const OMITTED_BY_DWARF = "<unavailable: a captured variable is not in the binary's DWARF>";

interface Call {
  readonly event: string;
  readonly args: readonly { readonly text: string; readonly value: Parameters<typeof textOf>[0] }[];
}

for (const [version, ...flags] of PROGRAMS) {
  test(`${version} ${flags.join(" ")}`, async () => {
    const file = buildGo("memory", version, ...flags);
    const trace = new Child(process.execPath, [
      CLI,
      "trace",
      "main.add",
      "--format",
      "jsonl",
      "--values",
      "--max-bytes",
      "4000",
      "--",
      file,
    ]);
    trace.process.stdin?.end();
    assert.equal(await trace.status(), 0, trace.stderr);
    const calls = trace.stdout
      .split("\n")
      .filter((line) => line.startsWith('{"event":"call"'))
      .map((line) => JSON.parse(line) as Call);
    const wrong: { text: string; expected: string }[] = [];
    const incomplete: string[] = [];
    for (const { args } of calls) {
      const [shown, said] = args as [Call["args"][0], Call["args"][0]];
      const { text } = shown;
      assert.equal(text, textOf(shown.value));
      const minor = Number(version.split(".")[1]);
      const known = unquoted(said.text);
      const expected = minor <= NAMES_CAPTURED_UP_TO ? known.replace(OMITTED_BY_DWARF, "n:3") : known;
      // The limit of bytes is the texts', not that of the program.
      if (text === expected || expected.includes("…")) continue;
      if (INCOMPLETE.test(text)) incomplete.push(text);
      else wrong.push({ text, expected });
    }
    assert.deepEqual(wrong, []);
    assert.ok(calls.length > 150, `${calls.length} calls`);
    assert.ok(incomplete.length <= MAX_INCOMPLETE, incomplete.join("\n"));
  });
}

/** strconv.Quote's text, of which JSON knows all escapes but these. */
function unquoted(text: string): string {
  return JSON.parse(
    text
      .replace(/\\x(..)/g, "\\u00$1")
      .replace(/\\a/g, "\\u0007")
      .replace(/\\v/g, "\\u000b"),
  ) as string;
}
