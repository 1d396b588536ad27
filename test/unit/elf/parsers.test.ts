/** The small parsers of src/elf and src/gobinary on bytes written by hand, after the formats' own documents. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { DamagedError, Reader } from "../../../src/bytes/reader.ts";
import { evaluate } from "../../../src/dwarf/expr.ts";
import { locationAt } from "../../../src/dwarf/loclist.ts";
import { readRanges } from "../../../src/dwarf/rnglist.ts";
import type { Unit } from "../../../src/dwarf/unit.ts";
import type { ElfSection } from "../../../src/elf/elf.ts";
import { Sections } from "../../../src/elf/sections.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import { parseModules } from "../../../src/gobinary/buildinfo.ts";
import { isDefinedName, shortTypeName } from "../../../src/gobinary/debuginfo/names.ts";
import { encodeArgInfo } from "../../../src/gobinary/places/argInfo.ts";
import { offsetInCode } from "../../../src/gobinary/tls.ts";
import { bytesSource } from "../gobinary/binaryFile.ts";

const LEB: readonly [bytes: number[], unsigned: number, signed: number][] = [
  [[0x00], 0, 0],
  [[0x02], 2, 2],
  [[0x7f], 127, -1],
  [[0x80, 0x01], 128, 128],
  [[0xff, 0x00], 127, 127],
  [[0x80, 0x7f], 16256, -128],
  [[0xe5, 0x8e, 0x26], 624485, 624485],
  [[0xc0, 0xbb, 0x78], 1973696, -123456],
];

test("LEB128 numbers (DWARF 5, appendix C)", () => {
  for (const [bytes, unsigned, signed] of LEB) {
    assert.equal(new Reader(Uint8Array.from(bytes)).uleb(), unsigned);
    assert.equal(new Reader(Uint8Array.from(bytes)).sleb(), signed);
  }
  assert.throws(() => new Reader(new Uint8Array(12).fill(0x80)).uleb(), DamagedError);
  assert.throws(() => new Reader(Uint8Array.of(0x80)).uleb(), DamagedError);
});

test("reading past the end is damage, never undefined", () => {
  const reads: ((reader: Reader) => unknown)[] = [
    (reader) => reader.u8(),
    (reader) => reader.u16(),
    (reader) => reader.u32(),
    (reader) => reader.u64(),
    (reader) => reader.cstring(),
    (reader) => reader.take(1),
    (reader) => reader.seek(1),
  ];
  for (const read of reads) assert.throws(() => read(new Reader(new Uint8Array(0))), DamagedError);
  assert.throws(() => new Reader(new Uint8Array(8).fill(0xff)).u64(), DamagedError);
});

const PACKAGES: Readonly<Record<string, string>> = {
  "net/url": "url",
  "example.com/go-thing": "thing",
  "gopkg.in/yaml.v3": "yaml",
};
const NAMES: readonly [link: string, short: string][] = [
  ["int", "int"],
  ["unsafe.Pointer", "unsafe.Pointer"],
  ["error", "error"],
  ["main.P", "main.P"],
  ["net/url.URL", "url.URL"],
  ["*net/url.URL", "*url.URL"],
  ["[]*net/url.URL", "[]*url.URL"],
  ["[3]net/url.URL", "[3]url.URL"],
  ["map[net/url.URL][]net/url.Userinfo", "map[url.URL][]url.Userinfo"],
  ["chan<- net/url.URL", "chan<- url.URL"],
  ["<-chan net/url.URL", "<-chan url.URL"],
  ["func(net/url.URL, ...*net/url.URL) (net/url.Error, error)", "func(url.URL, ...*url.URL) (url.Error, error)"],
  ["struct { A int; u net/url.URL }", "struct { A int; u url.URL }"],
  ["struct { A int; main.b net/url.URL }", "struct { A int; b url.URL }"],
  ['struct { A int "json:\\"net/url.URL\\"" }', 'struct { A int "json:\\"net/url.URL\\"" }'],
  ["struct { net/url.URL }", "struct { url.URL }"],
  ["interface {}", "interface {}"],
  ["interface { Do(net/url.URL) error }", "interface { Do(url.URL) error }"],
  ["main.Pair[int,string]", "main.Pair[int,string]"],
  ["main.Pair[string,net/url.URL]", "main.Pair[string,net/url.URL]"],
  ["[]main.Pair[string,*main.Pair[int,[]net/url.URL]]", "[]main.Pair[string,*main.Pair[int,[]net/url.URL]]"],
  ["map[string]main.Pair[int,net/url.URL]", "map[string]main.Pair[int,net/url.URL]"],
  ["example.com/go-thing.Box", "thing.Box"],
  ["gopkg.in/yaml%2ev3.Node", "yaml.Node"],
  ["example.com/unknown/v2.T", "unknown.T"],
  ["example.com/unknown%2ev2.T", "unknown.T"],
  ["main.local·1", "main.local"],
];

test("type names as %T prints them", () => {
  for (const [link, short] of NAMES)
    assert.equal(
      shortTypeName(link, (path) => PACKAGES[path.replace("%2e", ".")]),
      short,
    );
});

test("which names are of defined types", () => {
  for (const name of ["main.P", "url.URL", "main.Pair[int,[]string]"]) assert.equal(isDefinedName(name), true, name);
  for (const name of [
    "int",
    "*main.P",
    "[]main.P",
    "map[main.P]int",
    "func(main.P)",
    "struct { A main.P }",
    "chan main.P",
  ])
    assert.equal(isDefinedName(name), false, name);
});

const EXPRESSIONS: readonly [bytes: number[], text: string][] = [
  [[0x50], "RAX"],
  [[0x53], "RBX"],
  [[0x90, 17], "X0"],
  [[0x9c], "cfa+0"],
  [[0x91, 24], "cfa+24"],
  [[0x91, 0x78], "cfa+-8"],
  [[0x9c, 0x11, 16, 0x22], "cfa+16"],
  [[0x77, 16], "cfa+8"],
  [[0x50, 0x93, 8, 0x93, 8], "RAX:8 ?:8"],
  [[0x53, 0x93, 8, 0x91, 8, 0x93, 8], "RBX:8 cfa+8:8"],
  [[], ""],
  [[0x03, 0, 0, 0, 0, 0, 0, 0, 0], "?"],
];

test("location expressions at a function's first instruction", () => {
  for (const [bytes, text] of EXPRESSIONS) {
    const pieces = evaluate(Uint8Array.from(bytes), "amd64").map(({ size, place }) => {
      const where = place.at === "register" ? place.register : place.at === "cfa" ? `cfa+${place.offset}` : "?";
      return size === undefined ? where : `${where}:${size}`;
    });
    assert.equal(pieces.join(" "), text);
  }
});

function unit(version: number): Unit {
  return {
    offset: 0, rootOffset: 12, end: 100, version, addressSize: 8, offsetSize: 4, abbreviationsOffset: 0, addrBase: 8,
    strOffsetsBase: 8, rnglistsBase: 0, loclistsBase: 0, lowPc: 0x1000,
  }; // biome-ignore format: a table
}

function words(...values: (number | bigint)[]): number[] {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), index * 8);
  return [...bytes];
}

test("location lists of DWARF 4 and 5", () => {
  const loc = Uint8Array.from([
    ...words(0, 4),
    1,
    0,
    0x50,
    ...words(-1, 0x2000),
    ...words(0, 8),
    1,
    0,
    0x53,
    ...words(0, 0),
  ]);
  // default_location, offset_pair, base_addressx 0, startx_length, end
  const loclists = Uint8Array.from([5, 1, 0x51, 4, 0, 4, 1, 0x50, 1, 0, 4, 0, 8, 1, 0x53, 3, 1, 16, 1, 0x54, 0]);
  const addr = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, ...words(0x2000, 0x3000)]);
  const expected: readonly [pc: number, old: number | undefined, fresh: number][] = [
    [0x1000, 0x50, 0x50],
    [0x1003, 0x50, 0x50],
    [0x1004, undefined, 0x51],
    [0x2007, 0x53, 0x53],
    [0x2008, undefined, 0x51],
    [0x300f, undefined, 0x54],
  ];
  for (const [pc, old, fresh] of expected) {
    assert.equal(locationAt({ loc, loclists: undefined, addr: undefined }, unit(4), 0, 0x17, pc)?.[0], old);
    assert.equal(locationAt({ loc: undefined, loclists, addr }, unit(5), 0, 0x17, pc)?.[0], fresh);
  }
});

test("range lists of DWARF 4 and 5", () => {
  const ranges = Uint8Array.from([...words(0, 4), ...words(-1, 0x2000), ...words(1, 8), ...words(0, 0)]);
  // offset_pair, base_address, offset_pair, start_length, end
  const rnglists = Uint8Array.from([4, 0, 4, 5, ...words(0x2000), 4, 1, 8, 7, ...words(0x5000), 16, 0]);
  const read = (version: number): number[][] => {
    const found: number[][] = [];
    readRanges({ ranges, rnglists, addr: undefined }, unit(version), 0, 0x17, (low, high) => found.push([low, high]));
    return found;
  };
  assert.deepEqual(read(4), [
    [0x1000, 0x1004],
    [0x2001, 0x2008],
  ]);
  assert.deepEqual(read(5), [
    [0x1000, 0x1004],
    [0x2001, 0x2008],
    [0x5000, 0x5010],
  ]);
});

test("compressed sections: SHF_COMPRESSED with zlib and zstd, .zdebug_, and lies about sizes", async () => {
  const text = Buffer.from("debug information ".repeat(100));
  const header = (type: number, size: number): Buffer => {
    const bytes = Buffer.alloc(24);
    bytes.writeUInt32LE(type, 0);
    bytes.writeBigUInt64LE(BigInt(size), 8);
    return bytes;
  };
  const zdebug = Buffer.alloc(12);
  zdebug.write("ZLIB");
  zdebug.writeBigUInt64BE(BigInt(text.length), 4);
  // `printf 'debug information %.0s' … | zstd -19` cannot be relied on; a raw block frame is the simplest zstd stream.
  const zstd = Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x60]),
    Buffer.from([(text.length - 256) & 0xff, (text.length - 256) >> 8]),
    Buffer.from([((text.length << 3) | 1) & 0xff, text.length >> 5, text.length >> 13]),
    text,
  ]);
  const packed = deflateSync(text);
  const cases: readonly [name: string, bytes: Buffer, compressed: boolean, sound: boolean][] = [
    [".debug_info", text, false, true],
    [".debug_info", Buffer.concat([header(1, text.length), packed]), true, true],
    [".debug_info", Buffer.concat([header(2, text.length), zstd]), true, true],
    [".zdebug_info", Buffer.concat([zdebug, packed]), false, true],
    [".debug_info", Buffer.concat([header(1, text.length + 1), packed]), true, false],
    [".debug_info", Buffer.concat([header(1, text.length - 1), packed]), true, false],
    [".debug_info", Buffer.concat([header(1, 2 ** 31), packed]), true, false],
    [".debug_info", Buffer.concat([header(1, 2 ** 52), packed]), true, false],
    [".debug_info", Buffer.concat([header(9, text.length), packed]), true, false],
    [".debug_info", Buffer.concat([header(1, text.length), packed.subarray(0, 20)]), true, false],
    [".zdebug_info", Buffer.from("ZLIB"), false, false],
  ];
  for (const [name, bytes, compressed, sound] of cases) {
    const section: ElfSection = {
      name,
      address: 0,
      offset: 0,
      size: bytes.length,
      inFile: true,
      compressed,
      executable: false,
      allocated: false,
    };
    const elf = { arch: "amd64", positionIndependent: false, sections: [section], segments: [], warnings: [] } as const;
    const loading = new Sections(bytesSource(bytes), elf).load(".debug_info");
    if (sound) assert.deepEqual(Buffer.from((await loading)!), text, `${name} of ${bytes.length} bytes`);
    else await assert.rejects(loading, DamagedError);
  }
});

test("build info text", () => {
  const text =
    'path\texample.com/app\nmod\texample.com/app\tv1.2.3\th1:x=\ndep\ta.b/c\tv0.1.0\th1:y=\n=>\tfork/c\tv0.2.0\th1:z=\ndep\td\tv2.0.0\nbuild\t-ldflags="-X main.v=1 -s"\nbuild\tvcs.modified=true\n';
  const framed = Buffer.concat([Buffer.alloc(16, 0x30), Buffer.from(text), Buffer.alloc(16, 0xf9)]);
  const info = parseModules("go1.27.4", framed);
  assert.equal(info.path, "example.com/app");
  assert.deepEqual(info.module, { path: "example.com/app", version: "v1.2.3" });
  assert.deepEqual(info.dependencies, [
    { path: "a.b/c", version: "v0.1.0", replacedBy: { path: "fork/c", version: "v0.2.0" } },
    { path: "d", version: "v2.0.0" },
  ]);
  assert.equal(info.settings["-ldflags"], "-X main.v=1 -s");
  assert.equal(info.settings["vcs.modified"], "true");
  assert.deepEqual(parseModules("go1.15", new Uint8Array(0)).settings, Object.create(null));
});

const INT: GoType = { kind: "int", name: "int", size: 8, align: 8, named: false };
const STRING: GoType = { kind: "string", name: "string", size: 16, align: 8, named: false };
const EMPTY: GoType = { kind: "struct", name: "struct {}", size: 0, align: 1, named: false, fields: [] };

test("FUNCDATA_ArgInfo as cmd/compile's EmitArgInfo writes it", () => {
  assert.deepEqual(encodeArgInfo([INT, STRING], [0, 8]).bytes, [0, 8, 0xfe, 8, 8, 16, 8, 0xfd, 0xff]);
  assert.deepEqual(encodeArgInfo([EMPTY], [0]).bytes, [0xfe, 0xfd, 0xff]);
  const many = encodeArgInfo(
    Array.from({ length: 11 }, () => INT),
    Array.from({ length: 11 }, (_, index) => index * 8),
  );
  assert.equal(many.truncated, true);
  assert.equal(many.covered, 10);
  assert.deepEqual(many.bytes.slice(-2), [0xfc, 0xff]);
});

test("g's offset from the code of a stripped program", () => {
  // mov %fs:0xffffffffffffffe8,%r14 and mov $0xffffffffffffffe8,%rcx; mov %fs:(%rcx),%rcx
  const direct = [0x64, 0x4c, 0x8b, 0x34, 0x25, 0xe8, 0xff, 0xff, 0xff];
  const indirect = [0x48, 0xc7, 0xc1, 0xe8, 0xff, 0xff, 0xff, 0x64, 0x48, 0x8b, 0x09, 0x90];
  assert.equal(offsetInCode(Uint8Array.from(direct)), -24);
  assert.equal(offsetInCode(Uint8Array.from(indirect)), -24);
  assert.equal(offsetInCode(Uint8Array.from([0x90, 0x64, 0x90])), undefined);
});
