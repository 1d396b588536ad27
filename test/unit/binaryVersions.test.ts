/**
 * Whole program files of several Go versions against independent witnesses: `go tool nm` for the functions, `go tool
 * objdump` for the lines, `readelf` for the layout of `runtime.g`, the program's source for signatures.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import type { GoBinary, GoFunction } from "../../src/binary/api.ts";
import { openBinary } from "../../src/binary/open.ts";
import { UserError } from "../../src/protocol/errors.ts";
import { buildShapes } from "../matrix/build.ts";
import { modeNamed } from "../matrix/toolchains.ts";
import { bytesSource, countingSource, openFile } from "./binaryFile.ts";

const VERSIONS = ["1.15.15", "1.17.13", "1.20.14", "1.25.8", "1.27.4"];

/** Of test/programs/shapes, as the source has them: parameters, then results. */
const SIGNATURES: Readonly<Record<string, string>> = {
  "main.none": "() ()",
  "main.ints": "(a int, b int8, c int16, d int32, e int64) (~r0 int64)",
  "main.mixed": "(a int, f float64, b string, g float32, c bool) (~r0 float64)",
  "main.pointers": "(p *int, q **int, u unsafe.Pointer) (~r0 bool)",
  "main.slices": "(a []int, b []string, c [][]uint8) (~r0 int)",
  "main.channels": "(c chan int, r <-chan int, s chan<- string) (~r0 int)",
  "main.structs": "(p main.point, q main.padded, e main.empty) (~r0 int)",
  "main.anonymous": "(s struct { A int; B string }) (~r0 int)",
  "main.(*counter).Add": "(c *main.counter, delta int) (~r0 int)",
};

for (const version of VERSIONS) {
  const minor = Number(version.split(".")[1]);
  let file = "";
  let binary: GoBinary;
  before(async () => {
    file = await buildShapes(version, modeNamed("default"));
    binary = await openFile(file);
  });

  test(`Go ${version}: every code symbol of go tool nm, with its size`, async () => {
    const differences: string[] = [];
    const ours = new Map((await binary.functions()).map((fn) => [fn.entry, fn]));
    const symbols = execFileSync("go", ["tool", "nm", "-size", file], { encoding: "utf8", maxBuffer: 1 << 28 });
    let compared = 0;
    for (const line of symbols.split("\n")) {
      const [, address, size, name] = /^\s*([0-9a-f]+)\s+(\d+)\s+[Tt]\s+(.*)$/.exec(line) ?? [];
      if (name === undefined || /^runtime\.e?text$|^go:textfips/.test(name)) continue;
      const fn = ours.get(Number.parseInt(address!, 16));
      compared++;
      if (fn?.name !== name || fn.end - fn.entry !== Number(size))
        differences.push(`${name} ${size}: ${fn?.name} ${fn === undefined ? "" : fn.end - fn.entry}`);
    }
    assert.deepEqual(differences, []);
    assert.ok(compared > 1000 && ours.size - compared <= 2, `${compared} compared, ${ours.size} ours`);
  });

  test(`Go ${version}: signatures as the source has them, all parameters known to be listed`, async () => {
    for (const [name, expected] of Object.entries(SIGNATURES)) {
      const [fn] = await binary.functionsNamed(name);
      assert.ok(fn, name);
      const found = await binary.signature(fn);
      assert.ok(found.ok, `${name}: ${found.ok ? "" : found.reason}`);
      const { params, results, complete } = found.signature;
      const list = (variables: typeof params): string =>
        `(${variables.map((one) => `${one.name} ${one.type.name}`).join(", ")})`;
      // 1.17 leaves results in registers out of its DWARF.
      const text = minor === 17 ? `${list(params)} ` : `${list(params)} ${list(results)}`;
      assert.ok(minor === 17 ? expected.startsWith(text) : expected === text, `${name}: ${text}, not ${expected}`);
      assert.ok(complete, name);
      assert.equal(fn.convention, minor >= 17 ? "register" : "stack");
      assert.equal(fn.notTraceable, undefined);
    }
  });

  test(`Go ${version}: files and lines as go tool objdump has them`, async () => {
    const dump = execFileSync("go", ["tool", "objdump", "-s", "^main\\.(main|threeDeep|deferred|runLiteral)", file], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    const differences: string[] = [];
    let compared = 0;
    for (const line of dump.split("\n")) {
      const [, base, number, address] = /^\s+([\w.<>]+):(\d+)\s+0x([0-9a-f]+)\s/.exec(line) ?? [];
      if (address === undefined) continue;
      const position = await binary.positionOf(Number.parseInt(address, 16));
      compared++;
      const ours = `${position?.file.split("/").at(-1)}:${position?.line}`;
      if (ours !== `${base}:${number}`) differences.push(`0x${address}: ${ours}, not ${base}:${number}`);
    }
    assert.deepEqual(differences.slice(0, 20), []);
    assert.ok(compared > 100, `${compared} instructions compared`);
  });

  test(`Go ${version}: the layout of runtime.g is the one in the table`, async () => {
    const dwarf = execFileSync("readelf", ["--debug-dump=info", file], { encoding: "utf8", maxBuffer: 1 << 30 });
    const start = dwarf.search(/DW_AT_name\s+: runtime\.g\n/);
    assert.ok(start > 0, "readelf shows runtime.g");
    const goid = /DW_AT_name\s+: goid\n(?:.*\n)*?.*DW_AT_data_member_location: (\d+)/.exec(
      dwarf.slice(start, start + 20_000),
    );
    assert.equal(binary.runtime.goidOffset, Number(goid?.[1]));
    assert.equal(binary.runtime.stackHiOffset, 8);
    assert.equal(binary.runtime.tlsOffset, -8);
  });

  test(`Go ${version}: stripped, the same functions at the same places, by section and by scanning`, async () => {
    // Marks of the linker have a size in the symbol table only.
    const key = (all: readonly GoFunction[]): string[] =>
      all
        .filter((fn) => !fn.name.startsWith("go:textfips"))
        .map((fn) => `${fn.entry} ${fn.end} ${fn.line} ${fn.convention}`);
    const stripped = await buildShapes(version, modeNamed("sw"));
    const whole = key(await binary.functions());
    const bytes = readFileSync(stripped);
    assert.deepEqual(key(await (await openBinary(bytesSource(bytes))).functions()), whole);
    // No section headers at all, as after `sstrip`.
    const bare = Buffer.from(bytes);
    bare.fill(0, 40, 48);
    bare.fill(0, 60, 64);
    assert.deepEqual(key(await (await openBinary(bytesSource(bare))).functions()), whole);
  });

  test(`Go ${version}: the first answer reads a part of the file only`, async () => {
    const source = countingSource(file);
    try {
      const opened = await openBinary(source);
      const [fn] = await opened.functionsNamed("main.main");
      assert.ok(fn);
      assert.ok(source.bytesRead() < source.size / 2, `${source.bytesRead()} of ${source.size} bytes read`);
    } finally {
      source.close();
    }
  });
}

const REFUSED: readonly [what: string, change: (bytes: Buffer) => Uint8Array, why: RegExp][] = [
  ["an empty file", () => Buffer.alloc(0), /not an ELF file/],
  ["a script", () => Buffer.from(`#!/bin/sh\n${" ".repeat(100)}`), /not an ELF file/],
  ["a header only", (bytes) => bytes.subarray(0, 64), /beyond its end/],
  ["a cut file", (bytes) => bytes.subarray(0, 100_000), /not a Go binary|function table|cut short/],
  ["a 32-bit file", (bytes) => patched(bytes, 4, 1), /32-bit/],
  ["a big-endian file", (bytes) => patched(bytes, 5, 2), /big-endian/],
  ["another machine", (bytes) => patched(bytes, 18, 8), /machine is number 8/],
  ["an object file", (bytes) => patched(bytes, 16, 1), /object file/],
  ["a C program", () => readFileSync("/bin/true"), /not a Go binary/],
];

test("what is not a Go program is refused with one message", async () => {
  const bytes = readFileSync(await buildShapes(VERSIONS[0]!, modeNamed("default")));
  for (const [what, change, why] of REFUSED)
    await assert.rejects(openBinary(bytesSource(change(bytes))), (error) => {
      assert.ok(error instanceof UserError, what);
      assert.match(error.message, why, what);
      assert.notEqual(error.remedy, "");
      return true;
    });
});

function patched(bytes: Buffer, offset: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[offset] = value;
  return copy;
}
