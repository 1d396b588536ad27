/** Parameters that a function never changes, from its syntax. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GoType } from "../../../src/goabi/type.ts";
import { unchangedParams } from "../../../src/gosource/functions/unchangedParams.ts";
import { parser } from "./helpers.ts";

const base = { size: 8, align: 8, named: false } as const;
const INT: GoType = { ...base, kind: "int", name: "int" };
const NAMED: GoType = { ...base, kind: "int", name: "main.N", named: true };
const SLICE: GoType = { ...base, kind: "slice", name: "[]int", size: 24, elem: INT };
const ARRAY: GoType = { ...base, kind: "array", name: "[2]int", size: 16, elem: INT, length: 2 };
const field = (name: string, type: GoType) => ({ name, offset: 0, embedded: false, type });
const STRUCT: GoType = {
  ...base,
  kind: "struct",
  name: "main.S",
  named: true,
  fields: [field("f", INT), field("a", ARRAY)],
};
const POINTER: GoType = { ...base, kind: "ptr", name: "*main.S", elem: STRUCT };
const INTERFACE: GoType = { ...base, kind: "interface", name: "main.I", size: 16, named: true, empty: false };

/** The parameters n int, m main.N, l []int, a [2]int, s main.S, p *main.S and i main.I; `changed`: those that are not unchanged. */
const BODIES: [body: string, changed: string][] = [
  ["return n + int(m) + l[0] + a[1] + s.f + p.f + i.M(n)", ""],
  ["n = 1", "n"],
  ["n += l[n]", "n"],
  ["n++", "n"],
  ["(n)--", "n"],
  ["x := &n; _ = x", "n"],
  ["x := &l[n]; _ = x", ""],
  ["x := &a[n]; _ = x", "a"],
  ["x := &s.f; y := &p.f; _, _ = x, y", "s"],
  ["x, n := 1, 2; _, _ = x, n", "n"],
  ["for n = range l { }", "n"],
  ["for n, m := range l { _, _ = n, m }", "m n"],
  ["for n > 0 { break }", ""],
  ["select { case n = <-c: default: }", "n"],
  ["func() { n = 2 }()", "n"],
  ["func() { f(n) }()", ""],
  ["l[n] = 1", ""],
  ["l = l[1:]", "l"],
  ["a[n] = 1", "a"],
  ["x := a[:]; y := l[:]; _, _ = x, y", "a"],
  ["s.f = n", "s"],
  ["s.a[n]++", "s"],
  ["p.f = n; p.a[n]++; p.set()", ""],
  ["p = nil", "p"],
  ["m.set(n)", "m"],
  ["f(m.get)", "m"],
  ["s.set()", "s"],
  ["f(s.set)", "s"],
  ["i.M(n); f(i.M)", ""],
  ["var x = *p; _ = x", ""],
  ["switch n := i.(type) { case S: _ = n }", ""],
  ["return f(&S{f: n})", ""],
  ["n =", "a i l m n p s"],
];

test("a parameter that is assigned, or whose address may be taken, is none", () => {
  const types = { n: INT, m: NAMED, l: SLICE, a: ARRAY, s: STRUCT, p: POINTER, i: INTERFACE };
  const params = Object.entries(types).map(([name, type]) => ({ name, type }));
  for (const [body, changed] of BODIES) {
    const text = `package main\nfunc g(n int, m N, l []int, a [2]int, s S, p *S, i I) int {\n${body}\n}\n`;
    const unchanged = parser.parse(text, (root) =>
      unchangedParams(root.descendantsOfType("function_declaration")[0]!, params),
    );
    const others = Object.keys(types).filter((name) => unchanged?.has(name) !== true);
    assert.equal(others.sort().join(" "), changed, body);
  }
});
