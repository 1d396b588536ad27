/** What literals in generic functions have captured: where their dictionaries have the types, and which those are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isShaped } from "../../../src/goabi/shaped.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import { enclosingNames, placesOfShapes, withoutDictionary } from "../../../src/gobinary/genericClosures.ts";
import { pointeesOf } from "../../../src/probe/capture/pointees.ts";
import { buildValues } from "../../values/build.ts";
import { openFile } from "./binaryFile.ts";

/** Outside the file, as closures that captured something are. */
const OBJECT = 0xc0_0000_0000;

/** Of test/programs/values/generics.go; `‹0›` to `‹1›` stand for the words of the dictionary. `_0` up to Go 1.19. */
const CAPTURED: Record<string, string> = {
  "main.keeps[go.shape.*uint8].func1": "v‹0› n",
  "main.keeps[go.shape.struct { X int; Y int }].func1": "v‹0› n",
  "main.changes[go.shape.float64].func1": "&v‹0› w‹1› list‹2›",
  "main.keepsBoth[go.shape.string,go.shape.*uint8].func1": "k‹0› v‹1›",
};

for (const version of ["1.18.10", "1.20.14", "1.24.13", "1.27.4"]) {
  test(`the dictionary tells types of captured variables, go${version}`, async () => {
    const binary = await openFile((await buildValues(version, "default", "package main\n")).file);
    const resolver = await binary.valueResolver();
    for (const [name, expected] of Object.entries(CAPTURED)) {
      const [fn] = await binary.functionsNamed(version === "1.18.10" ? numbered(name) : name);
      assert.ok(fn, name);
      const info = resolver.funcAt(fn.entry, OBJECT);
      assert.ok("captured" in info && info.dictionary !== undefined, name);
      const shown = info.captured.map(
        ({ name: variable, byReference, inDictionary: place }) =>
          `${byReference ? "&" : ""}${variable}${place !== undefined && "word" in place ? `‹${place.word}›` : ""}`,
      );
      assert.equal(shown.join(" "), expected, name);
      assert.equal(info.missing, undefined, name);
    }
    const pointees = pointeesOf(await binary.closures(), await binary.dictionaries());
    const names = new Set(pointees.map(({ type }) => type.name));
    assert.ok(names.has("*main.Point") && names.has("*int"), [...names].join());
  });
}

/** `go.shape.string_0,go.shape.*uint8_1` */
function numbered(name: string): string {
  let index = 0;
  return name.replaceAll(/go\.shape\.(?:struct \{[^}]*\}|[^,\]]+)/g, (shape) => `${shape}_${index++}`);
}

const scalar = (name: string, more: Partial<GoType> = {}): GoType =>
  ({ kind: "int", name, size: 8, align: 8, named: false, ...more }) as GoType;

test("types that only a dictionary tells", () => {
  // The runtime's own types have the package's escaped path in their linker's name.
  assert.ok(isShaped(scalar("go.shape.int_0", { linkName: "go%2eshape.shape.int_0" })));
  assert.ok(isShaped(scalar("int", { linkName: "go.shape.int" })));
  assert.ok(isShaped(scalar("int", { inDictionary: { word: 0 } })));
  assert.ok(!isShaped(scalar("main.shape")));
});

test("functions around a literal", () => {
  assert.deepEqual(enclosingNames("main.f[go.shape.int].func1.2"), [
    "main.f[go.shape.int].func1.2",
    "main.f[go.shape.int].func1",
    "main.f[go.shape.int]",
  ]);
  assert.deepEqual(enclosingNames("m.(*T[go.shape.struct { m/a.X int }]).M.func1"), [
    "m.(*T[go.shape.struct { m/a.X int }]).M.func1",
    "m.(*T[go.shape.struct { m/a.X int }]).M",
    "m.(*T[go.shape.struct { m/a.X int }])",
  ]);
  // Two parameters of one shape, or of shapes that only a path tells apart.
  assert.equal(enclosingNames("main.f[go.shape.int,go.shape.int].func1"), undefined);
  assert.equal(enclosingNames("main.f[go.shape.[]a/x.T,go.shape.[]b/x.T].func1"), undefined);
  assert.equal(enclosingNames("main.f.func1"), undefined);
});

test("a shape that stands at two places has none", () => {
  const at = (name: string, word: number) => scalar(name, { linkName: `go.shape.${name}`, inDictionary: { word } });
  assert.deepEqual(
    [...placesOfShapes([at("int", 0), at("int", 0), scalar("int"), at("int8", 1)])],
    [
      ["go.shape.int", { word: 0 }],
      ["go.shape.int8", { word: 1 }],
    ],
  );
  assert.deepEqual([...placesOfShapes([at("int", 0), at("int", 1)])], []);
});

test("a pointer to words is a dictionary only as the last thing that a generic function's literal holds", () => {
  const uintptr = scalar("uintptr", { kind: "uintptr" });
  const words = {
    kind: "array",
    name: "[3]uintptr",
    size: 24,
    align: 8,
    named: false,
    length: 3,
    elem: uintptr,
  } as const;
  const held = { kind: "ptr", name: "*[3]uintptr", size: 8, align: 8, named: false, elem: words } as const;
  const n = { name: "n", type: scalar("int"), offset: 16, byReference: false };
  const unnamed = { name: "", type: held, held, offset: 8, byReference: false };
  const count = (name: string, ...captured: (typeof n)[]) => {
    const { captured: left, dictionary } = withoutDictionary({ name, captured });
    return [left.length, dictionary];
  };
  assert.deepEqual(count("main.f[go.shape.int].func1", n, unnamed), [1, 8]);
  assert.deepEqual(count("main.f[go.shape.int].func1", unnamed, n), [2, undefined]);
  assert.deepEqual(count("main.f.func1", n, unnamed), [2, undefined]);
  assert.deepEqual(count("main.f.func1", n, { ...n, name: ".dict", offset: 24 }), [1, 24]);
});
