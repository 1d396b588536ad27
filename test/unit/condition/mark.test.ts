/** The mark stands under its part in a terminal, whatever stands before it, and what is shown is bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { marked } from "../../../src/condition/mark.ts";

/** The expression with its part between « and », the line shown, and the mark. */
const MARKS: readonly (readonly [string, string, string])[] = [
  ["n > «nn»", "n > nn", "    ^~"],
  ["n >« »", "n > ", "   ^"],
  ["n > 1 && \n «nn» > 2", " nn > 2", " ^~"],
  ['s == "\t" && «nn»', 's == "\t" && nn', "      \t     ^~"],
  // Two columns each, one of two UTF-16 units among them.
  ['s == "日本" && «nn»', 's == "日本" && nn', `${" ".repeat(15)}^~`],
  ['s == "😀" && «nn»', 's == "😀" && nn', `${" ".repeat(13)}^~`],
  ['«"日"» + n', '"日" + n', "^~~~"],
  // No column of its own.
  ['s == "e\u0301" && «nn»', 's == "e\u0301" && nn', `${" ".repeat(12)}^~`],
  // What would control the terminal stands in words, and so takes more columns.
  ['s == "\x1b[31m" && «nn»', 's == "\\x1b[31m" && nn', `${" ".repeat(19)}^~`],
  ['s == "\u202e" && «nn»', 's == "\\u202e" && nn', `${" ".repeat(17)}^~`],
];

for (const [text, line, mark] of MARKS) {
  test(`mark: ${JSON.stringify(text)}`, () => {
    const [start, end] = [text.indexOf("«"), text.indexOf("»") - 1];
    assert.deepEqual(marked(text.replace(/[«»]/g, ""), { start, end }), [line, mark]);
  });
}

test("of a long expression what stands near the part is shown, and the mark is under it", () => {
  const many = "n == 1 || ".repeat(1000);
  for (const text of [`${many}nn`, `nn || ${many}`, `${many}nn || ${many}`]) {
    const start = text.indexOf("nn");
    const [line, mark] = marked(text, { start, end: start + 2 });
    assert.ok(line.length <= 160, line);
    assert.equal(line.slice(mark.indexOf("^"), mark.length), "nn");
  }
  const digits = "1".repeat(3000);
  const [line, mark] = marked(`n == ${digits}`, { start: 5, end: 5 + digits.length });
  assert.ok(line.length <= 160 && line.endsWith("…"), line);
  assert.equal(mark.length, line.length);
});
