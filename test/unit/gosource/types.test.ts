/**
 * Types read from source against package reflect: a Go program prints the parameters' types of some thirty functions,
 * the standard library's large structs included; the same functions are looked up in the stripped binary and their types
 * built from the program's source. Every name, size, alignment, field and offset must be the same. Then the same without
 * the standard library's source: its types then come from the binary's own type data.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { GoType } from "../../../src/goabi/type.ts";
import type { GoBinary } from "../../../src/gobinary/api.ts";
import type { SourceReader } from "../../../src/gosource/packages/reader.ts";
import { createSourceTypes, type SourceTypes } from "../../../src/gosource/sourceTypes.ts";
import { buildGo } from "../../programs/build.ts";
import type { TypesWitness } from "../../programs/types/witness.ts";
import { diskReader, openFile, parser, sourceTypesFor } from "./helpers.ts";

/** Pointers that both sides follow. */
const DEPTH = 3;
const VERSIONS = ["1.26.8", "1.27.4", "1.19.13", "1.15.15"];
const ROOT = fileURLToPath(new URL("../../programs/types", import.meta.url));

for (const version of VERSIONS) {
  test(`types of Go ${version} are those that reflect prints`, async () => {
    const file = buildGo("types", `go${version}`, "-ldflags=-s -w");
    const witness = JSON.parse(execFileSync(file, [String(DEPTH)], { encoding: "utf8" })) as TypesWitness;
    const binary = await openFile(file);
    const withGoroot = await sourceTypesFor(ROOT, DEPTH);
    const withoutGoroot = await createSourceTypes({ reader: diskReader, wasm: parser, root: ROOT, depth: DEPTH });
    assert.deepEqual(await differences(binary, witness, withGoroot), []);
    const partly = await differences(binary, witness, withoutGoroot, MISSING);
    assert.deepEqual(partly, [], "without the standard library's source");
  });
}

/** What only the source tells: that a name is an alias, and a constant's value. */
const MISSING = /the source of go\S+, which built the binary, was not found/;

async function differences(
  binary: GoBinary,
  witness: TypesWitness,
  sources: SourceTypes,
  missing?: RegExp,
): Promise<string[]> {
  const out: string[] = [];
  const compared = new Set<number>();
  const incomplete: string[] = [];
  for (const { Name, Params, Results } of witness.functions) {
    const [fn] = await binary.functionsNamed(Name);
    assert.ok(fn, `${Name} is in the binary`);
    const result = await sources.signature(fn, binary.buildInfo, binary);
    assert.ok(result.ok, result.ok ? "" : `${Name}: ${result.reason}`);
    const { params, results, complete } = result.signature;
    const described = params.map((param) => describe(param.type)).join("; ");
    assert.ok(complete || missing !== undefined, `${Name}: ${described}`);
    if (!complete) incomplete.push(described);
    assert.equal(params.length, Params.length, Name);
    assert.equal(results.length, Results.length, Name);
    for (const [index, param] of params.entries()) compare(param.type, Params[index] ?? -1, `${Name} ${param.name}`);
    for (const [index, one] of results.entries()) compare(one.type, Results[index] ?? -1, `${Name} ${one.name}`);
  }
  assert.ok(incomplete.length <= 4, incomplete.join("\n"));
  assert.ok(compared.size > (missing === undefined ? 450 : 400), `only ${compared.size} types were compared`);
  return out;

  function compare(type: GoType, id: number, path: string): void {
    const expected = witness.types[id];
    if (expected === undefined || compared.has(id) || out.length > 40) return;
    compared.add(id);
    const check = (what: string, actual: string | number | boolean, wanted: string | number | boolean): void => {
      if (actual !== wanted) out.push(`${path} (${expected.Name}): ${what} is ${actual}, not ${wanted}`);
    };
    if (type.kind === "unknown") {
      if (missing?.test(type.reason) === true) return;
      out.push(`${path} (${expected.Name}): ${describe(type)}`);
      return;
    }
    // The methods of an embedded interface whose source is missing are not known.
    if (missing === undefined || !type.name.includes("…")) check("name", type.name, expected.Name);
    check("kind", type.kind, expected.Kind);
    check("size", type.size, expected.Size);
    check("align", type.align, expected.Align);
    if (expected.Elem !== undefined && "elem" in type) compare(type.elem, expected.Elem, `*${path}`);
    if (expected.Key !== undefined && type.kind === "map") compare(type.key, expected.Key, `key of ${path}`);
    if (type.kind === "array") check("length", type.length, expected.Len ?? 0);
    if (type.kind === "interface") check("empty", type.empty, expected.Empty ?? false);
    if (type.kind === "struct") {
      const text = type.fields.map(({ name, offset, embedded }) => `${name}@${offset}${embedded ? "!" : ""}`).join(" ");
      const fields = expected.Fields ?? [];
      check("fields", text, fields.map((f) => `${f.Name}@${f.Offset}${f.Embedded ? "!" : ""}`).join(" "));
      for (const [index, field] of type.fields.entries()) {
        compare(field.type, fields[index]?.Type ?? -1, `${path}.${field.name}`);
      }
    }
    const named = type.named || /^[a-z0-9]+$|^unsafe\.Pointer$/.test(type.name);
    check("named", named, expected.Named);
  }
}

function describe(type: GoType): string {
  return type.kind === "unknown" ? `${type.name} <${type.reason}>` : `${type.name} ${type.size}`;
}

/** The program's source with one edit that moves no line. */
function edited(from: string, to: string): SourceReader {
  return {
    list: (dir) => diskReader.list(dir),
    async read(path) {
      const text = await diskReader.read(path);
      if (!path.endsWith("/own.go") || text === undefined) return text;
      assert.ok(text.includes(from), from);
      return text.replace(from, to);
    },
  };
}

test("an edit that moves no line is found by what the binary records", async () => {
  const binary = await openFile(buildGo("types", "go1.26.8", "-ldflags=-s -w"));
  const cases: [fn: string, from: string, to: string, reason: RegExp | undefined][] = [
    ["main.point.Value", "Value(scale int)", "Value(scale int)", undefined],
    ["main.point.Value", "Value(scale int)", "Value(scale int8)", /FUNCDATA_ArgInfo/],
    ["main.point.Value", "Value(scale int)", "Value(scale, b int)", /its arguments would take/],
    [
      "main.point.Value",
      "type point struct{ X, Y int }",
      "type point struct{ X, Y int32 }",
      /type main\.point: it has 16 bytes in the binary, 8/,
    ],
    ["main.structs", "\tkids  []node", "\tboys  []node", /type main\.node: its fields differ/],
  ];
  for (const [name, from, to, reason] of cases) {
    const [fn] = await binary.functionsNamed(name);
    assert.ok(fn);
    const reader = edited(from, to);
    const sources = await createSourceTypes({ reader, wasm: parser, root: ROOT });
    const result = await sources.signature(fn, binary.buildInfo, binary);
    if (reason === undefined) assert.ok(result.ok, result.ok ? "" : result.reason);
    else assert.match(result.ok ? "accepted" : result.reason, reason, `${name} with ${to}`);
  }
});
