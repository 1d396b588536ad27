import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLocation } from "../../../src/goabi/format.ts";
import type { CallingConvention, Location, Place } from "../../../src/goabi/location.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import type { Signature, Variable } from "../../../src/gobinary/api.ts";
import { placeSignature } from "../../../src/gobinary/places/court.ts";
import { array, scalar, struct, unknown } from "../types.ts";

const int = scalar("int");
const string = scalar("string");
const big = array(int, 2);
/** Padding between B and C. */
const padded = struct("main.Padded", [
  ["A", scalar("int8")],
  ["B", scalar("int16")],
  ["C", int],
]);

interface Case {
  name: string;
  convention?: CallingConvention;
  complete: boolean;
  /** Type, then DWARF's places: `RAX CFA+8 ?` or undefined where it says nothing. */
  params: [GoType, string?][];
  results?: [string, GoType, string?][];
  expected: string[][];
}

const CASES: Case[] = [
  {
    name: "complete, agreed",
    complete: true,
    params: [
      [int, "RAX"],
      [string, "RBX RCX"],
    ],
    expected: [["RAX:8"], ["RBX:8", "RCX:8"]],
  },
  {
    name: "complete, contradicted: the convention",
    complete: true,
    params: [
      [int, "RCX"],
      [string, "CFA+8"],
    ],
    expected: [["RAX:8"], ["RBX:8", "RCX:8"]],
  },
  {
    name: "complete, DWARF silent",
    complete: true,
    params: [[int], [string]],
    expected: [["RAX:8"], ["RBX:8", "RCX:8"]],
  },
  {
    name: "complete, unknown type: DWARF alone is no proof",
    complete: true,
    params: [
      [unknown("main.T", "its type is lost"), "RAX"],
      [int, "RBX"],
    ],
    expected: [["?:0"], ["?:8"]],
  },
  {
    name: "partial, agreed",
    complete: false,
    params: [
      [int, "RAX"],
      [string, "RBX RCX"],
    ],
    expected: [["RAX:8"], ["RBX:8", "RCX:8"]],
  },
  {
    name: "partial: a blank parameter is missing",
    complete: false,
    params: [
      [int, "RBX"],
      [string, "RCX RDI"],
    ],
    expected: [["?:8"], ["?:16"]],
  },
  {
    name: "partial: what agrees before the gap stays",
    complete: false,
    params: [
      [int, "RAX"],
      [int, "RCX"],
    ],
    expected: [["RAX:8"], ["?:8"]],
  },
  { name: "partial, DWARF silent", complete: false, params: [[int]], expected: [["?:8"]] },
  {
    name: "partial, a word optimised away",
    complete: false,
    params: [[string, "? RBX"]],
    expected: [["RAX:8", "RBX:8"]],
  },
  { name: "partial, nothing but unknown pieces", complete: false, params: [[string, "? ?"]], expected: [["?:16"]] },
  { name: "partial, pieces out of order", complete: false, params: [[string, "RBX RAX"]], expected: [["?:16"]] },
  { name: "partial, pieces repeated", complete: false, params: [[string, "RAX RBX RAX"]], expected: [["?:16"]] },
  { name: "partial, register against stack", complete: false, params: [[int, "CFA+0"]], expected: [["?:8"]] },
  {
    name: "partial, padding skipped by DWARF",
    complete: false,
    params: [[padded, "RAX RBX RCX"]],
    expected: [["RAX:1", "RBX:2", "RCX:8"]],
  },
  {
    name: "partial, on the stack",
    complete: false,
    params: [
      [big, "CFA+0"],
      [int, "RAX"],
    ],
    expected: [["CFA+0:16"], ["RAX:8"]],
  },
  { name: "partial, elsewhere on the stack", complete: false, params: [[big, "CFA+16"]], expected: [["?:16"]] },
  { name: "partial, a later word on the stack", complete: false, params: [[big, "CFA+8"]], expected: [["?:16"]] },
  {
    name: "stack convention, agreed",
    convention: "stack",
    complete: false,
    params: [
      [int, "CFA+0"],
      [string, "CFA+8"],
    ],
    results: [["~r2", int, "CFA+24"]],
    expected: [["CFA+0:8"], ["CFA+8:16"], ["CFA+24:8"]],
  },
  {
    name: "stack convention, blank missing",
    convention: "stack",
    complete: false,
    params: [[int, "CFA+8"]],
    results: [["~r2", int, "CFA+16"]],
    expected: [["?:8"], ["?:8"]],
  },
  {
    name: "stack convention, complete results without DWARF",
    convention: "stack",
    complete: true,
    params: [[int]],
    results: [["~r0", int]],
    expected: [["CFA+0:8"], ["CFA+8:8"]],
  },
  {
    name: "register results need no parameters",
    complete: false,
    params: [[int, "RBX"]],
    results: [["~r0", string]],
    expected: [["?:8"], ["RAX:8", "RBX:8"]],
  },
  {
    name: "stack results do",
    complete: false,
    params: [[int, "RBX"]],
    results: [["~r0", big]],
    expected: [["?:8"], ["?:16"]],
  },
  {
    name: "DWARF never places a result in a register",
    complete: true,
    params: [],
    results: [["n", int, "RCX"]],
    expected: [["RAX:8"]],
  },
  {
    name: "a result listed twice",
    complete: true,
    params: [[int]],
    results: [
      ["~r0", int],
      ["~r0", int],
    ],
    expected: [["RAX:8"], ["?:8"], ["?:8"]],
  },
  { name: "nothing to place", complete: false, params: [[struct("main.E", [])]], expected: [[]] },
];

test("the convention's place and DWARF's", async (t) => {
  for (const { name, convention = "register", complete, params, results = [], expected } of CASES) {
    await t.test(name, () => {
      const signature: Signature = {
        params: params.map(([type, dwarf], index) => variable(`p${index}`, type, dwarf)),
        results: results.map(([name, type, dwarf]) => variable(name, type, dwarf)),
        complete,
        source: "dwarf",
      };
      const placed = placeSignature("amd64", convention, signature);
      assert.deepEqual(
        [...placed.params, ...placed.results].map(({ location }) => formatLocation(location)),
        expected,
      );
      for (const { location } of [...placed.params, ...placed.results]) {
        for (const { place } of location) if (place.at === "unknown") assert.ok(place.reason.length > 10, place.reason);
      }
    });
  }
});

function variable(name: string, type: GoType, dwarf?: string): Variable {
  return { name, type, blank: false, ...(dwarf === undefined ? {} : { dwarf: locationOf(dwarf, type) }) };
}

function locationOf(text: string, type: GoType): Location {
  const words = text.split(" ");
  const size = words.length === 1 ? type.size : 8;
  return words.map((word, index) => ({ offset: index * 8, size, place: placeOf(word) }));
}

function placeOf(word: string): Place {
  if (word === "?") return { at: "unknown", reason: "optimised away" };
  if (word.startsWith("CFA")) return { at: "cfa", offset: Number(word.slice(3)) };
  return { at: "register", register: word };
}
