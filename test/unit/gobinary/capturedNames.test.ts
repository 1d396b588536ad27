/** The source's names for what a closure object holds, and whether that is the variable or its address. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GoType } from "../../../src/goabi/type.ts";
import type { CapturedList, CapturedName } from "../../../src/gobinary/api.ts";
import { withNames } from "../../../src/gobinary/capturedNames.ts";
import { UNLISTED, unknownVariable } from "../../../src/gobinary/debuginfo/closureVariables.ts";

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
    const names = [{ name: "v", ...(type === undefined ? {} : { type }) }];
    const info = withNames({ name: "main.f.func1", captured }, { names, proved: false });
    const [variable] = info.captured;
    const found =
      variable!.name === ""
        ? "-"
        : `${variable!.byReference ? "&" : ""}${variable!.name} ${variable!.type.kind === "unknown" ? "?" : variable!.type.name}`;
    assert.equal(found, shown);
  });

const listOf = (names: string): CapturedList => ({
  names: names
    .split(" ")
    .filter((name) => name !== "")
    .map((name) => ({ name })),
  proved: false,
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
    const info = withNames({ name: "main.f.func1", captured }, listOf(names));
    assert.equal(info.captured.map(({ name }) => name || "?").join(" "), shown);
  });

test("a list that may not be whole takes no names", () => {
  const info = { name: "main.f.func1", captured: [unnamed(8)], missing: "there may be more" };
  assert.equal(withNames(info, listOf("a")), info);
});

const hole = (offset: number) => ({ name: "", type: UNLISTED, offset, byReference: false });

/** Of an object without a type; `…`: there may be more. What is not in DWARF is `-`. */
const PROVED: readonly [what: string, listed: string, names: string, shown: string][] = [
  ["the list is whole", "a@8 b@16 …", "a b", "a@8 b@16"],
  ["one at the end is not listed", "a@8 …", "a b", "a@8 b-"],
  ["two at the end are not listed", "a@8 …", "a b c", "a@8 b- c-"],
  ["one is known to be at the end", "a@8 ?@16", "a b", "a@8 b-"],
  ["none is known to be at the end", "a@8 ?@16", "a", "a@8 ?@16"],
  ["one in a hole", "a@8 ?@16 c@24 …", "a b c", "a@8 b- c@24"],
  ["one in a hole, and one behind", "?@8 b@16 …", "a b c", "a- b@16 c-"],
  ["two in a hole", "?@8 c@24 …", "a b c", "a- b- c@24"],
  ["a hole that the source does not have", "a@8 ?@16 c@24 …", "a c", "a@8 ?@16 c@24 …"],
  ["one in between where there is no hole", "a@8 c@16 …", "a b c", "a@8 c@16 …"],
  ["another order", "b@8 a@16 …", "a b", "b@8 a@16 …"],
  ["one that the source does not have", "a@8 x@16 …", "a b", "a@8 x@16 …"],
  ["two of one name", "a@8 …", "a a", "a@8 …"],
  ["the source knows of none", "a@8 …", "", "a@8 …"],
  ["nothing is listed", "…", "a", "…"],
];

for (const [what, listed, names, shown] of PROVED)
  test(`proved names where DWARF may not have all: ${what}`, () => {
    const parts = listed.split(" ").filter((part) => part !== "…");
    const captured = parts.map((part) => {
      const [name = "", offset] = part.split("@");
      return name === "?" ? hole(Number(offset)) : known(name, Number(offset));
    });
    const missing = listed.includes("…") ? { missing: "there may be more" } : {};
    const info = { name: "main.f.func1", captured, ...missing };
    const completed = withNames(info, { ...listOf(names), proved: true });
    const found = completed.captured.map(({ name, offset, type }) =>
      name !== "" && type.kind === "unknown" ? `${name}-` : `${name || "?"}@${offset}`,
    );
    if (completed.missing !== undefined) found.push("…");
    assert.equal(found.join(" "), shown);
    // Without a proof nothing is concluded.
    assert.equal(withNames(info, listOf(names)), info);
  });
