/** A file without its bodies declares what the whole file declares: small traps, and the toolchain's own tree. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type GoFile, readGoFile } from "../../../src/gosource/syntax/declarations.ts";
import { withoutBodies } from "../../../src/gosource/syntax/withoutBodies.ts";
import { parser } from "./helpers.ts";

const CASES: [what: string, text: string, skeleton: string | undefined][] = [
  ["a body on one line", "func f(a int) { g(a) } // x\n", "func f(a int) {      }     \n"],
  ["a body of lines", "func f() {\n\tg()\n}\ntype T int\n", "func f() {\n\n}\ntype T int\n"],
  ["braces in strings", "func f() { g(\"}\", `{\n`, '{') }\nvar x = 1", "func f() {\n        }\nvar x = 1"],
  ["a result of struct type", "func f() struct{ a int } { return x }\n", "func f() struct{ a int } {          }\n"],
  ["an interface among parameters", "func f(a interface{ M() }) {\n}\n", "func f(a interface{ M() }) {\n}\n"],
  ["a declaration without body", "func f(a int)\nvar x = []int{1, 2}\n", "func f(a int)\nvar x = []int{    }\n"],
  ["a function type in a type", "type T struct {\n\tf func() int\n}\n", "type T struct {\n\tf func() int\n}\n"],
  ["a literal of a variable", "var f = func() {\n\tg()\n}\nfunc h() {}\n", "var f = func() {\n\n}\nfunc h() {}\n"],
  ["a brace too many", "func f() {}}\n", undefined],
  ["a brace too few", "func f() { if x {\n}\nfunc g() {\n}\n", undefined],
  ["a string that does not end", 'func f() { "x\n}\n', undefined],
];

test("bodies, comments and variables' values become spaces", () => {
  for (const [what, text, skeleton] of CASES) assert.equal(withoutBodies(text), skeleton, what);
});

test("the standard library declares the same without its bodies", () => {
  const goroot = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
  const count = { files: 0, whole: 0, left: 0 };
  for (const folder of ["bytes", "go/types", "net/http", "reflect", "sync", "unicode"]) {
    for (const name of readdirSync(join(goroot, "src", folder)).filter((entry) => entry.endsWith(".go"))) {
      const text = readFileSync(join(goroot, "src", folder, name), "utf8");
      const skeleton = withoutBodies(text);
      assert.ok(skeleton !== undefined, name);
      assert.deepEqual(declared(skeleton), declared(text), name);
      count.files++;
      count.whole += text.length;
      count.left += skeleton.length;
    }
  }
  assert.ok(count.files > 200 && count.left < count.whole / 2, JSON.stringify(count));
});

function declared(text: string): GoFile | undefined {
  return parser.parse(text, (root, given) => readGoFile(root, { bodies: false, text: given }));
}
