/** Names of hostile files may be megabytes: what takes a name apart looks at each character a bounded number of times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shortTypeName } from "../../../src/gobinary/debuginfo/names.ts";
import { parseSymbolName } from "../../../src/goname/symbolName.ts";

/** With time that grows as the square they would take an hour; the runner ends them before. */
const FIELDS = 500_000;
const SYMBOLS = 300;
const RANGES = 9000;

test("a struct type of half a million fields", () => {
  const short = shortTypeName(`struct { ${"a.b c; ".repeat(FIELDS)}a.d e }`, () => undefined);
  assert.equal(short, `struct { ${"b c; ".repeat(FIELDS)}d e }`);
});

test("a variadic parameter of a million dots", () => {
  assert.equal(
    shortTypeName(`${"...".repeat(FIELDS)}a/b.T`, () => undefined),
    "...b.T",
  );
});

test("symbols of thousands of range bodies", () => {
  const symbol = `main.f[${"-range1".repeat(RANGES)}] x`;
  for (let count = 0; count < SYMBOLS; count++)
    assert.equal(parseSymbolName(symbol)?.synthetic, "range-over-func body");
});
