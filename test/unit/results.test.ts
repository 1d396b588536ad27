/**
 * Results that compilers leave out of DWARF: read from the source that the program was built from, as long as it is
 * unchanged, and otherwise said to be unknown. Never fewer than there are.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { functionRow, signatureText } from "../../src/cli/functionRow.ts";
import { createEngine } from "../../src/server/engine.ts";
import { buildGo } from "../programs/build.ts";

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
};
/** What the DWARF of the version cannot tell: everything in registers, or what ranges over functions and returns. */
const UNTOLD: Readonly<Record<string, readonly string[]>> = {
  "1.17.13": Object.keys(PLAIN).filter((name) => name !== "main.main"),
  "1.23.12": ["main.rangeUnnamed", "main.rangeNamed", "main.rangeBlankFirst"],
  "1.27.4": ["main.rangeUnnamed", "main.rangeNamed", "main.rangeBlankFirst"],
};

for (const version of ["1.15.15", "1.17.13", "1.18.10", "1.22.12", "1.23.12", "1.27.4"]) {
  const expected = Number(version.split(".")[1]) >= 23 ? { ...PLAIN, ...RANGES } : PLAIN;

  test(`Go ${version}: every result, with the source`, async () => {
    assert.deepEqual(await signatures(buildGo("results", `go${version}`), Object.keys(expected)), expected);
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

test("a source that changed after the build is not read", async () => {
  const directory = mkdtempSync(join(tmpdir(), "probelens-results-"));
  try {
    cpSync(new URL("../programs/results/", import.meta.url), directory, { recursive: true });
    const file = join(directory, "bin", "program");
    const env = { ...process.env, GOTOOLCHAIN: "go1.17.13", GOFLAGS: "-mod=mod", CGO_ENABLED: "0" };
    execFileSync("go", ["build", "-o", file, "."], { cwd: directory, env });
    assert.deepEqual(await signatures(file, ["main.one"]), { "main.one": "(a int) int" });
    const source = join(directory, "main.go");
    writeFileSync(source, readFileSync(source, "utf8").replace("func one(a int) int {", "func one(a int) string {"));
    assert.deepEqual(await signatures(file, ["main.one"]), { "main.one": "(a int) …" });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

async function signatures(file: string, names: readonly string[]): Promise<Record<string, string>> {
  const engine = createEngine();
  try {
    const binary = await engine.openFile(file);
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
