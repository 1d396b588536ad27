/** Where closure objects are made on the stack, and how long they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeOnStack, stackClosures } from "../../../src/gobinary/stackClosures.ts";

const TEXT = 0x40_0000;
const CLOSURE = TEXT + 0x2000;

/** Instructions as hexadecimal bytes; `closure` and `other` are displacements of four bytes. */
const MAKERS: readonly [what: string, code: string, fromSp: number | undefined][] = [
  ["LEAQ f(SB), CX; MOVQ CX, 8(SP)", "48 8d 0d closure 48 89 4c 24 08", 8],
  ["at SP itself", "48 8d 0d closure 48 89 0c 24", 0],
  ["farther than 127 bytes", "48 8d 0d closure 48 89 8c 24 00 01 00 00", 256],
  ["R8", "4c 8d 05 closure 4c 89 44 24 10", 16],
  ["another register is stored", "48 8d 0d closure 48 89 44 24 08", undefined],
  ["R9 is loaded, CX stored", "4c 8d 0d closure 48 89 4c 24 08", undefined],
  ["stored behind a pointer", "48 8d 0d closure 48 89 48 08", undefined],
  ["loaded, not stored", "48 8d 0d closure 48 8b 4c 24 08", undefined],
  ["another function", "48 8d 0d other 48 89 4c 24 08", undefined],
];

for (const [what, text, fromSp] of MAKERS)
  test(`${what}: ${fromSp === undefined ? "no closure object" : `a closure object ${fromSp} bytes from SP`}`, () => {
    const code = new Uint8Array(0x3000);
    const view = new DataView(code.buffer);
    let at = 0x100;
    for (const word of text.split(" ")) {
      if (word === "closure" || word === "other") {
        view.setInt32(at, (word === "closure" ? CLOSURE : CLOSURE + 16) - (TEXT + at + 4), true);
        at += 4;
      } else code[at++] = Number.parseInt(word, 16);
    }
    const found = stackClosures(code, TEXT, new Set([CLOSURE]));
    const expected = fromSp === undefined ? [] : [{ closure: CLOSURE, at: TEXT + 0x107, fromSp }];
    assert.deepEqual(found, expected);
  });

const SIZES: readonly [
  what: string,
  place: number,
  records: readonly (readonly [offset: number, size: number])[] | undefined,
  size: string,
][] = [
  ["listed", -48, [[-48, 24]], "24"],
  ["listed between others", -48, [[-80, 32], [-48, 24], [-24, 24]], "24"],
  ["arguments are listed behind the variables", -48, [[-48, 24], [0, 16]], "24"],
  ["no list: up to the frame's end", -48, undefined, "≤48"],
  ["not listed: up to the frame's end", -48, [[-80, 32]], "≤48"],
  ["not listed: up to the next one", -48, [[-16, 16]], "≤32"],
  ["two variables share the place, sizes equal", -48, [[-48, 24], [-48, 24]], "24"],
  ["two variables share the place, sizes differ", -48, [[-48, 24], [-48, 32]], "unknown"],
  ["inside another variable", -48, [[-56, 24]], "unknown"],
  ["longer than its place", -48, [[-48, 56]], "unknown"],
  ["not in the frame", 8, [[-48, 24]], "unknown"],
]; // biome-ignore format: a table

for (const [what, place, records, expected] of SIZES)
  test(`size of an object on the stack, ${what}: ${expected}`, () => {
    const size = sizeOnStack(place, records === undefined ? undefined : list(records));
    assert.equal(size === undefined ? "unknown" : `${size.exact ? "" : "≤"}${size.bytes}`, expected);
  });

test("a damaged list tells nothing", () => {
  const bytes = list([[-48, 24]]);
  assert.equal(sizeOnStack(-48, bytes.subarray(0, 20)), undefined);
  assert.equal(sizeOnStack(-48, bytes.fill(0xff, 0, 8)), undefined);
});

function list(records: readonly (readonly [offset: number, size: number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 + records.length * 16));
  view.setBigUint64(0, BigInt(records.length), true);
  for (const [index, [offset, size]] of records.entries()) {
    view.setInt32(8 + index * 16, offset, true);
    view.setInt32(12 + index * 16, size, true);
  }
  return new Uint8Array(view.buffer);
}
