/**
 * Go 1.17 to 1.21, a blank parameter left out of DWARF: which places FUNCDATA_ArgInfo proves. Each case without a place
 * is one in which another list of parameters would fit as well.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLocation } from "../../../src/goabi/format.ts";
import type { Variable } from "../../../src/gobinary/api.ts";
import { provenByArgInfo } from "../../../src/gobinary/places/listsByArgInfo.ts";
import { array, scalar } from "../types.ts";

const TYPES = {
  int: scalar("int"),
  int8: scalar("int8"),
  float64: scalar("float64"),
  string: scalar("string"),
  pair: array(scalar("int"), 2),
} as const;

interface Case {
  /** The declaration, blank parameters included. */
  readonly what: string;
  /** As DWARF lists them: name, type, registers; none: no place. */
  readonly listed: readonly string[];
  readonly results?: readonly string[];
  /** `_func.args`. */
  readonly args: number;
  /** FUNCDATA_ArgInfo: each parameter's offset and size, in brackets the parts of one. */
  readonly info: string;
  /** Registers or stack place of each listed parameter, then of each result. */
  readonly expected: string;
}

const CASES: readonly Case[] = [
  { what: "f(a int, _ string, b int), a unused", listed: ["a int", "b int RDI"], args: 32, info: "0 8 [ 8 8 16 8 ] 24 8", expected: "RAX, RDI" },
  { what: "f(a int, _ string, b int), both unused: the blank one may hold floats", listed: ["a int", "b int"], args: 32, info: "0 8 [ 8 8 16 8 ] 24 8", expected: "RAX, ?" },
  { what: "f(_ int, b string), no place", listed: ["b string"], args: 24, info: "0 8 [ 8 8 16 8 ]", expected: "?" },
  { what: "f(_, a float64, b int8), b unused", listed: ["a float64 X1", "b int8"], args: 24, info: "0 8 8 8 16 1", expected: "X1, RAX" },
  { what: "f(w, _ int, c string), w unused: it may be the second", listed: ["w int", "c string RCX RDI"], args: 32, info: "0 8 8 8 [ 16 8 24 8 ]", expected: "?, RCX RDI" },
  { what: "f(x, y, _ int), x = y: DWARF has x in y's register", listed: ["x int RBX", "y int"], args: 24, info: "0 8 8 8 16 8", expected: "?, ?" },
  { what: "f(_, a, b int): b decides, then a", listed: ["a int RBX", "b int RCX"], args: 24, info: "0 8 8 8 16 8", expected: "RBX, RCX" },
  { what: "f(_ [2]int, b int): an array takes no registers", listed: ["b int RAX"], args: 24, info: "[ 0 8 8 8 ] 16 8", expected: "RAX" },
  { what: "f(_ [2]int, b int), no place", listed: ["b int"], args: 24, info: "[ 0 8 8 8 ] 16 8", expected: "?" },
  { what: "f(_ int) [2]int", listed: [], results: ["~r0 pair"], args: 24, info: "16 8", expected: "CFA+0" },
  { what: "f(_ int, b string), cut off", listed: ["b string RBX RCX"], args: 24, info: "0 8 …", expected: "" },
  { what: "f(a, b, c, d, e string, f int), cut off, no room for a blank one", listed: ["a string", "b string", "c string", "d string", "e string", "f int"], args: 88, info: "[ 16 8 24 8 ] [ 32 8 40 8 ] [ 48 8 56 8 ] [ 64 8 72 8 ] [ 0 8 8 8 ] …", expected: "RAX RBX, RCX RDI, RSI R8, R9 R10, CFA+0, R11" },
  { what: "f(a, b, c, d, e string, f int8), cut off: a blank one would push f to the stack", listed: ["a string", "b string", "c string", "d string", "e string", "f int8"], args: 88, info: "[ 16 8 24 8 ] [ 32 8 40 8 ] [ 48 8 56 8 ] [ 64 8 72 8 ] [ 0 8 8 8 ] …", expected: "RAX RBX, RCX RDI, RSI R8, R9 R10, CFA+0, R11" },
  { what: "f(a, b, c string, g, h [2]int, f int8), cut off: a blank byte would move f", listed: ["a string", "b string", "c string", "g pair", "h pair", "f int8"], args: 88, info: "[ 32 8 40 8 ] [ 48 8 56 8 ] [ 64 8 72 8 ] [ 0 8 8 8 ] [ 16 8 24 8 ] …", expected: "RAX RBX, RCX RDI, RSI R8, CFA+0, CFA+16, ?" },
  { what: "f(a, b, c, d string, e int, f int8, g string), cut off: the padding behind f has room for no one in registers", listed: ["a string", "b string", "c string", "d string", "e int", "f int8", "g string"], args: 96, info: "[ 24 8 32 8 ] [ 40 8 48 8 ] [ 56 8 64 8 ] [ 72 8 80 8 ] 88 8 0 1 …", expected: "RAX RBX, RCX RDI, RSI R8, R9 R10, R11, ?, CFA+8" },
  { what: "f(a, b, c, d string, e int8, f int8, g string), cut off: a blank one would push e to the stack", listed: ["a string", "b string", "c string", "d string", "e int8", "f int8", "g string"], args: 96, info: "[ 24 8 32 8 ] [ 40 8 48 8 ] [ 56 8 64 8 ] [ 72 8 80 8 ] 88 1 0 1 …", expected: "" },
  { what: "f(a, b, c string, g, h [2]int, f int8), cut off: DWARF has f", listed: ["a string", "b string", "c string", "g pair", "h pair", "f int8 R9"], args: 88, info: "[ 32 8 40 8 ] [ 48 8 56 8 ] [ 64 8 72 8 ] [ 0 8 8 8 ] [ 16 8 24 8 ] …", expected: "RAX RBX, RCX RDI, RSI R8, CFA+0, CFA+16, R9" },
  { what: "f(_ int, b int), another size", listed: ["b int RBX"], args: 24, info: "0 8 8 8", expected: "?" },
]; // biome-ignore format: a table

const MARKS: Readonly<Record<string, number>> = { "[": 0xfe, "]": 0xfd, "…": 0xfc };
const END = 0xff;

for (const { what, listed, results = [], args, info, expected } of CASES)
  test(`proven by FUNCDATA_ArgInfo: ${what}`, () => {
    const proven = provenByArgInfo(listed.map(variable), results.map(variable), {
      arch: "amd64",
      convention: "register",
      argsSize: args,
      argInfo: Uint8Array.from([...info.split(" ").map((word) => MARKS[word] ?? Number(word)), END]),
    });
    const places = [...proven.params, ...proven.results].map((location) =>
      location === undefined
        ? "?"
        : formatLocation(location)
            .map((piece) => piece.replace(/:\d+$/, ""))
            .join(" "),
    );
    assert.equal(places.join(", "), expected);
  });

function variable(text: string): Variable {
  const [name = "", typeName = "", ...registers] = text.split(" ");
  const type = TYPES[typeName as keyof typeof TYPES];
  const size = registers.length > 1 ? 8 : type.size;
  const dwarf = registers.map((register, index) => ({
    offset: index * size,
    size,
    place: { at: "register", register } as const,
  }));
  return { name, type, blank: false, ...(registers.length === 0 ? {} : { dwarf }) };
}
