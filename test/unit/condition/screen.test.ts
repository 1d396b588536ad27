/** What the screen of a condition compares, and that it turns away only calls that the machine rejects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CAPTURE_REGISTERS } from "../../../src/protocol/capture.ts";
import { type ScreenTest, WIDTH } from "../../../src/protocol/condition.ts";
import { Random } from "../../fuzz/random.ts";
import { KeptState, passesScreen, run } from "./interpreter.ts";
import { randomCall, randomCondition } from "./random.ts";
import { compiled, LOSING, param, SCOPE, words } from "./scene.ts";

/** Of scene.ts: n RAX, i8 RBX, u RCX, name RDI and RSI, ok R8, u32 R9; other parameters stand on the stack. */
const SCREENS: Readonly<Record<string, string>> = {
  "n < 0": "s64 RAX < 0",
  "0 > n": "s64 RAX < 0",
  "!(n >= 0)": "s64 RAX < 0",
  "n == 42 && i8 != -1": "s64 RAX == 42, s8 RBX != -1",
  "n < 0 || n > 100": "s64 RAX < 0 or s64 RAX > 100",
  "!(n >= 0 && n <= 100)": "s64 RAX < 0 or s64 RAX > 100",
  "n > 0 && (i8 < 0 || ok)": "s64 RAX > 0, s8 RBX < 0 or u8 R8 != 0",
  ok: "u8 R8 != 0",
  "!ok": "u8 R8 != 1",
  "ok == false": "u8 R8 == 0",
  "u != nil && u32 >= 7": "u64 RCX != 0, u32 R9 >= 7",
  "u.ID < 0": "s64 [RCX+0] < 0",
  "u.Level > 1 && n == 1": "s64 RAX == 1, s8 [RCX+72] > 1",
  "len(name) > 100": "s64 RSI > 100",
  // Unless the bytes can be read, it is not known, whatever the length.
  'name == "none"': "u64 RSI == 4 or no RSI bytes at RDI",
  'name == ""': "u64 RSI == 0 or no RSI bytes at RDI",
  'name == "GET" || name == "PUT"': "u64 RSI == 3 or no RSI bytes at RDI",
  'name != ""': "u64 RSI != 0",
  'strings.HasPrefix(name, "ab")': "u64 RSI >= 2 or no RSI bytes at RDI",
  'u.Name != ""': "u64 [RCX+16] != 0",
  "u64 > 5": "u64 [CFA+200] > 5",
  "grid[2] < 0": "s32 [CFA+56] < 0",
  "duration > 5ms && n > 3": "s64 RAX > 3",
  "n > 3 && x < 1.5": "s64 RAX > 3",
  "n > 3 && r0 == 1": "s64 RAX > 3",
  // No more than four, those in registers first, an alternative as a whole.
  "u.ID > 0 && n > 0 && i8 > 0 && ok && u32 > 0 && u != nil": "s64 RAX > 0, s8 RBX > 0, u8 R8 != 0, u32 R9 > 0",
  "n == 1 || n == 2 || n == 3 || n == 4 || n == 5": "",
  "(n == 1 || n == 2 || n == 3) && (i8 > 0 || ok)": "s8 RBX > 0 or u8 R8 != 0",
  // What takes more to find, or is not known at the entry, or what the bytes of a string say.
  "n + 1 < 0": "",
  "n < int(i8)": "",
  "r0 == 1": "",
  "n > 3 || r0 == 1": "",
  "x > 1.5": "",
  'name != "none"': "",
  'name < "a"': "",
  'u.Name == "bob"': "",
  "name == other": "",
  "!strings.HasPrefix(name, name)": "",
  "tags[0] == name": "",
  "u.Next.ID > 3": "",
  "goid == 3": "",
  'labels["a"] == ""': "",
};

for (const [condition, expected] of Object.entries(SCREENS)) {
  test(`the screen of ${condition}: ${expected || "none"}`, () => {
    assert.equal(inWords(compiled(condition).entry.screen), expected);
  });
}

test("what a call may have lost is no reason to turn it away; the return has no screen", () => {
  const { entry } = compiled("n > 0 && i8 > 0 && u.ID > 0", true, LOSING);
  assert.equal(inWords(entry.screen), "s64 RAX (unless lost) > 0, s8 RBX > 0, s64 [RCX+0] (unless lost) > 0");
  assert.equal(entry.cameBack, -0x40);
  const late = compiled("n > 0 && r0 > 0", true, LOSING);
  assert.deepEqual([late.return?.screen, late.return?.cameBack], [[], 0]);
});

function inWords(screen: readonly ScreenTest[]): string {
  let words = "";
  for (const { place, from, offset, width, passes, or, lost, constant } of screen) {
    const register = CAPTURE_REGISTERS[from];
    const bytes = `no ${CAPTURE_REGISTERS[offset]} bytes at ${register}`;
    if (place === "bytes") assert.deepEqual([width, passes, constant], [0, 0, "100"]);
    const word = { register, memory: `[${register}+${offset}]`, stack: `[CFA+${offset}]` }[place as "register"];
    const bits = 8 << (width & WIDTH.log2);
    const signed = (width & WIDTH.signed) !== 0;
    const value = signed ? BigInt.asIntN(64, BigInt(`0x${constant}`)) : BigInt(`0x${constant}`);
    const operator = ["", "<", "==", "<=", ">", "!=", ">="][passes];
    const compared =
      place === "bytes"
        ? bytes
        : `${signed ? "s" : "u"}${bits} ${word}${lost ? " (unless lost)" : ""} ${operator} ${value}`;
    words += `${compared}${or ? " or " : ", "}`;
  }
  return words.replace(/, $/, "");
}

const OPERANDS = [
  "n",
  "i8",
  "u32",
  "u64",
  "len(name)",
  "u.ID",
  "u.Level",
  "user.Flags",
  "len(m)",
  "grid[1]",
  "x",
  "r0",
];

/** Of comparisons that a screen can make, and of a few others. */
function simpleCondition(random: Random, depth = 2): string {
  if (depth > 0 && random.once(2)) {
    const [a, b] = [simpleCondition(random, depth - 1), simpleCondition(random, depth - 1)];
    return `${random.once(3) ? "!" : ""}(${a} ${random.pick(["&&", "||"])} ${b})`;
  }
  const operator = random.pick(["==", "!=", "<", "<=", ">", ">="]);
  switch (random.below(8)) {
    case 0:
      return random.pick(["ok", "!ok", "u == nil", "u.Next != nil", "tags != nil", "err == nil"]);
    case 1:
      return `${random.pick(["name", "u.Name", "tags[0]"])} ${operator} ${random.pick(['""', '"abc"', '"bob"'])}`;
    case 2:
      return `strings.${random.pick(["HasPrefix", "Contains"])}(name, ${random.pick(['""', '"ab"', "other"])})`;
    case 3:
      return randomCondition(random, 0).text;
    case 4:
      return `${random.pick([-1, 0, 3, 100])} ${operator} ${random.pick(["n", "i64"])}`;
    default:
      return `${random.pick(OPERANDS)} ${operator} ${random.pick([0, 1, 3, 100])}`;
  }
}

test("the screen turns away only calls that the whole condition rejects", () => {
  const random = new Random(17);
  const counts = { turnedAway: 0, rejected: 0, other: 0 };
  for (let round = 0; round < 4000; round += 1) {
    const text = random.once(4) ? randomCondition(random).text : simpleCondition(random);
    const scope = random.once(3) ? LOSING : SCOPE;
    let entry: ReturnType<typeof compiled>["entry"];
    try {
      ({ entry } = compiled(text, true, scope));
    } catch {
      continue;
    }
    for (let calls = 0; calls < 4; calls += 1) {
      const { memory } = randomCall(random);
      // A pointer that leads nowhere, a string whose bytes are not there.
      if (random.once(6)) memory.set(param("u"), words(0xdead0000n));
      if (random.once(6)) memory.set(param("name"), words(0xdead0000n, 3n));
      const machine = memory.machine({ lost: random.once(3) });
      const answer = run(entry, machine, new KeptState());
      if (!passesScreen(entry, machine)) {
        assert.equal(answer, "reject", text);
        counts.turnedAway += 1;
      } else if (answer === "reject") counts.rejected += 1;
      else counts.other += 1;
    }
  }
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 1000, `${what}: ${count}`);
});
