import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { Arch } from "../../../src/arch/arch.ts";
import { assignSignature } from "../../../src/goabi/assign.ts";
import { formatLocation } from "../../../src/goabi/format.ts";
import type { CallingConvention } from "../../../src/goabi/location.ts";
import type { GoType, ScalarKind } from "../../../src/goabi/type.ts";
import { buildGo } from "../../programs/build.ts";
import { array, scalar, struct, structOfItself } from "../types.ts";

/** A type as test/programs/reflectabi prints it, from package reflect. */
interface Described {
  Name: string;
  Kind: string;
  Size: number;
  Align: number;
  Len?: number;
  Elem?: Described;
  Fields?: { Name: string; Offset: number; Type: Described }[];
}
interface Step {
  Kind: number;
  Offset: number;
  Size: number;
  StkOff: number;
  Ireg: number;
  Freg: number;
}
interface Line {
  in: Described[] | null;
  out: Described[] | null;
  call: Step[][];
  ret: Step[][];
}

const WITNESSES: { arch: Arch; convention: CallingConvention; argument: string; count: number }[] = [
  { arch: "amd64", convention: "register", argument: "amd64", count: 20_000 },
  { arch: "amd64", convention: "stack", argument: "abi0", count: 5_000 },
  { arch: "arm64", convention: "register", argument: "arm64", count: 10_000 },
];

test("the assignment equals package reflect's for random signatures", async (t) => {
  const program = buildGo("reflectabi", "go1.26.8", "-ldflags=-checklinkname=0");
  for (const { arch, convention, argument, count } of WITNESSES) {
    await t.test(`${count} signatures, ${argument}`, () => {
      const output = execFileSync(program, [String(count), "1", argument], { encoding: "utf8", maxBuffer: 1 << 29 });
      let inRegisters = 0;
      let onStack = 0;
      for (const text of output.trimEnd().split("\n")) {
        const line: Line = JSON.parse(text);
        const params = (line.in ?? []).map(typeOf);
        const results = (line.out ?? []).map(typeOf);
        const placed = assignSignature(arch, convention, params, results);
        const ours = [...placed.params, ...placed.results].map(formatLocation);
        const expected = [...line.call, ...line.ret].map((steps) => steps.map((step) => formatStep(step, arch)));
        assert.deepEqual(ours, expected, text);
        inRegisters += ours.flat().filter((piece) => !piece.startsWith("CFA")).length;
        onStack += ours.flat().filter((piece) => piece.startsWith("CFA")).length;
      }
      t.diagnostic(`${argument}: ${inRegisters} pieces in registers, ${onStack} on the stack`);
      assert.ok(onStack > count / 2 && (convention === "stack") === (inRegisters === 0), "the inputs exercise both");
    });
  }
});

const int = scalar("int");
const string = scalar("string");
const lost: GoType = { kind: "unknown", name: "main.Lost", size: -1, align: 8, named: true, reason: "no such type" };
const opaque: GoType = { ...lost, size: 8 };
const pair = array(int, 2);
const selfish = structOfItself("main.Selfish");

const UNKNOWN_CASES: [string, CallingConvention, GoType[], GoType[], string[][]][] = [
  [
    "everything after an unknown parameter is unknown",
    "register",
    [int, lost, int, pair],
    [int, pair],
    [["RAX:8"], ["?:0"], ["?:8"], ["?:16"], ["RAX:8"], ["?:16"]],
  ],
  [
    "an unknown result spoils later ones only",
    "register",
    [pair],
    [int, lost, int],
    [["CFA+0:16"], ["RAX:8"], ["?:0"], ["?:8"]],
  ],
  [
    "known size is enough on the stack",
    "stack",
    [int, opaque, int],
    [string],
    [["CFA+0:8"], ["CFA+8:8"], ["CFA+16:8"], ["CFA+24:16"]],
  ],
  ["known size is not enough for registers", "register", [opaque, int], [int], [["?:8"], ["?:8"], ["RAX:8"]]],
  ["unknown size on the stack", "stack", [int, lost, int], [int], [["CFA+0:8"], ["?:0"], ["?:8"], ["?:8"]]],
  ["a type that contains itself", "register", [selfish, int], [], [["?:8"], ["?:8"]]],
  [
    "a field outside its struct",
    "register",
    [
      {
        ...struct("main.Torn", [
          ["A", int],
          ["B", int],
        ]),
        size: 8,
      },
    ],
    [],
    [["?:8"]],
  ],
  ["a scalar of the wrong size", "register", [{ ...scalar("int32"), size: 8 }], [], [["?:8"]]],
  ["an array whose length contradicts its size", "register", [{ ...pair, size: 24 }], [], [["?:24"]]],
  ["an alignment that cannot be", "stack", [{ ...int, align: 3 }], [], [["?:8"]]],
  [
    "a vector type of the simd experiment",
    "register",
    [struct("simd/archsimd.Int64x2", [["v", pair]])],
    [],
    [["?:16"]],
  ],
];

test("what cannot be known is lost, never a guess", async (t) => {
  for (const [name, convention, params, results, expected] of UNKNOWN_CASES) {
    await t.test(name, () => {
      const placed = assignSignature("amd64", convention, params, results);
      assert.deepEqual([...placed.params, ...placed.results].map(formatLocation), expected);
    });
  }
});

function formatStep({ Kind, Size, StkOff, Ireg, Freg }: Step, arch: Arch): string {
  if (Kind === 1) return `CFA+${StkOff + (arch === "arm64" ? 8 : 0)}:${Size}`;
  // The ABI document's register sequences, written out here once more as a witness.
  if (arch === "arm64") return Kind === 4 ? `F${Freg}:${Size}` : `R${Ireg}:${Size}`;
  return Kind === 4
    ? `X${Freg}:${Size}`
    : `${["RAX", "RBX", "RCX", "RDI", "RSI", "R8", "R9", "R10", "R11"][Ireg]}:${Size}`;
}

function typeOf(described: Described): GoType {
  const base = { name: described.Name, size: described.Size, align: described.Align, named: false };
  switch (described.Kind) {
    case "array":
      return { ...base, kind: "array", length: described.Len ?? 0, elem: typeOf(described.Elem!) };
    case "struct":
      return {
        ...base,
        kind: "struct",
        fields: (described.Fields ?? []).map(({ Name, Offset, Type }) => ({
          name: Name,
          offset: Offset,
          embedded: false,
          type: typeOf(Type),
        })),
      };
    case "slice":
    case "ptr":
      return { ...base, kind: described.Kind, elem: int };
    case "map":
      return { ...base, kind: "map", key: int, elem: int };
    case "chan":
      return { ...base, kind: "chan", elem: int, direction: "both" };
    case "func":
      return { ...base, kind: "func" };
    case "interface":
      return { ...base, kind: "interface", empty: false };
    default:
      return { ...base, kind: described.Kind as ScalarKind };
  }
}
