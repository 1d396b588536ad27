/**
 * Types read from source against package reflect: a Go program prints the parameters' types of some thirty functions,
 * the standard library's large structs included; the same functions are looked up in the stripped binary and their types
 * built from the program's source. Every name, size, alignment, field and offset must be the same.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { GoType } from "../../src/goabi/type.ts";
import { buildGoProgram } from "./goProgram.ts";
import { openFile, sourceTypesFor } from "./gosourceHelpers.ts";

interface Described {
  Name: string;
  Kind: string;
  Size: number;
  Align: number;
  Named: boolean;
  Elem?: number;
  Key?: number;
  Len?: number;
  Dir?: string;
  Empty?: boolean;
  Fields?: { Name: string; Offset: number; Embedded: boolean; Type: number }[];
}
interface Witness {
  functions: { Name: string; Params: number[]; Results: number[] }[];
  types: Described[];
}

/** Pointers that both sides follow. */
const DEPTH = 3;
const VERSIONS = ["1.26.8", "1.27.4", "1.19.13", "1.15.15"];

for (const version of VERSIONS) {
  test(`types of Go ${version} from source are those that reflect prints`, async () => {
    const file = buildGoProgram("types", version, "-ldflags=-s -w");
    const witness = JSON.parse(execFileSync(file, [String(DEPTH)], { encoding: "utf8" })) as Witness;
    const binary = await openFile(file);
    const sources = await sourceTypesFor(fileURLToPath(new URL("../programs/types", import.meta.url)), DEPTH);
    const differences: string[] = [];
    const compared = new Set<number>();
    for (const { Name, Params, Results } of witness.functions) {
      const [fn] = await binary.functionsNamed(Name);
      assert.ok(fn, `${Name} is in the binary`);
      const result = await sources.signature(fn, binary.buildInfo);
      assert.ok(result.ok, result.ok ? "" : `${Name}: ${result.reason}`);
      const { params, results, complete } = result.signature;
      assert.equal(complete, true, `${Name}: ${params.map((param) => describe(param.type)).join("; ")}`);
      assert.equal(params.length, Params.length, Name);
      assert.equal(results.length, Results.length, Name);
      for (const [index, param] of params.entries()) compare(param.type, Params[index] ?? -1, `${Name} ${param.name}`);
      for (const [index, one] of results.entries()) compare(one.type, Results[index] ?? -1, `${Name} ${one.name}`);
    }
    assert.deepEqual(differences, []);
    assert.ok(compared.size > 450, `only ${compared.size} types were compared`);

    function compare(type: GoType, id: number, path: string): void {
      const expected = witness.types[id];
      if (expected === undefined || compared.has(id) || differences.length > 40) return;
      compared.add(id);
      const kind = type.kind === "unsafe.Pointer" ? "unsafe.Pointer" : type.kind;
      const check = (what: string, actual: unknown, wanted: unknown): void => {
        if (actual !== wanted) differences.push(`${path} (${expected.Name}): ${what} is ${actual}, not ${wanted}`);
      };
      if (type.kind === "unknown") {
        differences.push(`${path} (${expected.Name}): ${describe(type)}`);
        return;
      }
      check("name", type.name, expected.Name);
      check("kind", kind, expected.Kind);
      check("size", type.size, expected.Size);
      check("align", type.align, expected.Align);
      if (expected.Elem !== undefined && "elem" in type) compare(type.elem, expected.Elem, `*${path}`);
      if (expected.Key !== undefined && type.kind === "map") compare(type.key, expected.Key, `key of ${path}`);
      if (type.kind === "array") check("length", type.length, expected.Len ?? 0);
      if (type.kind === "interface") check("empty", type.empty, expected.Empty ?? false);
      if (type.kind === "struct") {
        const text = type.fields
          .map(({ name, offset, embedded }) => `${name}@${offset}${embedded ? "!" : ""}`)
          .join(" ");
        const fields = expected.Fields ?? [];
        check("fields", text, fields.map((f) => `${f.Name}@${f.Offset}${f.Embedded ? "!" : ""}`).join(" "));
        for (const [index, field] of type.fields.entries()) {
          compare(field.type, fields[index]?.Type ?? -1, `${path}.${field.name}`);
        }
      }
      const named = type.named || /^[a-z0-9]+$|^unsafe\.Pointer$/.test(type.name);
      check("named", named, expected.Named);
    }
  });
}

function describe(type: GoType): string {
  return type.kind === "unknown" ? `${type.name} <${type.reason}>` : `${type.name} ${type.size}`;
}
