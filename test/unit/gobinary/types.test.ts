/**
 * Types read from DWARF against package reflect: a Go program prints the types of the parameters of its functions; the
 * same functions' DWARF must give the same names, sizes, alignments, fields and offsets.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { GoType } from "../../../src/goabi/type.ts";
import { buildGo } from "../../programs/build.ts";
import type { TypesWitness } from "../../programs/types/witness.ts";
import { openFile } from "./binaryFile.ts";

/** Pointers that the program follows. */
const DEPTH = 3;
/** Functions whose blank or unnamed parameters are not in the DWARF of Go 1.21 and older. */
const UNNAMED = new Set(["main.unnamed", "main.blanks", "main.(*point).Pointer", "main.(*node).Unnamed"]);
const VERSIONS = ["1.15.15", "1.17.13", "1.20.14", "1.25.8", "1.27.4"];

for (const version of VERSIONS) {
  test(`types of Go ${version} from DWARF are those that reflect prints`, async () => {
    const file = buildGo("types", `go${version}`);
    const witness = JSON.parse(execFileSync(file, [String(DEPTH)], { encoding: "utf8" })) as TypesWitness;
    const binary = openFile(file);
    const differences: string[] = [];
    const compared = new Set<number>();
    for (const { Name, Params } of witness.functions) {
      const [fn] = await (await binary).functionsNamed(Name);
      assert.ok(fn, `${Name} is in the binary`);
      const result = await (await binary).signature(fn);
      assert.ok(result.ok, result.ok ? "" : `${Name}: ${result.reason}`);
      const params = result.signature.params.filter((param) => param.name !== ".dict");
      if (UNNAMED.has(Name) && Number(version.split(".")[1]) < 22) continue;
      assert.equal(params.length, Params.length, Name);
      for (const [index, param] of params.entries())
        if (!param.blank) compare(param.type, Params[index] ?? -1, `${Name} ${param.name}`);
    }
    assert.deepEqual(differences, []);
    assert.ok(compared.size > 400, `only ${compared.size} types were compared`);

    function compare(type: GoType, id: number, path: string): void {
      const expected = witness.types[id];
      if (expected === undefined || compared.has(id) || differences.length > 40) return;
      compared.add(id);
      const check = (what: string, actual: unknown, wanted: unknown): void => {
        if (actual !== wanted)
          differences.push(`${path} (${expected.Name}): ${what} is ${String(actual)}, not ${String(wanted)}`);
      };
      check("name", type.name, expected.Name);
      check("kind", type.kind, expected.Kind);
      check("size", type.size, expected.Size);
      check("align", type.align, expected.Align);
      if (expected.Elem !== undefined && "elem" in type) compare(type.elem, expected.Elem, `*${path}`);
      if (expected.Key !== undefined && type.kind === "map") compare(type.key, expected.Key, `key of ${path}`);
      if (type.kind === "array") check("length", type.length, expected.Len ?? 0);
      if (type.kind === "interface") check("empty", type.empty, expected.Empty ?? false);
      if (type.kind === "struct") {
        const fields = expected.Fields ?? [];
        const text = type.fields
          .map(({ name, offset, embedded }) => `${name}@${offset}${embedded ? "!" : ""}`)
          .join(" ");
        check("fields", text, fields.map((f) => `${f.Name}@${f.Offset}${f.Embedded ? "!" : ""}`).join(" "));
        for (const [index, field] of type.fields.entries())
          compare(field.type, fields[index]?.Type ?? -1, `${path}.${field.name}`);
      }
      const predeclared = /^[a-z0-9]+$|^unsafe\.Pointer$/.test(type.name);
      check("named", type.named || predeclared, expected.Named);
    }
  });
}
