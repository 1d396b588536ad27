/** Separate debug files: where they are looked for, and that a stripped program shows its types through one. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import { DebugFiles, debugFilePaths } from "../../../src/engine/programs/debugFiles.ts";
import { openLocalSource } from "../../../src/engine/programs/programFiles.ts";
import { openBinary } from "../../../src/gobinary/open.ts";
import { buildShapes } from "../../matrix/build.ts";
import { modeNamed } from "../../matrix/toolchains.ts";

const folder = mkdtempSync(join(tmpdir(), "probelens-debug-"));
after(() => rmSync(folder, { recursive: true }));

test("debug files are looked for where gdb looks", () => {
  assert.deepEqual(debugFilePaths("/srv/app", "abcdef0123", "app.debug"), [
    "/usr/lib/debug/.build-id/ab/cdef0123.debug",
    "/srv/app.debug",
    "/srv/.debug/app.debug",
    "/usr/lib/debug/srv/app.debug",
  ]);
  assert.deepEqual(debugFilePaths("/srv/app", "Go/build/id", undefined), []);
  assert.deepEqual(debugFilePaths("process 7 of root", "", "app.debug"), []);
  for (const link of ["../../etc/passwd", "/etc/passwd", ".."])
    assert.deepEqual(debugFilePaths("/srv/app", "", link), []);
});

const failure = { what: "Cannot read the program", remedy: "Build it again." };

/** What a signature of main.ints looks like through the debug file; a text of warnings where it is not used. */
async function answer(program: string): Promise<string> {
  const source = await openLocalSource(program, program, failure);
  const debugFiles = new DebugFiles(source.path ?? source.name, join(folder, "root"));
  try {
    const binary = await openBinary(source, { findDebugFile: debugFiles.find });
    const [fn] = await binary.functionsNamed("main.ints");
    const found = fn === undefined ? undefined : await binary.signature(fn);
    if (found?.ok !== true) return binary.warnings.join("; ") || (found?.reason ?? "no function");
    return found.signature.params.map((param) => `${param.name} ${param.type.name}`).join(", ");
  } finally {
    await debugFiles.close();
    await source.close();
  }
}

test("a stripped program's debug file gives its types, another build's does not", async () => {
  const whole = await buildShapes("1.27.4", modeNamed("default"));
  const program = join(folder, "app");
  const debug = join(folder, "app.debug");
  execFileSync("strip", ["-o", program, whole]);
  assert.match(await answer(program), /no DWARF/);
  execFileSync("objcopy", ["--only-keep-debug", whole, debug]);
  execFileSync("objcopy", [`--add-gnu-debuglink=${debug}`, program]);
  const expected = "a int, b int8, c int16, d int32, e int64";
  assert.equal(await answer(program), expected);
  assert.equal(await answer(relative(process.cwd(), program)), expected, "by a relative path");
  withProgramHeadersOf(program, debug);
  assert.equal(await answer(program), expected, "with the program's own program headers");
  rmSync(debug);
  assert.equal(
    await answer(program),
    "the binary has no DWARF (it was stripped, or linked with -w), and its debug file app.debug is not found",
  );
  // Go's linker writes a GNU build ID too (since 1.24), under which distributions file their debug files.
  const id = /Build ID: ([0-9a-f]+)/.exec(execFileSync("readelf", ["-n", program], { encoding: "utf8" }))?.[1] ?? "";
  const filed = join(folder, "root", ".build-id", id.slice(0, 2), `${id.slice(2)}.debug`);
  mkdirSync(dirname(filed), { recursive: true });
  execFileSync("objcopy", ["--only-keep-debug", whole, filed]);
  assert.equal(await answer(program), expected);
  const other = await buildShapes("1.20.14", modeNamed("default"));
  execFileSync("objcopy", ["--only-keep-debug", other, filed]);
  assert.match(await answer(program), /belongs to another build and is not used/);
});

/**
 * What `eu-strip -f` makes of a debug file: the program's program headers as they are, although what they point to is
 * not there. The notes that they promise are bytes of something else here, of sizes beyond 2³¹.
 */
function withProgramHeadersOf(program: string, debug: string): void {
  const [from, bytes] = [readFileSync(program), readFileSync(debug)];
  const noNotes = Buffer.alloc(64);
  noNotes.writeUInt32LE(0x9988_7766, 0);
  const table = Number(from.readBigUInt64LE(32));
  const count = from.readUInt16LE(56);
  const headers = Buffer.from(from.subarray(table, table + count * 56));
  for (let at = 0; at < headers.length; at += 56)
    if (headers.readUInt32LE(at) === 4) headers.writeBigUInt64LE(BigInt(bytes.length), at + 8);
  bytes.writeBigUInt64LE(BigInt(bytes.length + noNotes.length), 32);
  bytes.writeUInt16LE(count, 56);
  writeFileSync(debug, Buffer.concat([bytes, noNotes, headers]));
}
