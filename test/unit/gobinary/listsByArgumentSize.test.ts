/**
 * Go ≤ 1.16, a blank parameter left out of DWARF: which places are proven. Each case without a place is one in which
 * another list of parameters would fit as well.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLocation } from "../../../src/goabi/format.ts";
import type { Variable } from "../../../src/gobinary/api.ts";
import { provenOnStack } from "../../../src/gobinary/places/listsByArgumentSize.ts";
import { array, scalar, struct } from "../types.ts";

const TYPES = {
  int: scalar("int"),
  int8: scalar("int8"),
  bool: scalar("bool"),
  float64: scalar("float64"),
  string: scalar("string"),
  pair: struct("main.Pair", [
    ["A", scalar("int")],
    ["B", scalar("int")],
  ]),
  none: array(scalar("int"), 0),
} as const;

interface Case {
  /** The declaration, blank parameters included. */
  readonly what: string;
  /** As DWARF lists them: name, type, offset from the CFA of the whole value or of each word; none: no place. */
  readonly listed: readonly string[];
  readonly results?: readonly string[];
  /** `_func.args`. */
  readonly args: number;
  /** Offset of each listed parameter, then of each result. */
  readonly expected: string;
}

const CASES: readonly Case[] = [
  { what: "f(_ int, b string) int, both words", listed: ["b string 8 16"], results: ["~r2 int"], args: 32, expected: "8 24" },
  { what: "f(_ int, b string), b[0] only: b could stand at 8 with its length there", listed: ["b string 8"], args: 24, expected: "?" },
  { what: "f(_ int, b string), len(b) only: no other start has 16 in b and 24 bytes in all", listed: ["b string 16"], args: 24, expected: "8" },
  { what: "f(a int, _ string, b int) int", listed: ["a int 0", "b int 24"], results: ["~r3 int"], args: 40, expected: "0 24 32" },
  { what: "f(a, _, b int), a unused: it could stand behind the blank one", listed: ["a int", "b int 16"], args: 24, expected: "? 16" },
  { what: "f(_ bool, b, c bool, _ uint16, d uint8) bool", listed: ["b bool 1", "c bool 2", "d bool 6"], results: ["~r5 bool"], args: 16, expected: "1 2 6 8" },
  { what: "f(_ [4]int, p pair), p.B only", listed: ["p pair 40"], args: 48, expected: "32" },
  { what: "f(_, a float64, b int8), b unused and too small to hold a", listed: ["a float64 8", "b int8"], args: 24, expected: "8 ?" },
  { what: "f(x, y, _ int), x = y: DWARF has x at y's place", listed: ["x int 8", "y int"], args: 24, expected: "? ?" },
  { what: "f(x, y, _ int), x, y = y, x: out of order", listed: ["x int 8", "y int 0"], args: 24, expected: "? ?" },
  { what: "f(_ int) (a int, b string)", listed: [], results: ["a int", "b string"], args: 32, expected: "8 16" },
  { what: "f(_, z [0]int, b int)", listed: ["z none", "b int 8"], args: 16, expected: "? 8" },
  { what: "f(_ int, b bool), DWARF beyond the arguments", listed: ["b bool 16"], args: 16, expected: "?" },
  { what: "the results would not fit", listed: ["a int 0"], results: ["r string"], args: 8, expected: "? ?" },
]; // biome-ignore format: a table

for (const { what, listed, results = [], args, expected } of CASES)
  test(`proven on the stack: ${what}`, () => {
    const proven = provenOnStack("amd64", listed.map(variable), results.map(variable), args);
    const offsets = [...proven.params, ...proven.results].map((location) =>
      location === undefined
        ? "?"
        : formatLocation(location)
            .join()
            .replace(/^CFA\+(\d+):\d+$/, "$1"),
    );
    assert.equal(offsets.join(" "), expected);
  });

function variable(text: string): Variable {
  const [name = "", typeName = "", ...places] = text.split(" ");
  const type = TYPES[typeName as keyof typeof TYPES];
  const size = places.length > 1 ? 8 : type.size;
  const dwarf = places.map((place, index) => ({
    offset: index * size,
    size,
    place: { at: "cfa", offset: Number(place) } as const,
  }));
  return { name, type, blank: false, ...(places.length === 0 ? {} : { dwarf }) };
}
