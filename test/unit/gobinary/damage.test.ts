/** Tables of one program that tell of the same thing: where they disagree, nothing is told rather than something wrong. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { openLocalSource } from "../../../src/engine/programs/programFiles.ts";
import { openBinary } from "../../../src/gobinary/open.ts";
import { sectionsOf } from "../../fuzz/seeds.ts";
import { buildProgram, buildShapes } from "../../matrix/build.ts";
import { modeNamed } from "../../matrix/toolchains.ts";
import { bytesSource } from "./binaryFile.ts";

const whole = readFileSync(
  await buildProgram({
    folder: "test/fuzz/tiny",
    module: "example.com/tiny",
    version: "1.27.4",
    name: "plain",
    flags: ["-ldflags=-compressdwarf=false"],
  }),
);
const table = sectionsOf(whole).find(({ name }) => name === ".gopclntab")?.offset ?? 0;
const FUNC = "main.mixed";
const { index, record } = await recordOf(FUNC);

/** The first file of package main among the files of all packages; the build info. */
const cuEntry = table + whole.readUInt32LE(table + 40) + 4 * whole.readUInt32LE(record + 32);
const buildInfo = whole.indexOf("\xff Go buildinf:", 0, "latin1");

/** Place of a function's entry in the table of functions, and of its `_func`, in the file. */
async function recordOf(name: string): Promise<{ index: number; record: number }> {
  const binary = await openBinary(bytesSource(whole));
  const [fn] = await binary.functionsNamed(name);
  const [first] = await binary.functions();
  // The header's last word (since 1.18): where the table of functions begins.
  const functab = table + whole.readUInt32LE(table + 64);
  for (let at = functab; ; at += 8)
    if (whole.readUInt32LE(at) === (fn?.entry ?? 0) - (first?.entry ?? 0))
      return { index: at, record: functab + whole.readUInt32LE(at + 4) };
}

/** Program headers of segments with code: PT_LOAD with PF_X. */
function codeSegments(bytes: Buffer): number[] {
  return Array.from({ length: bytes.readUInt16LE(56) }, (_, number) => 64 + 56 * number).filter(
    (at) => bytes.readUInt32LE(at) === 1 && (bytes.readUInt32LE(at + 4) & 1) !== 0,
  );
}

const DAMAGES: [what: string, damage: (bytes: Buffer) => void, message: RegExp][] = [
  ["the table of functions leads to the next record", (b) => b.writeUInt32LE(b.readUInt32LE(index + 12), index + 4), /two entries .* disagree/],
  ["another name", (b) => b.write("nain", b.indexOf(`\0${FUNC}\0`, table) + 1), /name .* disagree/],
  ["another name's place", (b) => b.writeUInt32LE(b.readUInt32LE(record + 4) + 5, record + 4), /no name or path begins/],
  ["a name with control characters", (b) => b.fill(1, b.indexOf(`\0${FUNC}\0`, table) + 1, b.indexOf(`\0${FUNC}\0`, table) + 9), /disagree/],
  ["a path that begins in the middle of another", (b) => [0, 4, 8, 12].forEach((more) => b.writeUInt32LE(b.readUInt32LE(cuEntry + more) + 3, cuEntry + more)), /no name or path begins/],
  ["a version whose tables look otherwise", (b) => b.write("go1.17", b.indexOf("go1.27.4", buildInfo)), /says go1\.17/],
  ["a version that did not write the DWARF", (b) => b.write("go1.23", b.indexOf("go1.27.4", buildInfo)), /written by Go 1\.27, .* 1\.23/],
  ["another line", (b) => b.writeUInt32LE(999, record + 36), /in line 999, or in \d+/],
  ["a line that no compiler counts to", (b) => b.writeUInt32LE(2 ** 31, record + 36), /is in line 2147483648/],
  ["another size", (b) => b.writeUInt32LE(b.readUInt32LE(index + 8) + 16, index + 8), /disagree|damaged/],
  ["code moved by a program header", (b) => codeSegments(b).forEach((at) => b.writeUInt32LE(0x4000, at + 8)), /disagree about where/],
  ["a segment that ends before the last function", (b) => codeSegments(b).forEach((at) => b.writeUInt32LE(0x2000, at + 32)), /does not point to code/],
]; // biome-ignore format: a table

const known = new Map((await (await openBinary(bytesSource(whole))).functions()).map((fn) => [fn.entry, fn]));

for (const [what, damage, message] of DAMAGES) {
  test(`refused or left out: ${what}`, async () => {
    const bytes = Buffer.from(whole);
    damage(bytes);
    const told: string[] = [];
    const asked = async (ask: () => Promise<unknown>): Promise<void> =>
      void (await ask().catch((error: unknown) => told.push(error instanceof Error ? error.message : String(error))));
    await asked(async () => {
      const binary = await openBinary(bytesSource(bytes));
      await asked(() => binary.functionsNamed(FUNC));
      await asked(async () => {
        for (const fn of await binary.functions()) {
          await binary.signature(fn);
          assert.deepEqual(fn, known.get(fn.entry));
          await binary.inlinedCallCount(fn);
        }
      });
      told.push(...binary.warnings);
    });
    assert.match(told.join("\n"), message);
  });
}

test("one odd function costs that function, and is told", async () => {
  const bytes = Buffer.from(whole);
  bytes.writeUInt32LE(2 ** 31, record + 36);
  const binary = await openBinary(bytesSource(bytes));
  assert.equal((await binary.functions()).length, known.size - 1);
  assert.match(binary.warnings.join(), /a function is left out/);
  await assert.rejects(binary.functionsNamed(FUNC), /is in line 2147483648/);
});

test("a signature whose DWARF names another function is left out and told", async () => {
  const bytes = Buffer.from(whole);
  const info = sectionsOf(whole).find(({ name }) => name === ".debug_info")?.offset ?? 0;
  bytes.write("nain", bytes.indexOf(`${FUNC}\0`, info));
  const binary = await openBinary(bytesSource(bytes));
  const [fn] = await binary.functionsNamed(FUNC);
  assert.ok(fn !== undefined);
  const answer = await binary.signature(fn);
  assert.match(answer.ok ? "" : answer.reason, /it describes nain\.mixed/);
  assert.match(binary.warnings.join(), /it describes nain\.mixed/);
});

test("a section of a sparse file that claims gigabytes is not read", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "probelens-sparse-")), "program");
  after(() => rmSync(dirname(path), { recursive: true }));
  const numbers = sectionsOf(whole).map(({ name }) => name);
  for (const [section, expected] of [
    [".debug_info", /section \.debug_info has 5368709120 bytes/],
    [".symtab", /symbol table cannot be read: section \.symtab has 5368709120 bytes/],
    [".gopclntab", /^$/],
  ] as const) {
    const bytes = Buffer.from(whole);
    const header = Number(bytes.readBigUInt64LE(40)) + 64 * (numbers.indexOf(section) + 1);
    bytes.writeBigUInt64LE(5n << 30n, header + 32);
    writeFileSync(path, bytes);
    truncateSync(path, 6 * 2 ** 30);
    const source = await openLocalSource(path, path, { what: "cannot read it", remedy: "Build it again" });
    const binary = await openBinary(source);
    const [fn] = await binary.functionsNamed(FUNC);
    assert.ok(fn !== undefined);
    const answer = await binary.signature(fn);
    assert.equal(answer.ok, section !== ".debug_info");
    assert.match(binary.warnings.join(), expected);
    await source.close();
  }
});

test("without the runtime's module data it is told what is left out", async () => {
  const bytes = Buffer.from(whole);
  const module = sectionsOf(whole).find(({ name }) => name === ".go.module");
  bytes.fill(0, module?.offset, (module?.offset ?? 0) + (module?.size ?? 0));
  assert.match((await openBinary(bytesSource(bytes))).warnings.join(), /module data is not found/);
});

test("a wrapper that the symbol table does not list takes its arguments on the stack all the same", async () => {
  const binary = await openBinary(bytesSource(whole));
  const functions = await binary.functions();
  const wrapper = functions.find((fn) => fn.name.endsWith(".abi0") && fn.file === "<autogenerated>");
  assert.ok(wrapper !== undefined);
  const bytes = Buffer.from(whole);
  const symbols = sectionsOf(whole).find(({ name }) => name === ".symtab");
  for (let at = symbols?.offset ?? 0; at < (symbols?.offset ?? 0) + (symbols?.size ?? 0); at += 24)
    if (bytes.readBigUInt64LE(at + 8) === BigInt(wrapper.entry)) bytes.fill(0, at, at + 24);
  const damaged = await openBinary(bytesSource(bytes));
  const found = await damaged.functionAt(wrapper.entry);
  assert.deepEqual([found?.name, found?.convention], [wrapper.name.replace(".abi0", ""), "stack"]);
});

test("the undamaged program is told in full, without a warning", async () => {
  const binary = await openBinary(bytesSource(whole));
  const answers = await Promise.all(
    (await binary.functions()).map(async (fn) => [fn.name, (await binary.signature(fn)).ok] as const),
  );
  assert.ok(answers.length > 1000);
  assert.deepEqual(binary.warnings, []);
  assert.equal(new Map(answers).get(FUNC), true);
});

test("a program whose section names are lost is not called stripped", async () => {
  // The last bytes of what the Go linker writes are the section name table.
  const binary = await openBinary(bytesSource(whole.subarray(0, -10)));
  const [fn] = await binary.functionsNamed(FUNC);
  assert.ok(fn !== undefined);
  const answer = await binary.signature(fn);
  assert.match(answer.ok ? "" : answer.reason, /no DWARF is found: the names of the binary's sections are lost/);
  assert.match(binary.warnings.join(), /the names of \d+ of the file's sections are lost/);
});

test("dictionaries that cannot be read cost their types, and are told", async () => {
  const bytes = Buffer.from(readFileSync(await buildShapes("1.27.4", modeNamed("default"))));
  const index = sectionsOf(bytes).findIndex(({ name }) => name === ".rodata") + 1;
  bytes.writeBigUInt64LE(1n << 63n, Number(bytes.readBigUInt64LE(40)) + 64 * index + 32);
  const binary = await openBinary(bytesSource(bytes));
  assert.equal(await binary.dictionaries(), undefined);
  assert.match(binary.warnings.join(), /the dictionaries of generic functions cannot be read/);
});
