/** A file whose build info is gone: the runtime tells its version, and where nothing does, nothing is guessed. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { contextOf } from "../../../src/engine/plan/tracePlan.ts";
import type { GoBinary } from "../../../src/gobinary/api.ts";
import { openBinary } from "../../../src/gobinary/open.ts";
import { buildShapes } from "../../matrix/build.ts";
import { modeNamed } from "../../matrix/toolchains.ts";
import { buildGoIn } from "../../programs/build.ts";
import { bytesSource } from "./binaryFile.ts";

const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");

/** 1.23's goroutines have their numbers elsewhere than those of the newest version with its format of tables. */
for (const version of ["1.15.15", "1.20.14", "1.23.12", "1.27.4"])
  for (const mode of ["strip", "piesw"]) {
    test(`Go ${version}, ${mode}`, async () => {
      const program = readFileSync(await buildShapes(version, modeNamed(mode)));
      const whole = await openBinary(bytesSource(Buffer.from(program)));
      erase(program, MAGIC);
      const without = await openBinary(bytesSource(Buffer.from(program)));
      assert.equal(without.buildInfo.goVersion, `go${version}`);
      assert.deepEqual(without.runtime, whole.runtime);
      assert.deepEqual(without.runtimeFacts, whole.runtimeFacts);
      contextOf(without, {});

      erase(program, Buffer.from(`go${version}`));
      const unknown = await openBinary(bytesSource(program));
      assert.match(unknown.warnings.join(), /its Go version is not known/);
      assert.throws(() => contextOf(unknown, {}), /its Go version is not known/);
    });
  }

test("among thousands of texts that begin like a version", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "probelens-version-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "go.mod"), "module versions\n\ngo 1.15\n");
  const texts = Array.from({ length: 3000 }, (_, at) => `go1.${at}/file.go`).join(" ");
  writeFileSync(join(folder, "main.go"), `package main\n\nvar texts = "${texts}"\n\nfunc main() { println(texts) }\n`);
  const program = readFileSync(buildGoIn(folder, "go1.23.12", "-ldflags=-s -w"));
  erase(program, MAGIC);
  assert.equal((await openBinary(bytesSource(program))).buildInfo.goVersion, "go1.23.12");
});

test("a version newer than the tables: its debug information tells where goroutines have their numbers", async () => {
  for (const [mode, guessed] of [
    ["plaindwarf", undefined],
    ["strip", true],
  ] as const) {
    const program = readFileSync(await buildShapes("1.27.4", modeNamed(mode)));
    for (let at = program.indexOf("go1.27.4"); at >= 0; at = program.indexOf("go1.27.4", at))
      program.write("go1.99.4", at);
    const binary: GoBinary = await openBinary(bytesSource(program));
    assert.equal(binary.runtime.guessed, guessed, mode);
    if (guessed === true) assert.throws(() => contextOf(binary, {}), /where go1\.99\.4 keeps the numbers/);
  }
});

function erase(program: Buffer, text: Buffer): void {
  assert.ok(program.includes(text));
  for (let at = program.indexOf(text); at >= 0; at = program.indexOf(text)) program.fill("#", at, at + text.length);
}
