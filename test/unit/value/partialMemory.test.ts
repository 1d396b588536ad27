/** Memory that was copied in part, twice, at the wrong moment, or not at all: never a value from bytes that are not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { refuse } from "../../../src/goabi/refusal.ts";
import type { ValueResolver } from "../../../src/goabi/resolver.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import { array, chan, func, iface, map, pointer, scalar, slice, struct } from "../types.ts";
import { bytesOf, decodeOne, type Pretended, type PretendedChunk } from "./capturedValue.ts";

const int = scalar("int");
const string = scalar("string");
const any = iface("interface {}", true);
const error = iface("error");
const pair = struct("main.Pair", [
  ["A", int],
  ["B", int],
]);
const twelveThousand = struct("main.Large", [
  ["First", int],
  ["Middle", array(scalar("uint8"), 11_984)],
  ["Last", string],
]);
const login = struct("main.Login", [
  ["Password", string],
  ["Name", string],
]);
const config = struct("main.Config", [
  ["Name", string],
  ["Password", string],
]);

const RESOLVER: ValueResolver = {
  dynamicType: (descriptor) =>
    descriptor === 0x500 ? { type: pair, direct: false } : refuse(`no type at ${descriptor}`),
  funcAt: (code) =>
    code === 0x600
      ? {
          name: "main.f.func1",
          captured: [
            { name: "n", type: int, offset: 8, byReference: false },
            { name: "sum", type: int, offset: 16, byReference: true },
            { name: "token", type: string, offset: 24, byReference: false },
          ],
        }
      : refuse(`no function at ${code}`),
  typeInDictionary: () => undefined,
};

/** At an address: what was copied, in full unless it says otherwise. */
const at = (address: number, bytes: Uint8Array, more: PretendedChunk = {}): PretendedChunk => ({
  address: BigInt(address),
  bytes,
  ...more,
});
const fault = (address: number, wanted: number): PretendedChunk => at(address, bytesOf(), { status: "fault", wanted });
const one = (...words: (number | bigint)[]): Uint8Array => bytesOf(...words);

const CASES: [what: string, type: GoType, root: Uint8Array, chunks: PretendedChunk[], text: string, more?: Pretended][] =
  [
    ["pointer, not copied", pointer(pair), one(0xc000), [], "(*main.Pair)(0xc000)"],
    ["pointer, not resident", pointer(pair), one(0xc000), [fault(0xc000, 16)], "&<unavailable: memory not resident>"],
    ["pointer, waited for and not mapped", pointer(pair), one(0xc000), [fault(0xc000, 16)], "&<unavailable: memory not mapped>", { waited: true }],
    ["pointer, second half not resident", pointer(pair), one(0xc000), [at(0xc000, one(1), { status: "fault", wanted: 16 })], "&main.Pair{A:1, B:<unavailable: memory not resident>}"],
    ["pointer, cut by a budget", pointer(pair), one(0xc000), [at(0xc000, one(1), { wanted: 16 })], "&main.Pair{A:1, B:<unavailable: over the limit of 16384 bytes per event>}", { full: "bytes" }],
    ["pointer, over a budget", pointer(pair), one(0xc000), [], "(*main.Pair)(0xc000)", { full: "bytes" }],
    ["half a word", pointer(pair), one(0xc000), [at(0xc000, one(1, 2).subarray(0, 12), { wanted: 16 })], "&main.Pair{A:1, B:<unavailable: only a part of it was copied>}"],
    ["12 000 bytes, 4 096 copied", pointer(twelveThousand), one(0xc000), [at(0xc000, bytesOf(7, "x".repeat(4088)), { wanted: 12_008 })], `&main.Large{First:7, Middle:[11984]byte("${"x".repeat(256)}"…+11728), Last:<unavailable: only a part of it was copied>}`],
    ["pointer into a chunk", pointer(int), one(0xc008), [at(0xc000, one(1, 2, 3))], "&2"],
    ["pointer to a chunk's last byte", pointer(int), one(0xc017), [at(0xc000, one(1, 2, 3))], "(*int)(0xc017)"],
    ["pointer behind a chunk", pointer(int), one(0xc018), [at(0xc000, one(1, 2, 3))], "(*int)(0xc018)"],
    ["pointer before a chunk", pointer(int), one(0xbfff), [at(0xc000, one(1, 2, 3))], "(*int)(0xbfff)"],
    ["several chunks: the one that has it all", pointer(pair), one(0xc008), [at(0xc008, one(5)), at(0xc000, one(4, 5, 6)), at(0xc008, bytesOf())], "&main.Pair{A:5, B:6}"],
    ["fault beside a copy", pointer(int), one(0xc000), [fault(0xc000, 8), at(0xc000, one(9))], "&9"],
    ["zero-sized needs no memory", pointer(struct("main.E", [])), one(0xc000), [], "&main.E{}"],
    ["depth limit 1", pointer(pointer(int)), one(0xc000), [at(0xc000, one(0xd000)), at(0xd000, one(5))], "&(*int)(0xd000)", { limits: { depth: 1 } }],
    ["depth limit 0", pointer(int), one(0xc000), [at(0xc000, one(5))], "(*int)(0xc000)", { limits: { depth: 0 } }],
    ["address beyond 2^53", pointer(int), one(0xffff_ffff_8000_0000n), [], "(*int)(0xffffffff80000000)"],

    ["string, cut by a fault", string, one(0xc000, 9), [at(0xc000, bytesOf("hell"), { status: "fault", wanted: 9 })], '"hell"…+5'],
    ["string, in a rune", string, one(0xc000, 6), [at(0xc000, bytesOf("世界").subarray(0, 5))], '"世"…+3'],
    ["string, in another's bytes", string, one(0xc002, 3), [at(0xc000, bytesOf("hello"))], '"llo"'],
    ["slice, cut by a budget", slice(int), one(0xc000, 5, 5), [at(0xc000, one(1, 2), { wanted: 40 })], "[]int{1, 2, <unavailable: only a part of it was copied>}"],
    ["slice, cut in an element", slice(pair), one(0xc000, 2, 2), [at(0xc000, one(1), { wanted: 32 })], "[]main.Pair{main.Pair{A:1, B:<unavailable: only a part of it was copied>}, <unavailable: only a part of it was copied>}"],
    ["slice, cut by a budget and the limit", slice(int), one(0xc000, 5, 5), [at(0xc000, one(1, 2), { wanted: 40 })], "[]int{1, 2, <unavailable: only a part of it was copied>, …+2}", { limits: { elements: 3 } }],
    ["slice, nothing of it", slice(int), one(0xc000, 5, 5), [], "<unavailable: over the limit of 16384 bytes per event>", { full: "bytes" }],
    ["slice, limit", slice(int), one(0xc000, 3, 5), [at(0xc000, one(1, 2, 3))], "[]int{1, 2, …+1}", { limits: { elements: 2 } }],
    ["slice of itself", slice(any, "main.S"), one(0xc000, 1, 1), [at(0xc000, one(0x500, 0xc100)), at(0xc100, one(0xc000, 1, 1))], "main.S{<unavailable: it contains itself>}", { resolver: { ...RESOLVER, dynamicType: () => ({ type: slice(any, "main.S"), direct: false }) } }],

    ["interface", any, one(0x500, 0xc000), [at(0xc000, one(1, 2))], "main.Pair{A:1, B:2}", { resolver: RESOLVER }],
    ["interface, its data not copied", any, one(0x500, 0xc000), [], "<unavailable: was not captured>", { resolver: RESOLVER }],
    ["interface, its type not known", any, one(0x501, 0xc000), [], "<unavailable: no type at 1281>", { resolver: RESOLVER }],
    ["interface, its itab not copied", error, one(0x400, 0xc000), [at(0xc000, one(1, 2))], "<unavailable: was not captured>", { resolver: RESOLVER }],
    ["interface, its itab cut", error, one(0x400, 0xc000), [at(0x400, one(0), { wanted: 16 })], "<unavailable: only a part of it was copied>", { resolver: RESOLVER }],
    ["interface, with methods", error, one(0x400, 0xc000), [at(0x400, one(0, 0x500)), at(0xc000, one(1, 2))], "main.Pair{A:1, B:2}", { resolver: RESOLVER }],
    ["nil interface with a data word", any, one(0, 0xc000), [], "nil", { resolver: RESOLVER }],

    ["closure", func(), one(0xc000), [at(0xc000, one(0x600, 3, 0xd000, 0xe000, 1)), at(0xd000, one(42))], "func main.f.func1{n:3, sum:42, token:<redacted>}", { resolver: RESOLVER }],
    ["closure, cut", func(), one(0xc000), [at(0xc000, one(0x600, 3), { wanted: 40 })], "func main.f.func1{n:3, sum:<unavailable: only a part of it was copied>, token:<redacted>}", { resolver: RESOLVER }],
    ["closure, its object not copied", func(), one(0xc000), [], "<unavailable: was not captured>", { resolver: RESOLVER }],
    ["func, not known", func(), one(0xc000), [at(0xc000, one(1))], "<unavailable: no function at 1>", { resolver: RESOLVER }],

    ["channel, an item not copied", chan(int), one(0xc000), [at(0xc000, one(2, 3, 0xd000, 8, 0, 0, 0, 1)), at(0xd008, one(7))], "chan int(len 2, cap 3){7, <unavailable: was not captured>}"],
    ["channel, an item not resident", chan(int), one(0xc000), [at(0xc000, one(2, 3, 0xd000, 8, 0, 0, 0, 1)), at(0xd008, one(7)), fault(0xd010, 8)], "chan int(len 2, cap 3){7, <unavailable: memory not resident>}"],
    ["channel, torn", chan(int), one(0xc000), [at(0xc000, one(4, 3, 0xd000, 8, 0, 0, 0, 1))], "<unavailable: the words at its address are no channel>"],
    ["channel, of other elements", chan(int), one(0xc000), [at(0xc000, one(0, 3, 0xd000, 4, 0, 0, 0, 1))], "<unavailable: the words at its address are no channel>"],
    ["channel, header cut", chan(int), one(0xc000), [at(0xc000, one(4, 3), { wanted: 64 })], "<unavailable: only a part of it was copied>"],

    ["map, being written", map(int, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 1 << 16))], "<unavailable: it was being written while it was read>"],
    ["old map, being written", map(int, int), one(0xc000), [at(0xc000, one(1, 4, 0xd000, 0, 0, 0))], "<unavailable: it was being written while it was read>", { goMinor: 23 }],
    ["map, an entry more than it counts", map(int, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, group(2))], "<unavailable: it changed while it was read>"],
    ["map, an entry less than it counts", map(int, int), one(0xc000), [at(0xc000, one(2, 0, 0xd000, 0, 0)), at(0xd000, group(1))], "<unavailable: it changed while it was read>"],
    ["map", map(int, int), one(0xc000), [at(0xc000, one(2, 0, 0xd000, 0, 0)), at(0xd000, group(2))], "map[int]int{100:200, 101:201}"],
    ["map, limit", map(int, int), one(0xc000), [at(0xc000, one(2, 0, 0xd000, 0, 0)), at(0xd000, group(2))], "map[int]int{100:200, …+1}", { limits: { elements: 1 } }],
    ["map, its entries not copied", map(int, int), one(0xc000), [at(0xc000, one(2, 0, 0xd000, 0, 0))], "<unavailable: was not captured>"],
    ["map, its elems not copied", map(int, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, group(1).subarray(0, 100), { wanted: 136 })], "<unavailable: only a part of it was copied>"],
    ["map, one table of two", map(int, int), one(0xc000), [at(0xc000, one(3, 0, 0xd000, 2, 0)), at(0xd000, one(0xd100, 0xd200)), at(0xd100, one(0, 0, 0xe000, 0)), at(0xe000, group(1))], "map[int]int{100:200, <unavailable: was not captured>}"],
    ["map, its second table over a budget", map(int, int), one(0xc000), [at(0xc000, one(3, 0, 0xd000, 2, 0)), at(0xd000, one(0xd100, 0xd200)), at(0xd100, one(0, 0, 0xe000, 0)), at(0xe000, group(1))], "map[int]int{100:200, <unavailable: over the limit of 16384 bytes per event>}", { full: "bytes" }],
    ["map, only groups with entries copied", map(int, int), one(0xc000), [at(0xc000, one(2, 0, 0xd000, 1, 0)), at(0xd000, one(0xd100)), at(0xd100, one(0, 0, 0xe000, 3)), at(0xe000 + 136, group(2))], "map[int]int{100:200, 101:201}"],
    ["map, a group with entries not copied", map(int, int), one(0xc000), [at(0xc000, one(3, 0, 0xd000, 1, 0)), at(0xd000, one(0xd100)), at(0xd100, one(0, 0, 0xe000, 3)), at(0xe000 + 136, group(2))], "map[int]int{100:200, 101:201, <unavailable: its entries lie too far apart to be copied>}"],
    ["map, hostile directory", map(int, int), one(0xc000), [at(0xc000, one(3, 0, 0xd000, 1n << 60n, 0))], "<unavailable: it changed while it was read>"],
    ["old map, hostile B", map(int, int), one(0xc000), [at(0xc000, one(3, 0xff00, 0xd000, 0, 0, 0))], "<unavailable: it changed while it was read>", { goMinor: 20 }],
    ["old map, its chain in a circle", map(int, int), one(0xc000), [at(0xc000, one(3, 0, 0xd000, 0, 0, 0)), at(0xd000, one(0, ...Array.from({ length: 16 }, () => 0), 0xd000))], "<unavailable: it changed while it was read>", { goMinor: 20 }],
    ["map of an unknown Go version", map(int, int), one(0xc000), [at(0xc000, one(2, 0, 0xd000, 0, 0)), at(0xd000, group(2))], "<unavailable: the layout of maps of this Go version is not known>", { goMinor: 28 }],
    ["channel of an unknown Go version", chan(int), one(0xc000), [at(0xc000, one(0, 3, 0xd000, 8, 0, 0, 0, 0))], "<unavailable: the layout of channels of this Go version is not known>", { goMinor: 28 }],
    ["map, a string key not copied", map(string, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, stringGroup(5))], "map[string]int{<unavailable: was not captured>:<unavailable: its key, which may be a secret's, was not read to its end>}"],
    ["map, a string key cut", map(string, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, stringGroup(12)), at(0xe000, bytesOf("password").subarray(0, 4))], 'map[string]int{"pass"…+8:<unavailable: its key, which may be a secret\'s, was not read to its end>}'],
    ["map, a long string key", map(string, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, stringGroup(300)), at(0xe000, bytesOf("x".repeat(300)))], `map[string]int{"${"x".repeat(256)}"…+44:7}`],
    ["map, a long string key that is a secret's by its end", map(string, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, stringGroup(300)), at(0xe000, bytesOf(`${"x".repeat(292)}Password`))], `map[string]int{"${"x".repeat(256)}"…+44:<redacted>}`],
    ["map, a secret key", map(string, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, stringGroup(8)), at(0xe000, bytesOf("password"))], 'map[string]int{"password":<redacted>}'],
    ["map, a plain key", map(string, int), one(0xc000), [at(0xc000, one(1, 0, 0xd000, 0, 0)), at(0xd000, stringGroup(4)), at(0xe000, bytesOf("pass"))], 'map[string]int{"pass":7}'],
    ["hostile count", map(int, int), one(0xc000), [at(0xc000, one(-1, 0, 0xd000, 0, 0))], "<unavailable: the words at its address are no map>"],

    ["secret parameter", string, one(0xc000, 5), [at(0xc000, bytesOf("hello"))], "<redacted>", { name: "apiToken" }],
    ["secret field", config, one(0xc000, 5, 0xd000, 5), [at(0xc000, bytesOf("hello"))], 'main.Config{Name:"hello", Password:<redacted>}'],
    ["a label's secret", label("pprof.label", "runtime/pprof.label"), one(0xc000, 5, 0xd000, 5), [at(0xc000, bytesOf("token")), at(0xd000, bytesOf("hello"))], 'pprof.label{key:"token", value:<redacted>}'],
    ["a label", label("label.Label", "internal/runtime/pprof/label.Label"), one(0xc000, 4, 0xd000, 5), [at(0xc000, bytesOf("user")), at(0xd000, bytesOf("hello"))], 'label.Label{key:"user", value:"hello"}'],
    ["a label's key cut", label("label.Label", "internal/runtime/pprof/label.Label"), one(0xc000, 8, 0xd000, 5), [at(0xc000, bytesOf("toke")), at(0xd000, bytesOf("hello"))], 'label.Label{key:"toke"…+4, value:<unavailable: its key, which may be a secret\'s, was not read to its end>}'],
    ["somebody else's label", label("label.Label", "example.com/label.Label"), one(0xc000, 5, 0xd000, 5), [at(0xc000, bytesOf("token")), at(0xd000, bytesOf("hello"))], 'label.Label{key:"token", value:"hello"}'],
    ["pointer to a struct that begins with a secret", pointer(login), one(0xe000), [at(0xe000, one(0, 0, 0xd000, 5), { type: 3 }), at(0xd000, bytesOf("hello"))], '&main.Login{Password:<redacted>, Name:"hello"}', { masks: { 3: { size: 32, masks: [{ offset: 0, length: 16 }] } } }],
    ["pointer to an array whose first element begins with a secret", pointer(array(login, 1)), one(0xe000), [at(0xe000, one(0, 0, 0xd000, 5), { type: 3 }), at(0xd000, bytesOf("hello"))], '&[1]main.Login{main.Login{Password:<redacted>, Name:"hello"}}', { masks: { 3: { size: 32, masks: [{ offset: 0, length: 16 }] } } }],
    // The kernel zeroed the field in the struct's copy: a pointer to it must not read the zeroes.
    ["pointer to zeroed bytes", pointer(string), one(0xe010), [at(0xe000, one(0xc000, 5, 0, 0), { type: 3 })], "&<redacted>", { masks: { 3: { size: 32, masks: [{ offset: 16, length: 16 }] } } }],
    ["pointer to zeroed bytes that were copied for it", pointer(string), one(0xe010), [at(0xe000, one(0xc000, 5, 0, 0), { type: 3 }), at(0xe010, one(0xc000, 5)), at(0xc000, bytesOf("hello"))], '&"hello"', { masks: { 3: { size: 32, masks: [{ offset: 16, length: 16 }] } } }],
    ["second element's zeroed bytes", slice(pair), one(0xe000, 2, 2), [at(0xe000, one(1, 0, 3, 0), { type: 1 })], "[]main.Pair{main.Pair{A:1, B:<redacted>}, main.Pair{A:3, B:<redacted>}}", { masks: { 1: { size: 16, masks: [{ offset: 8, length: 8 }] } } }],
  ]; // biome-ignore format: a table

/** A group of Go 1.24 to 1.27 (eight control bytes, eight pairs of key and elem) with so many entries. */
function label(name: string, linkName: string): GoType {
  return {
    ...struct(name, [
      ["key", string],
      ["value", string],
    ]),
    linkName,
  };
}

function group(entries: number): Uint8Array {
  const control = Array.from({ length: 8 }, (_, slot) => (slot < entries ? 0x11 : 0x80));
  const keys = Array.from({ length: 8 }, (_, slot) => (slot < entries ? 100 + slot : 0xdddd));
  return Uint8Array.from([...control, ...bytesOf(...keys.flatMap((key) => [key, key + 100]))]);
}

/** A group with one entry: a key of so many bytes at 0xe000, and 7. */
function stringGroup(length: number): Uint8Array {
  const slots = Array.from({ length: 8 }, (_, slot) => (slot === 0 ? [0xe000, length, 7] : [0, 0, 0]));
  return Uint8Array.from([0x11, ...Array.from({ length: 7 }, () => 0x80), ...bytesOf(...slots.flat())]);
}

for (const [what, type, root, chunks, text, more] of CASES) {
  test(what, () => {
    assert.equal(decodeOne(type, root, chunks, more).text, text);
    assert.equal(decodeOne(type, root, chunks.toReversed(), more).text, text, "in whatever order the chunks come");
  });
}

test("the tree that the text is written from", () => {
  const type = struct("main.T", [
    ["P", pointer(int)],
    ["N", pointer(int)],
    ["S", slice(string)],
    ["B", slice(scalar("uint8"))],
    ["E", any],
    ["D", { ...scalar("int64", "time.Duration"), linkName: "time.Duration" }],
  ]);
  const root = one(0xc000, 0, 0xc100, 3, 4, 0xc200, 5, 5, 0x500, 0xc300, 1_500_000_000);
  const chunks = [at(0xc000, one(7)), at(0xc100, one(0xc200, 2)), at(0xc200, bytesOf("hello")), at(0xc300, one(1))];
  const { value } = decodeOne(type, root, chunks, { resolver: RESOLVER, limits: { stringBytes: 4 } });
  assert.deepEqual(value, {
    type: "main.T",
    kind: "struct",
    fields: [
      {
        name: "P",
        value: { type: "*int", kind: "ptr", address: "0xc000", elem: { type: "int", kind: "int", text: "7" } },
      },
      { name: "N", value: { type: "*int", kind: "ptr", nil: true } },
      {
        name: "S",
        value: {
          type: "[]string",
          kind: "slice",
          len: 3,
          cap: 4,
          elems: [{ type: "string", kind: "string", len: 2, text: '"he"' }],
          unavailable: "was not captured",
        },
      },
      { name: "B", value: { type: "[]uint8", kind: "slice", len: 5, cap: 5, text: '"hell"', cut: 1 } },
      {
        name: "E",
        value: {
          type: "interface {}",
          kind: "interface",
          elem: {
            type: "main.Pair",
            kind: "struct",
            fields: [
              { name: "A", value: { type: "int", kind: "int", text: "1" } },
              { name: "B", value: { type: "int", kind: "int", unavailable: "was not captured" } },
            ],
          },
        },
      },
      { name: "D", value: { type: "time.Duration", kind: "int64", text: "1.5s" } },
    ],
  });
});
