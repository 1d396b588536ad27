/**
 * Results that compilers leave out of DWARF: read from the source that the user gives, or from the one that version
 * control proves to be what the program was built from, and otherwise said to be unknown. Never fewer than there are.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { functionRow, signatureText } from "../../../src/cli/functionRow.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import { buildGo } from "../../programs/build.ts";

const PROGRAM = new URL("../../programs/results/", import.meta.url);

const PLAIN: Readonly<Record<string, string>> = {
  "main.none": "(a int)",
  "main.one": "(a int) int",
  "main.named": "(a int) (r int, err error)",
  "main.array": "(a int) ([3]int, string)",
  "main.structure": "(p main.pair) main.pair",
  "main.float": "(f float64) float64",
  "main.blank": "(b string) (int, error)",
  "main.(*counter).method": "(c *main.counter, s string) (string, error)",
  "main.alsoInlined": "(a int) int",
  "main.main": "()",
};
const RANGES: Readonly<Record<string, string>> = {
  "main.rangeUnnamed": "(n int) (int, error)",
  "main.rangeNamed": "(n int) (r int, err error)",
  "main.rangeBlankFirst": "(n int) (string, r int)",
  "main.rangeWithoutReturn": "(n int) (int, string)",
  "main.rangeUnnamed-range1": "(v int) bool",
  "main.(*limit).first": "(n *main.limit) (int, error)",
  "main.limit.first-fm": "() (int, error)",
};
/** Wrappers and method values hold what was inlined into them. */
const RETURNS_INSIDE = [
  "main.rangeUnnamed",
  "main.rangeNamed",
  "main.rangeBlankFirst",
  "main.(*limit).first",
  "main.limit.first-fm",
];
/** What the DWARF of the version cannot tell: everything in registers, or what ranges over functions and returns. */
const UNTOLD: Readonly<Record<string, readonly string[]>> = {
  "1.17.13": Object.keys(PLAIN).filter((name) => name !== "main.main"),
  "1.23.12": RETURNS_INSIDE,
  "1.27.4": RETURNS_INSIDE,
};

for (const version of ["1.15.15", "1.17.13", "1.18.10", "1.22.12", "1.23.12", "1.27.4"]) {
  const expected = Number(version.split(".")[1]) >= 23 ? { ...PLAIN, ...RANGES } : PLAIN;

  test(`Go ${version}: every result, with the source`, async () => {
    const file = buildGo("results", `go${version}`, "-trimpath");
    assert.deepEqual(await signatures(file, Object.keys(expected), fileURLToPath(PROGRAM)), expected);
  });

  test(`Go ${version}: no result is denied without the source`, async () => {
    const untold = UNTOLD[version] ?? [];
    const parameters = (text: string): string => `${text.slice(0, text.indexOf(")") + 1)} …`;
    const without = Object.entries(expected).map(([name, text]) => [
      name,
      untold.includes(name) ? parameters(text) : text,
    ]);
    assert.deepEqual(
      await signatures(buildGo("results", `go${version}`, "-trimpath"), Object.keys(expected)),
      Object.fromEntries(without),
    );
  });
}

describe("a program with its source beside it", () => {
  const directory = mkdtempSync(join(tmpdir(), "probelens-results-"));
  const programs = mkdtempSync(join(tmpdir(), "probelens-programs-"));
  const source = join(directory, "ranges.go");
  const build = (vcs: boolean): string => {
    const file = join(programs, `vcs-${vcs}`);
    const env = { ...process.env, GOTOOLCHAIN: "go1.27.4", GOFLAGS: "-mod=mod", CGO_ENABLED: "0" };
    execFileSync("go", ["build", `-buildvcs=${vcs}`, "-o", file, "."], { cwd: directory, env });
    return file;
  };
  const git = (...words: string[]): unknown =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...words], { cwd: directory });
  const known = { "main.rangeUnnamed": "(n int) (int, error)" };
  const unknown = { "main.rangeUnnamed": "(n int) …" };

  before(() => {
    cpSync(PROGRAM, directory, { recursive: true, filter: (path) => basename(path) !== "bin" });
    git("init", "--quiet");
    git("add", ".");
    git("commit", "--quiet", "--message", "results");
  });
  after(() => {
    for (const folder of [directory, programs]) rmSync(folder, { recursive: true });
  });

  test("is read where version control proves that it is the program's", async () => {
    assert.deepEqual(await signatures(build(true), Object.keys(known)), known);
  });

  test("is not read where the program does not name its revision, however old the source", async () => {
    assert.deepEqual(await signatures(build(false), Object.keys(known)), unknown);
  });

  test("is not read where it was written after the program, although it was given", async () => {
    const file = build(false);
    assert.deepEqual(await signatures(file, Object.keys(known), directory), known);
    writeFileSync(source, readFileSync(source, "utf8"));
    assert.deepEqual(await signatures(file, Object.keys(known), directory), unknown);
  });

  test("is not read once it has changed, whatever its date", async () => {
    const file = build(true);
    const { atime, mtime } = statSync(source);
    const changed = readFileSync(source, "utf8").replace("rangeUnnamed(n int) (int,", "rangeUnnamed(n int) (uint,");
    writeFileSync(source, changed);
    utimesSync(source, atime, mtime);
    assert.deepEqual(await signatures(file, Object.keys(known)), unknown);
  });
});

async function signatures(file: string, names: readonly string[], source?: string): Promise<Record<string, string>> {
  const engine = createEngine({ source });
  try {
    const binary = await engine.openFile(newJob(), file);
    const found: Record<string, string> = {};
    for (const name of names) {
      const [fn] = await binary.functionsNamed(name);
      assert.ok(fn, `${name} is in the binary`);
      found[name] = signatureText(await functionRow(binary, fn));
    }
    return found;
  } finally {
    await engine.dispose();
  }
}
