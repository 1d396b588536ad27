/** The source's names for what a closure object holds, and whether that is the variable or its address. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GoType } from "../../../src/goabi/type.ts";
import type { CapturedName } from "../../../src/gobinary/api.ts";
import { withNames } from "../../../src/gobinary/capturedNames.ts";
import { unknownVariable } from "../../../src/gobinary/debuginfo/closureVariables.ts";

const base = { size: 8, align: 8, named: false } as const;
const INT: GoType = { ...base, kind: "int", name: "int" };
const POINT: GoType = { ...base, kind: "struct", name: "main.Point", named: true, size: 0, fields: [] };
const LINK: GoType = { ...base, kind: "ptr", name: "main.Link", named: true, elem: POINT };
const ARRAY: GoType = { ...base, kind: "array", name: "[20]int", size: 160, elem: INT, length: 20 };
const to = (elem: GoType): GoType => ({ ...base, kind: "ptr", name: `*${elem.name}`, elem });

const declared = (text: string, syntax: string): CapturedName["type"] => ({ text, syntax });
const named = (text: string) => declared(text, "type_identifier");
const pointer = (text: string) => declared(text, "pointer_type");

/** What stands in the object, as what the variable `v` is declared; `&`: its address stands there; `-`: nothing is named. */
const MODES: readonly [held: GoType, type: CapturedName["type"], shown: string][] = [
  [INT, named("int"), "v int"],
  [INT, undefined, "v int"],
  [to(INT), named("int"), "&v int"],
  [to(INT), pointer("*int"), "v *int"],
  [to(to(INT)), pointer("*int"), "&v *int"],
  [to(INT), undefined, "v ?"],
  [POINT, named("Point"), "v main.Point"],
  [to(POINT), named("Point"), "&v main.Point"],
  [to(POINT), pointer("*Point"), "v *main.Point"],
  [to(POINT), declared("geometry.Point", "qualified_type"), "&v main.Point"],
  // The name stands for a pointer type, by `type A = *Point`.
  [to(POINT), named("A"), "v ?"],
  [to(to(POINT)), pointer("*A"), "v ?"],
  [LINK, named("Link"), "v main.Link"],
  [to(LINK), named("Link"), "&v main.Link"],
  [to(LINK), pointer("*Link"), "v *main.Link"],
  [to(ARRAY), declared("[20]int", "array_type"), "&v [20]int"],
  // Another variable's.
  [INT, named("string"), "-"],
  [INT, pointer("*int"), "-"],
  [INT, declared("[]int", "slice_type"), "-"],
  [to(INT), named("string"), "-"],
];

for (const [held, type, shown] of MODES)
  test(`a closure object holds ${held.name}, and v is declared ${type?.text ?? "without a type"}: ${shown}`, () => {
    const captured = [{ name: "", type: unknownVariable("no name"), offset: 8, byReference: false, held }];
    const info = withNames({ name: "main.f.func1", captured }, [
      { name: "v", ...(type === undefined ? {} : { type }) },
    ]);
    const [variable] = info.captured;
    const found =
      variable!.name === ""
        ? "-"
        : `${variable!.byReference ? "&" : ""}${variable!.name} ${variable!.type.kind === "unknown" ? "?" : variable!.type.name}`;
    assert.equal(found, shown);
  });

const unnamed = (offset: number) => ({
  name: "",
  type: unknownVariable("no name"),
  offset,
  byReference: false,
  held: INT,
});
const known = (name: string, offset: number) => ({ name, type: INT, offset, byReference: false });
const fieldOf = (name: string, offset: number) => ({ ...unnamed(offset), name });

const LISTS: readonly [
  what: string,
  captured: Parameters<typeof withNames>[0]["captured"],
  names: string,
  shown: string,
][] = [
  ["as many names as variables", [unnamed(8), unnamed(16)], "a b", "a b"],
  ["a name too many", [unnamed(8), unnamed(16)], "a b c", "? ?"],
  ["a name too few", [unnamed(8), unnamed(16)], "a", "? ?"],
  ["one that DWARF has, too", [known("a", 8), unnamed(16)], "a b", "a b"],
  ["one that DWARF has elsewhere", [known("b", 8), unnamed(16)], "a b", "b ?"],
  ["the object's type has the names, in another order", [fieldOf("b", 8), fieldOf("a", 16)], "a b", "b a"],
  ["what is held is not known", [{ ...unnamed(8), held: undefined as never }], "a", "?"],
];

for (const [what, captured, names, shown] of LISTS)
  test(`names of captured variables: ${what}`, () => {
    const own = names.split(" ").map((name): CapturedName => ({ name }));
    const info = withNames({ name: "main.f.func1", captured }, own);
    assert.equal(info.captured.map(({ name }) => name || "?").join(" "), shown);
  });

test("a list that may not be whole takes no names", () => {
  const info = { name: "main.f.func1", captured: [unnamed(8)], missing: "there may be more" };
  assert.equal(withNames(info, [{ name: "a" }]), info);
});
