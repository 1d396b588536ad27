import assert from "node:assert/strict";
import { test } from "node:test";
import { closureObjects, isAllocator, isAnnouncer } from "../../../src/gobinary/closureObjects.ts";

const TEXT = 0x40_0000;
const ALLOCATOR = TEXT + 0x1000;
const ANNOUNCER = TEXT + 0x1800;
const CLOSURE = TEXT + 0x2000;
const TYPE = TEXT + 0x8000;

/** Instructions as hexadecimal bytes; `type`, `allocator`, `announcer`, `closure` are displacements of four bytes. */
const CASES: readonly [what: string, code: string, found: boolean][] = [
  ["newobject", "48 8d 05 type e8 allocator 48 8d 0d closure 48 89 08", true],
  ["padding before the call", "48 8d 05 type 0f 1f 00 e8 allocator 48 8d 0d closure 48 89 08", true],
  ["the result is spilled first (-N)", "48 8d 05 type e8 allocator 48 89 44 24 18 48 8d 0d closure 48 89 08", true],
  ["R8", "48 8d 05 type e8 allocator 4c 8d 05 closure 4c 89 00", true],
  ["Go 1.16", "48 8d 0d type 48 89 0c 24 e8 allocator 48 8b 44 24 08 48 8d 0d closure 48 89 08", true],
  ["Go 1.27", "b8 20 00 00 00 48 8d 1d type b9 01 00 00 00 e8 allocator 48 8d 15 closure 48 89 10", true],
  ["-race", "48 8d 05 type e8 allocator 48 89 44 24 10 e8 announcer 48 8d 0d closure 48 8b 44 24 10 48 89 08", true],
  ["-race, loaded first, far and R8", "48 8d 05 type e8 allocator 48 89 84 24 90 00 00 00 90 e8 announcer 4c 8b 84 24 90 00 00 00 48 8d 0d closure 49 89 08", true],
  ["-asan", "48 8d 05 type e8 allocator 48 89 44 24 10 bb 08 00 00 00 e8 announcer 48 8d 0d closure 48 8b 54 24 10 48 89 0a", true],
  ["-race, what another spill kept", "48 8d 05 type e8 allocator 48 89 44 24 10 e8 announcer 48 8d 0d closure 48 8b 44 24 18 48 89 08", false],
  ["-race, not to the first word", "48 8d 05 type e8 allocator 48 89 44 24 10 e8 announcer 48 8d 0d closure 48 8b 44 24 10 48 89 48 08", false],
  ["-race, another register is stored", "48 8d 05 type e8 allocator 48 89 44 24 10 e8 announcer 48 8d 0d closure 48 8b 44 24 10 48 89 10", false],
  ["-race, a call of another function", "48 8d 05 type e8 allocator 48 89 44 24 10 e8 closure 48 8d 0d closure 48 8b 44 24 10 48 89 08", false],
  ["another register is stored", "48 8d 05 type e8 allocator 48 8d 0d closure 48 89 10", false],
  ["not to the first word", "48 8d 05 type e8 allocator 48 8d 0d closure 48 89 48 08", false],
  ["an address of data", "48 8d 05 type e8 allocator 48 8d 0d data 48 89 08", false],
  ["another function", "48 8d 05 type e8 closure 48 8d 0d closure 48 89 08", false],
  ["no type", "e8 allocator 48 8d 0d closure 48 89 08", false],
]; // biome-ignore format: a table

function assemble(text: string): Uint8Array {
  const targets: Record<string, number> = {
    type: TYPE,
    allocator: ALLOCATOR,
    announcer: ANNOUNCER,
    closure: CLOSURE,
    data: TEXT + 0x9_0000,
  };
  const code = new Uint8Array(0x3000);
  const view = new DataView(code.buffer);
  let at = 0x100;
  for (const word of text.split(" ")) {
    const target = targets[word];
    if (target === undefined) code[at++] = Number.parseInt(word, 16);
    else {
      view.setInt32(at, target - (TEXT + at + 4), true);
      at += 4;
    }
  }
  return code;
}

for (const [what, code, found] of CASES)
  test(`what a closure's object is made of: ${what}`, () => {
    const objects = closureObjects(assemble(code), TEXT, new Set([ALLOCATOR]), new Set([ANNOUNCER]));
    assert.deepEqual([...objects], found ? [[CLOSURE, TYPE]] : []);
  });

test("the functions that instrumented code announces writes to", () => {
  const names = ["runtime.racewrite", "runtime.asanwrite", "runtime.racewriterange", "main.racewrite"];
  assert.deepEqual(names.map(isAnnouncer), [true, true, false, false]);
});

test("the functions that allocate objects", () => {
  const names = [
    "runtime.newobject",
    "runtime.mallocgcSmallScanNoHeaderSC4",
    "runtime.mallocgcLarge",
    "main.newobject",
  ];
  assert.deepEqual(names.map(isAllocator), [true, true, false, false]);
});
