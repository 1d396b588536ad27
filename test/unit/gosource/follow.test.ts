/** A document that is typed in: parsing on from the text before finds what parsing anew finds. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readGoFile } from "../../../src/gosource/syntax/declarations.ts";
import type { GoParser } from "../../../src/gosource/syntax/parser.ts";
import { changeOf } from "../../../src/gosource/syntax/textChange.ts";
import { Random } from "../../fuzz/random.ts";
import { parser } from "./helpers.ts";

const GOROOT = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
const FILES = ["src/sort/sort.go", "src/errors/join.go", "src/sync/once.go", "src/slices/zsortanyfunc.go"];
const EDITS = 150;
/** Most edits are undone by the next one, so that the text is valid Go again and again, as while somebody types. */
const TYPED = [
  "\n",
  " ",
  "}",
  "{",
  "x",
  "é",
  "𝛼",
  "// c\n",
  "func g(a int) {}\n",
  "func() {}()",
  "(",
  '"',
  "`",
  "/*",
  ", b T",
];

for (const [index, file] of FILES.entries()) {
  void test(`${file}: ${EDITS} edits`, () => {
    const random = new Random(index + 1);
    const original = readFileSync(join(GOROOT, file), "utf8");
    const followed = parser.follow();
    let text = original;
    let valid = 0;
    try {
      for (let edit = 0; edit < EDITS; edit++) {
        const [found, expected] = [read(followed, text), read(parser, text)];
        assert.deepEqual(found, expected, `after edit ${edit}`);
        if (expected?.syntaxErrorLine === undefined) valid++;
        text = random.once(2) ? original : edited(text, random);
      }
    } finally {
      followed.close();
    }
    assert.ok(valid > EDITS / 3, `${valid} texts were valid`);
  });
}

void test("a change is what differs, its places counted in UTF-16 units", () => {
  const rows: [before: string, after: string, start: string, oldEnd: string, newEnd: string][] = [
    ["", "", "0 0:0", "0 0:0", "0 0:0"],
    ["a\nb\nc", "a\nb\nc", "5 2:1", "5 2:1", "5 2:1"],
    ["a\nb\nc", "a\nbb\nc", "3 1:1", "3 1:1", "4 1:2"],
    ["aaa", "aa", "2 0:2", "3 0:3", "2 0:2"],
    ["a\n\n\nb", "a\nb", "2 1:0", "4 3:0", "2 1:0"],
    ["𝛼\nx", "𝛼𝛼\nx", "2 0:2", "2 0:2", "4 0:4"],
    ["one\ntwo", "", "0 0:0", "7 1:3", "0 0:0"],
  ];
  for (const [before, after, start, oldEnd, newEnd] of rows) {
    const change = changeOf(before, after);
    const at = (index: number, { row, column }: { row: number; column: number }): string => `${index} ${row}:${column}`;
    assert.equal(at(change.startIndex, change.startPosition), start, before);
    assert.equal(at(change.oldEndIndex, change.oldEndPosition), oldEnd, before);
    assert.equal(at(change.newEndIndex, change.newEndPosition), newEnd, before);
  }
});

function read(from: Pick<GoParser, "parse">, text: string) {
  return from.parse(text, (root) => readGoFile(root, { bodies: true, text }));
}

function edited(text: string, random: Random): string {
  const at = random.below(text.length);
  const removed = random.once(3) ? random.below(60) : 0;
  return text.slice(0, at) + (random.once(4) ? "" : random.pick(TYPED)) + text.slice(at + removed);
}
