/**
 * A second witness: Delve, as a library (delve/main.go), stopped at the same calls of test/programs/values, reads the same
 * arguments. Where the two differ, a rule says whose limit that is; a rule that explains nothing is out of date.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildProgram } from "../matrix/build.ts";
import { buildValues } from "./build.ts";
import { compareText } from "./compare.ts";
import { systematicSource } from "./generate.ts";
import { plainText } from "./plainText.ts";
import { Process } from "./process.ts";
import { functionsOf, linesOf, observe } from "./target.ts";

/** Optimised, arguments in registers; Delve of today reads Go 1.25 and later. */
const VERSIONS = ["1.25.8", "1.27.4"];
const DELVE_LIMIT_MS = 120_000;
/** Of some 4 600 arguments. */
const MIN_EQUAL = 3800;
const MAX_DELVE_LACKS = 0.1;
const MAX_WE_LACK = 0.01;

interface Difference {
  /** `main.f name type`. */
  readonly what: string;
  readonly delve: string;
  readonly ours: string;
}

/** Delve keeps floats as exact numbers, which have neither sign of zero nor infinities. */
const withoutNegativeZero = (text: string) => text.replaceAll(/(?<![\w.])-0(?![\w.])/g, "0");
const withoutDynamicType = (text: string) => text.replace(/^[*\w.[\]]+\(/, "(");
const withoutNamedPointers = (text: string) =>
  text.replaceAll("main.Link(", "*main.Point(").replaceAll("main.Text(", "*string(");
/** Equal but for what Delve could not read. */
const delveHasNoOther = (delve: string, ours: string) =>
  delve === ours || compareText(ours, delve.replaceAll("<unreadable:", "<unavailable:")).verdict === "unavailable";

const EXPLAINED: readonly (readonly [why: string, explains: (difference: Difference) => boolean])[] = [
  ["Delve shows −0 as 0", ({ delve, ours }) => withoutNegativeZero(ours) === delve],
  ["Delve shows complex infinities and NaNs as 0", ({ ours }) => /(?:Inf|NaN)[+-]|[+-](?:Inf|NaN)i/.test(ours)],
  [
    "Delve puts the pieces of a struct in registers one after the other, without the padding between its fields",
    ({ what }) => /^\S+ \w+ (?:struct \{|(?:\[1\])?main\.(?:Mixed|narrow)$)/.test(what),
  ],
  [
    "Delve names the underlying type of an array or pointer type with a name that stands in an interface",
    ({ what, delve, ours }) => what.endsWith(" interface {}") && withoutDynamicType(delve) === withoutDynamicType(ours),
  ],
  [
    "Delve names the underlying type of a pointer type with a name, also where the interface stands in another value",
    ({ delve, ours }) => withoutNamedPointers(ours) !== ours && delveHasNoOther(delve, withoutNamedPointers(ours)),
  ],
  [
    "Delve shows what a map's pointers point to, if the type of these has a name, as the map's values",
    ({ what, delve, ours }) => what.endsWith(" map[string]main.Link") && delve === ours.replaceAll("&", ""),
  ],
  ["Delve cuts strings in channels after 64 bytes", ({ delve }) => /\(len \d+, cap \d+\)\[.*"…\+/.test(delve)],
  ["Delve leaves out what closures captured", ({ what }) => what.startsWith("main.takesCallbacks ")],
  [
    "Bytes that are text are cut between two runes",
    ({ delve, ours }) => ours.includes(", …+") && delve.startsWith(ours.slice(0, ours.lastIndexOf("…+"))),
  ],
  [
    "Delve tells how many elements a timer's channel has room for; to the program its cap is 0",
    ({ what, delve, ours }) => what.startsWith("main.takesTimers ") && delve.replace("cap 1", "cap 0") === ours,
  ],
];

/** What is not shown although Delve can read it. */
const WE_LACK = /^(?:redacted|in FP register, and the probed instruction changes it)$/;

for (const version of VERSIONS)
  test(`go${version}: Delve, stopped at the same calls, reads the same arguments`, async (t) => {
    const program = await buildValues(version, "default", systematicSource());
    const functions = (await functionsOf(program.file)).filter(isForDelve);
    const delve = await readByDelve(program.file, functions);
    const { traced } = await observe(program, ["--values"]);
    const counts = { equal: 0, "Delve lacks": 0, "we lack": 0 };
    const used = new Set<string>();
    const unexplained: Difference[] = [];
    const count = (difference: Difference) => {
      const verdict = compare(difference);
      if (typeof verdict === "string") counts[verdict] += 1;
      else if (verdict === undefined) unexplained.push(difference);
      else used.add(verdict.why);
    };
    for (const func of functions) {
      const theirs = delve.filter((call) => call.func === func);
      const own = traced.filter((call) => call.func === func);
      assert.equal(own.length, theirs.length, `calls of ${func}`);
      for (const [index, { args }] of own.entries())
        for (const { name, type, value } of args) {
          const text = theirs[index]!.args.find((arg) => arg.name === name)?.text;
          assert.ok(value, `${func} ${name}`);
          if (text === undefined) counts["Delve lacks"] += 1;
          else count({ what: `${func} ${name} ${type}`, delve: text, ours: plainText(value) });
        }
    }
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(unexplained, []);
    assert.deepEqual(
      EXPLAINED.map(([why]) => why).filter((why) => !used.has(why)),
      [],
      "explain nothing",
    );
    assert.ok(counts.equal > MIN_EQUAL, `${counts.equal} equal`);
    assert.ok(counts["Delve lacks"] < MAX_DELVE_LACKS * counts.equal, `${counts["Delve lacks"]} not read by Delve`);
    assert.ok(counts["we lack"] < MAX_WE_LACK * counts.equal, `${counts["we lack"]} not shown`);
  });

/** Undefined: different, and nothing explains it. */
function compare(difference: Difference): "equal" | "Delve lacks" | "we lack" | { readonly why: string } | undefined {
  const { delve, ours } = difference;
  if (delve === ours) return "equal";
  const explained = EXPLAINED.find(([, explains]) => explains(difference));
  if (explained !== undefined) return { why: explained[0] };
  const weLack = compareText(delve, ours);
  if (weLack.verdict === "unavailable" && weLack.reasons.every((reason) => WE_LACK.test(reason))) return "we lack";
  return delveHasNoOther(delve, ours) ? "Delve lacks" : undefined;
}

/** Instances of generic functions share names; one function's arguments tell the time of the run. */
function isForDelve(func: string): boolean {
  return !func.includes("[") && func !== "main.takesTimes";
}

interface DelveCall {
  readonly func: string;
  readonly args: readonly { readonly name: string; readonly text: string }[];
}

async function readByDelve(file: string, functions: readonly string[]): Promise<DelveCall[]> {
  const reader = await buildProgram({
    folder: "test/values/delve",
    module: "example.com/delvevalues",
    version: "1.27.4",
    name: "default",
    flags: [],
    hasRequirements: true,
  });
  const folder = mkdtempSync(join(tmpdir(), "probelens-delve-"));
  try {
    writeFileSync(join(folder, "input"), `run 0 ${Number.MAX_SAFE_INTEGER}\n`);
    const delve = new Process(reader, [file, join(folder, "input"), ...functions]);
    try {
      await delve.closed(DELVE_LIMIT_MS);
    } finally {
      // Its target then ends at a breakpoint, or with its input.
      delve.kill("SIGKILL");
    }
    assert.equal(delve.stderr, "");
    return linesOf(delve.stdout).map((line) => JSON.parse(line) as DelveCall);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
