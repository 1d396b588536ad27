/** A function table that Probelens cannot read although nothing is missing: an obfuscator's, or a newer Go's. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openBinary } from "../../../src/gobinary/open.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { sectionsOf } from "../../fuzz/seeds.ts";
import { buildShapes } from "../../matrix/build.ts";
import { modeNamed } from "../../matrix/toolchains.ts";
import { bytesSource } from "./binaryFile.ts";

const VERSION = "1.27.4";

const CASES: readonly (readonly [what: string, version: string, why: RegExp])[] = [
  // What garble 0.14 wrote into a program of Go 1.24, whose version it takes away.
  [
    "an obfuscator's",
    "unknown",
    /^its function table begins with 0x832c0130, which no Go compiler writes: an obfuscator/,
  ],
  [
    "an unknown one",
    `go${VERSION}`,
    /^its function table begins with 0x832c0130, which no Go compiler writes: an obfuscator/,
  ],
  ["a newer Go's", "go1.91.4", /^it was built by go1\.91\.4, which writes another function table than Go 1\.27,/],
];

for (const [what, version, why] of CASES)
  test(`${what} function table`, async () => {
    const program = readFileSync(await buildShapes(VERSION, modeNamed("strip")));
    const table = sectionsOf(program).find(({ name }) => name === ".gopclntab");
    assert.ok(table);
    program.writeUInt32LE(0x832c0130, table.offset);
    // The build info's header is 32 bytes long, the version's length and text follow (debug/buildinfo).
    const place = program.indexOf("\xff Go buildinf:", 0, "latin1") + 32;
    assert.equal(program.toString("latin1", place + 1, place + 9), `go${VERSION}`);
    program.write(version.padEnd(program[place]!, "\0"), place + 1);
    program[place] = version.length;
    await assert.rejects(openBinary(bytesSource(program)), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.why, why);
      return true;
    });
  });
