import assert from "node:assert/strict";
import { test } from "node:test";
import { compareText } from "./compare.ts";

const entries = (count: number) => Array.from({ length: count }, (_, i) => `${100 + i}:"v"`);
/** A map of 70 entries, of which any 64 may be shown. */
const OVER_LIMIT = `map[int]string{\u0001${entries(70).join("\u0002")}\u0003, …+6}`;
const NOT_SHOWN = "<unavailable: memory is not resident>";

const CASES: readonly (readonly [what: string, expected: string, actual: string, verdict: string])[] = [
  ["the same", "main.P{A:1}", "main.P{A:1}", "equal"],
  ["another number", "main.P{A:1}", "main.P{A:2}", "wrong"],
  ["more than there is", "5", "55", "wrong"],
  ["less than there is", "55", "5", "wrong"],
  ["nothing shown", "main.P{A:1}", NOT_SHOWN, "unavailable"],
  ["one field not shown", "main.P{A:1, B:2}", `main.P{A:${NOT_SHOWN}, B:2}`, "unavailable"],
  ["one field not shown, another wrong", "main.P{A:1, B:2}", `main.P{A:${NOT_SHOWN}, B:3}`, "wrong"],
  ["one not shown, one wrong before it", "main.P{A:1, B:2}", `main.P{A:3, B:${NOT_SHOWN}}`, "wrong"],
  ["the rest of a slice not shown", "[]int{1, 2, 3}", `[]int{1, ${NOT_SHOWN}}`, "unavailable"],
  ["something missing without a word", "[]int{1, 2, 3}", "[]int{1, 2}", "wrong"],
  ["a pointer not followed", "main.P{N:&main.P{A:1}}", "main.P{N:(*main.P)(0xc000010000)}", "unavailable"],
  ["a pointer to a func not followed", "&func main.f", "(*func(int) string)(0xc000010000)", "unavailable"],
  ["the address where the depth ends", "&(*main.P)(0xc000010000)", "&(*main.P)(0xc000010000)", "equal"],
  ["another address where the depth ends", "(**main.P)(0xc000010000)", "(**main.P)(0xc000010008)", "wrong"],
  ["an address for nil", "main.P{N:(*main.P)(nil)}", "main.P{N:(*main.P)(0xc000010000)}", "wrong"],
  ["nil for a pointer", "main.P{N:&main.P{}}", "main.P{N:(*main.P)(nil)}", "wrong"],
  ["a reason with a type in it", "main.P{A:1}", "main.P{A:<unavailable: no room for <T>>}", "unavailable"],
  ["64 of 70 entries", OVER_LIMIT, `map[int]string{${entries(64).join(", ")}, …+6}`, "equal"],
  ["other 64 entries", OVER_LIMIT, `map[int]string{${entries(70).slice(6).join(", ")}, …+6}`, "equal"],
  ["63 of 70 entries", OVER_LIMIT, `map[int]string{${entries(63).join(", ")}, …+7}`, "wrong"],
  ["one entry twice", OVER_LIMIT, `map[int]string{${[...entries(63), entries(63)[62]].join(", ")}, …+6}`, "wrong"],
  ["entries not sorted", OVER_LIMIT, `map[int]string{${entries(64).toReversed().join(", ")}, …+6}`, "wrong"],
  [
    "the first of a map's entries missing",
    "map[int]int{1:1, 12:2, 3:3}",
    `map[int]int{12:2, 3:3, ${NOT_SHOWN}}`,
    "unavailable",
  ],
  [
    "a map's entries missing between others",
    "map[int]int{1:1, 12:2, 13:3, 4:4}",
    `map[int]int{1:1, 13:3, ${NOT_SHOWN}}`,
    "unavailable",
  ],
  [
    "several entries of a map of a named type missing",
    'main.M{&106:"a, b", &11:"c", &12:"d", &13:"e"}',
    `main.M{&11:"c", &13:"e", ${NOT_SHOWN}}`,
    "unavailable",
  ],
  [
    "an entry whose key has a gap stands elsewhere",
    "main.M{chan int(len 1, cap 1){2}:1, chan int(len 1, cap 1){3}:2, main.P{A:1}:3}",
    `main.M{chan int(len 1, cap 1){${NOT_SHOWN}}:2, chan int(len 1, cap 1){2}:1, main.P{A:1}:3}`,
    "unavailable",
  ],
  [
    "two entries with gaps, of which one can be either",
    "main.M{chan int(len 1, cap 1){2}:1, chan int(len 1, cap 1){3}:2}",
    `main.M{chan int(len 1, cap 1){${NOT_SHOWN}}:${NOT_SHOWN}, chan int(len 1, cap 1){2}:${NOT_SHOWN}}`,
    "unavailable",
  ],
  [
    "an entry whose key has a gap stands elsewhere, another is wrong",
    "main.M{chan int(len 1, cap 1){2}:1, chan int(len 1, cap 1){3}:2, main.P{A:1}:3}",
    `main.M{chan int(len 1, cap 1){${NOT_SHOWN}}:2, chan int(len 1, cap 1){2}:1, main.P{A:1}:4}`,
    "wrong",
  ],
  [
    "an entry whose key has a gap stands elsewhere, another is left out without a word",
    "main.M{chan int(len 1, cap 1){2}:1, chan int(len 1, cap 1){3}:2, main.P{A:1}:3}",
    `main.M{chan int(len 1, cap 1){${NOT_SHOWN}}:2, chan int(len 1, cap 1){2}:1}`,
    "wrong",
  ],
  ["an element missing before a gap", "main.S{1, 2, 3, 4}", `main.S{1, 3, ${NOT_SHOWN}}`, "wrong"],
  ["the last of a map's entries missing", "map[int]int{1:1, 2:2}", `map[int]int{1:1, ${NOT_SHOWN}}`, "unavailable"],
  ["a map's entry missing, another wrong", "map[int]int{1:1, 2:2, 3:3}", `map[int]int{2:4, ${NOT_SHOWN}}`, "wrong"],
  ["a map's entry missing without a word", "map[int]int{1:1, 2:2}", "map[int]int{2:2}", "wrong"],
  ["a field missing before a gap", "main.P{A:1, B:2, C:3}", `main.P{B:2, C:${NOT_SHOWN}}`, "wrong"],
  ["an entry whose key cannot be read", OVER_LIMIT, `map[int]string{${NOT_SHOWN}:"v", …+69}`, "unavailable"],
  ["a wrong entry", OVER_LIMIT, `map[int]string{${[...entries(63), '999:"v"'].join(", ")}, …+6}`, "wrong"],
];

for (const [what, expected, actual, verdict] of CASES)
  test(`${what}: ${verdict}`, () => assert.equal(compareText(expected, actual).verdict, verdict));
