/** Programs for other systems are no targets here, and their message says which system. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openBinary } from "../../../src/gobinary/open.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { buildShapes } from "../../matrix/build.ts";
import { modeNamed } from "../../matrix/toolchains.ts";
import { buildGo } from "../../programs/build.ts";
import { bytesSource } from "./binaryFile.ts";

const OSABI = 7;

/** What the linker writes for each system into a program that is else the same. */
const SYSTEMS: readonly (readonly [system: string, change: (program: Buffer) => void, why: RegExp])[] = [
  ["FreeBSD", (program) => program.writeUInt8(9, OSABI), /^it is a program for FreeBSD$/],
  ["OpenBSD", (program) => program.writeUInt8(12, OSABI), /^it is a program for OpenBSD$/],
  ["another one", (program) => program.writeUInt8(77, OSABI), /^it is a program for system number 77$/],
  ["plan9", (program) => builtFor(program, "plan9"), /^it was built for plan9$/],
  ["macOS", (program) => program.writeUInt32BE(0xcffaedfe, 0), /it is a macOS program \(Mach-O\)$/],
  ["another architecture", (program) => program.writeUInt16LE(243, 18), /^its machine is number 243/],
  ["the shell", (program) => program.write("#!", 0), /it is a script$/],
  ["the linker", (program) => program.write("!<arch>\n", 0), /it is an archive \(ar\)$/],
  ["Windows", (program) => program.write("MZ", 0), /it is a Windows program \(PE\)$/],
];

for (const [system, change, why] of SYSTEMS) {
  test(`a program for ${system} is refused`, async () => {
    const program = readFileSync(await buildShapes("1.27.4", modeNamed("strip")));
    change(program);
    await assert.rejects(openBinary(bytesSource(program)), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.why, why);
      return true;
    });
  });
}

test("a program that computes floats in software is refused", async () => {
  const program = readFileSync(buildGo("hits", "go1.27.4", "-gcflags=-d=softfloat"));
  await assert.rejects(openBinary(bytesSource(program)), /compiled with -gcflags=-d=softfloat/);
});

/** In the build information, which the program holds twice; the names are of equal length. */
function builtFor(program: Buffer, system: string): void {
  const line = "build\tGOOS=linux\n";
  assert.ok(program.includes(line));
  for (let at = program.indexOf(line); at >= 0; at = program.indexOf(line))
    program.write(line.replace("linux", system), at);
}
