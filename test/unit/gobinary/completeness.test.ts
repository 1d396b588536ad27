/** When a parameter list from DWARF may be called complete: each case is one that a wrong answer would make dangerous. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GoType } from "../../../src/goabi/type.ts";
import type { Variable } from "../../../src/gobinary/api.ts";
import { judgeParams } from "../../../src/gobinary/places/completeness.ts";

const TYPES: Readonly<Record<string, GoType>> = {
  int: { kind: "int", name: "int", size: 8, align: 8, named: false },
  bool: { kind: "bool", name: "bool", size: 1, align: 1, named: false },
  float64: { kind: "float64", name: "float64", size: 8, align: 8, named: false },
  string: { kind: "string", name: "string", size: 16, align: 8, named: false },
};

/** `a int RAX`, `b string RBX RCX`, `c int` (DWARF has no place), `d int cfa+8`. */
function variable(text: string): Variable {
  const [name = "", typeName = "", ...places] = text.split(" ");
  const type = TYPES[typeName]!;
  const size = places.length > 1 ? 8 : type.size;
  const dwarf = places.map((place, index) => ({
    offset: index * 8,
    size,
    place: place.startsWith("cfa")
      ? ({ at: "cfa", offset: Number(place.slice(4)) } as const)
      : ({ at: "register", register: place } as const),
  }));
  return { name, type, blank: false, ...(places.length === 0 ? {} : { dwarf }) };
}

interface Case {
  readonly what: string;
  readonly go: number;
  readonly listed: readonly string[];
  readonly results?: readonly string[];
  /** `_func.args` and FUNCDATA_ArgInfo. */
  readonly args: number;
  readonly info?: readonly number[];
  readonly name?: string;
  readonly generated?: true;
  /** Names of the complete list; undefined: not complete. */
  readonly expected: string | undefined;
}

const END = 0xff;
const CASES: readonly Case[] = [
  { what: "f(a, b int)", go: 20, listed: ["a int RAX", "b int RBX"], args: 16, info: [0, 8, 8, 8, END], expected: "a b" },
  { what: "f(), nothing listed", go: 20, listed: [], args: 0, expected: "" },
  { what: "f(_ int), nothing listed", go: 20, listed: [], args: 8, info: [0, 8, END], expected: "_" },
  { what: "f(_, b int), b in RBX", go: 20, listed: ["b int RBX"], args: 16, info: [0, 8, 8, 8, END], expected: "_ b" },
  { what: "f(a, _ int), a in RAX", go: 20, listed: ["a int RAX"], args: 16, info: [0, 8, 8, 8, END], expected: "a _" },
  { what: "f(_, b int), no place for b: either order fits", go: 20, listed: ["b int"], args: 16, info: [0, 8, 8, 8, END], expected: undefined },
  { what: "f(_, b int) of 1.17 with a spill slot as place", go: 17, listed: ["b int cfa+8"], args: 16, info: [0, 8, 8, 8, END], expected: undefined },
  { what: "two parameters in each other's register", go: 20, listed: ["a int RBX", "b int RAX"], args: 16, info: [0, 8, 8, 8, END], expected: undefined },
  { what: "the sizes differ", go: 20, listed: ["a int RAX", "b bool RBX"], args: 16, info: [0, 8, 8, 8, END], expected: undefined },
  { what: "no FUNCDATA_ArgInfo", go: 20, listed: ["a int RAX"], args: 8, expected: undefined },
  { what: "a padding-sized blank in between", go: 20, listed: ["a bool RAX", "b bool RCX"], args: 8, info: [0, 1, 1, 1, 2, 1, END], expected: "a _ b" },
  { what: "a generic function's dictionary", go: 20, name: "p.F[go.shape.int]", listed: ["x int RBX"], args: 16, info: [8, 8, END], expected: ".dict x" },
  { what: "a generic method's dictionary, 1.20", go: 20, name: "p.(*T[go.shape.int]).M", listed: ["t int RAX", "x int RCX"], args: 24, info: [8, 8, 16, 8, END], expected: "t .dict x" },
  { what: "a generic method's dictionary, 1.19", go: 19, name: "p.(*T[go.shape.int_0]).M", listed: ["t int RBX", "x int RCX"], args: 24, info: [8, 8, 16, 8, END], expected: ".dict t x" },
  { what: "a method wrapper's receiver", go: 20, name: "p.(*T).M", generated: true, listed: ["x int"], args: 16, info: [0, 8, 8, 8, END], expected: ".this x" },
  { what: "a written method is no wrapper", go: 20, name: "p.(*T).M", listed: ["x int"], args: 16, info: [0, 8, 8, 8, END], expected: undefined },
  { what: "the stack ABI, no room for more", go: 15, listed: ["a int", "b string"], args: 24, expected: "a b" },
  { what: "the stack ABI, too large", go: 15, listed: ["a int cfa+0"], args: 16, expected: undefined },
  { what: "the stack ABI, room in the padding", go: 15, listed: ["a bool"], args: 8, expected: undefined },
  { what: "the stack ABI, room in the padding, place known", go: 15, listed: ["a bool cfa+0"], args: 8, expected: "a" },
  { what: "the stack ABI, f(a bool) int: ~r1 counts one parameter", go: 15, listed: ["a bool"], results: ["~r1 int"], args: 16, expected: "a" },
  { what: "the stack ABI, f(a, _ bool) int: ~r2 counts a blank one", go: 15, listed: ["a bool"], results: ["~r2 int"], args: 16, expected: undefined },
  { what: "the stack ABI, f(a bool) (r, _ int): ~b1 counts one parameter", go: 15, listed: ["a bool"], results: ["r int", "~b1 int"], args: 24, expected: "a" },
  { what: "the stack ABI, named results count nothing", go: 15, listed: ["a bool"], results: ["r int"], args: 16, expected: undefined },
  { what: "the stack ABI, a method and its receiver", go: 15, name: "p.T.M", listed: ["t bool", "a bool"], results: ["~r1 int"], args: 16, expected: "t a" },
  { what: "the stack ABI, func (T) M(a bool) int: the receiver may be the blank one", go: 15, name: "p.T.M", listed: ["a bool"], results: ["~r1 int"], args: 16, expected: undefined },
  { what: "~r1 says nothing since 1.17", go: 17, listed: ["a bool"], results: ["~r1 int"], args: 16, expected: undefined },
]; // biome-ignore format: a table

for (const { what, go, listed, results = [], args, info, name, generated, expected } of CASES)
  test(`complete or not: ${what} (Go 1.${go})`, () => {
    const { params, complete } = judgeParams(listed.map(variable), results.map(variable), {
      arch: "amd64",
      convention: go >= 17 ? "register" : "stack",
      goMinor: go,
      name: name ?? "p.f",
      generated: generated === true,
      argsSize: args,
      argInfo: info === undefined ? undefined : Uint8Array.from(info),
    });
    assert.equal(complete ? params.map((param) => param.name).join(" ") : undefined, expected);
  });
