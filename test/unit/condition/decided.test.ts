/** What conditions say of one call, by the compiled programs: decided, or why not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ARENA, compiled, LOSING, Memory, param, USER, verdict, words } from "./scene.ts";

const MISSING = 0xdead0000n;

function scene(): Memory {
  const memory = new Memory();
  const set = (name: string, value: Uint8Array): void => memory.set(param(name), value);
  const user = Buffer.alloc(USER.size);
  const field = (name: string, value: Uint8Array): void => {
    user.set(value, USER.fields.find((candidate) => candidate.name === name)?.offset ?? 0);
  };
  field("ID", words(42n));
  field("Name", memory.string("bob"));
  field("Score", words(0x3fb999999999999an)); // 0.1
  field("Ratio", Buffer.from([0, 0, 0, 0x80])); // -0
  field("Flags", Buffer.from([0x81]));
  field(
    "Tags",
    Buffer.concat([words(memory.place(Buffer.concat([memory.string("red"), memory.string("blue")]))), words(2n, 2n)]),
  );
  field("Base", Buffer.concat([Buffer.from([0xfe, 0, 0, 0, 0, 0, 0, 0]), memory.string("Paris")]));
  set("n", words(7n));
  set("i8", Buffer.from([0x80]));
  set("u", words(memory.place(user)));
  set("name", memory.string("x".repeat(300)));
  set("ok", Buffer.from([1]));
  set("u32", Buffer.from([0xff, 0xff, 0xff, 0xff]));
  set("tags", words(MISSING, 3n, 3n));
  set("i16s", Buffer.concat([words(memory.place(Buffer.from([0xff, 0xff, 2, 0]))), words(2n, 2n)]));
  set("grid", Buffer.from(Int32Array.from([10, -20, 30, 40]).buffer));
  set("user", user);
  set("wait", words(5_000_000n));
  set("other", memory.string("héllo wörld"));
  set("i64", words(-9_223_372_036_854_775_808n));
  set("u64", words(-1n));
  set("m", words(memory.place(words(3n, 0n))));
  set("c", words(0n));
  set("any", words(0n, 0n));
  set("err", words(ARENA, ARENA));
  set("kind", memory.string("admin"));
  return memory;
}

/** A reason: undecided. `late`: it took the return. */
const DECIDED: Readonly<Record<string, readonly string[]>> = {
  pass: [
    "n == 7",
    "n > 6 && n < 8",
    "7 == n",
    "!(n != 7)",
    "(n)==+7",
    "-n == -7",
    "^n == -8",
    "n == 0x7 && n == 0b111 && n == 0o7 && n == 07 && n == '\\a'",
    "i8 == -128",
    "-i8 == -128",
    "i8 - 1 == 127",
    "i8 / -1 == -128",
    "i8 % -1 == 0",
    "i8 >> 9 == -1",
    "i8 << 1 == 0",
    "int(i8) << 1 == -256",
    "uint8(i8) == 128",
    "u32 + 1 == 0",
    "u32 == 1<<32 - 1",
    "int64(u32) + 1 == 1<<32",
    "uint8(u32) == 255",
    "int8(u32) == -1",
    "u32 >> n == 0x1ffffff",
    "u32 << 33 == 0",
    "i64 / -1 == i64",
    "i64 % -1 == 0",
    "i64 == -1<<63",
    "u64 == 1<<64-1",
    "u64 / 10 == 1844674407370955161",
    "i64 < 0 && u64 > 0",
    "i64 &^ 1 == i64",
    "n & 3 | 8 ^ 1 == 10",
    "1<<n == 128",
    "1<<n == u64 - u64 + 128",
    "int8(1)<<n == -128",
    "n == 7.0",
    "n*1e2 == 700",
    "u.ID == 42",
    "(*u).ID == 42",
    'u.Name == "bob"',
    'u.Name != "bib"',
    'u.Name < "bobo" && u.Name > "bo"',
    "len(u.Name) == 3",
    "u.Name[1] == 'o'",
    "u.Name[n-6] == 111",
    "u.Level == -2",
    "u.Base.Level == -2",
    'u.Home.City == "Paris"',
    'u.Base.Home.City >= "Paris"',
    "user.Name == u.Name",
    "u.Next == nil",
    "u != nil",
    "u == u",
    "u.Score == 0.1",
    "u.Score < 0.2 && u.Score > 1.0/20",
    "u.Ratio == 0",
    "u.Ratio <= 0 && !(u.Ratio < 0)",
    "u.Flags & 0x80 != 0",
    "u.Flags >> 7 == 1",
    "len(u.Tags) == 2",
    'u.Tags[1] == "blue"',
    "u.Tags[n-7] == `red`",
    'u.Tags[u.ID-41] == "blue"',
    "u.Tags != nil",
    "i16s[0] == -1 && i16s[1] == 2",
    "grid[1] == -20",
    "grid[n-5] == 30",
    "len(grid) == 4",
    "wait == 5ms",
    "wait/1000 == 5us",
    "wait < 1m30.5s",
    "int64(wait) == 5000000",
    'strings.HasPrefix(other, "hé")',
    'HasPrefix(other, "")',
    'strings.HasSuffix(other, "örld")',
    'strings.Contains(other, "llo w")',
    'Contains(name, "xxx")',
    'HasSuffix(name, "xx")',
    '!strings.Contains(other, "lloo")',
    '!HasPrefix(u.Name, "bobby")',
    "strings.HasPrefix(u.Name, u.Name)",
    'kind == "admin" && kind != "a\\x64min\\u0020"',
    "len(name) == 300",
    'name != "x"',
    "len(m) == 3 && m != nil && c == nil && len(c) == 0",
    "any == nil && err != nil && f == nil",
    "ok",
    "ok == true",
    "ok != (n == 3)",
    "goid == 18",
    "true",
    '"a" + "b" == "ab"',
    // One side decides.
    "tags[0] == name || n == 7",
    "n == 7 || tags[0] == name",
    "@r0 == 0 || n == 7",
  ],
  reject: [
    "n == 8",
    "i8 > 0",
    "u32 < 0xffffffff",
    "u.Score == 0.2",
    "u.Ratio != 0",
    "n == 8 && tags[0] == name",
    "tags[0] == name && n == 8",
    'name == "x"',
    'name < "w"',
    "false",
    'strings.HasPrefix(u.Name, "bobb")',
    "n == 8 && r0 == 3",
  ],
  "`u.Next` was nil": [
    "u.Next.ID == 3",
    "!(u.Next.ID == 3)",
    'u.Next.Home.City == "x"',
    "u.Next.ID > 3 && ok",
    "len(u.Next.Tags) > 0",
  ],
  "`u.Boss` was nil": ["u.Rank == 3", "u.Boss.Rank == 3"],
  "`(*u).Boss` was nil": ["(*u).Rank == 3"],
  "`tags[3]` was out of range": ["tags[3] == name", 'tags[3] == ""'],
  "`i16s[n]` was out of range": ["i16s[n] == 0"],
  "`grid[n]` was out of range": ["grid[n] == 0"],
  "`u.Name[n]` was out of range": ["u.Name[n] == 'x'"],
  "`(n - 7)` was zero": ["10 / (n - 7) == 1", "10 % (n - 7) == 1"],
  "`i8` was negative": ["1 << i8 == 1", "n >> i8 == 1"],
  "`tags[1]` could not be read (its memory is not resident)": [
    'tags[1] == "x"',
    "len(tags[1]) == 3",
    "tags[1] == name",
  ],
  "`name` was longer than the 256 bytes that are looked at": ['strings.Contains(name, "y")'],
  "late pass": [
    "r0 == 3",
    "@r0 == 3 && n == 7",
    "res.ID == 42",
    'r2 == "done"',
    "failed != nil",
    "duration > 5ms",
    "n == 8 || r0 == 3",
    "r0 > n - 5",
    "r2 != u.Name",
    'strings.HasPrefix(r2, "do") && ok',
    "!(r0 != 3)",
    'r2 == "done" && u.Name == "bob"',
    "strings.HasSuffix(u.Name, r2) == false",
  ],
  "late reject": ["r0 == 4", 'r2 == "bob"', "duration > 1s", "r0 == n", "tags[0] == name && r0 == 4"],
  "late `u.Next` was nil": ["int(u.Next.ID) == r0", "u.Next.ID == 3 || r0 == 4"],
};

for (const [expected, expressions] of Object.entries(DECIDED)) {
  for (const expression of expressions) {
    test(`${expression}: ${expected}`, () => {
      const before = scene();
      const after = scene();
      after.set(param("~r0"), words(3n));
      after.set(param("res"), words(after.registers["RCX"] ?? 0n));
      after.set(param("~r2"), after.string("done"));
      after.set(param("failed"), words(ARENA, ARENA));
      assert.equal(verdict(expression, before.machine(), after.machine({ durationNs: 6_000_000n })), expected);
    });
  }
}

const LOST = "was lost (the function does not use it, and its stack grew)";

for (const [expression, expected] of [
  ["n == 7", `\`n\` ${LOST}`],
  ["u.ID == 42", `\`u\` ${LOST}`],
  ["len(name) == 300", `\`name\` ${LOST}`],
  ["!ok", `\`ok\` ${LOST}`],
  ["x == 1.5", `\`x\` ${LOST}`],
  ["i8 == -128", "pass"],
  ["u64 > 5 && grid[0] == 10", "pass"],
  ["i8 == 0 && n == 7", "reject"],
  ["i8 == -128 || n == 8", "pass"],
  ["n == 7 && r0 == 3", `late \`n\` ${LOST}`],
  ["n == 7 && r0 == 4", "late reject"],
  ["x == 1.5 && r0 == 3", `late \`x\` ${LOST}`],
] as const)
  test(`${expression} in a call that has lost some of its arguments: ${expected}`, () => {
    const before = scene();
    const after = scene();
    after.set(param("~r0"), words(3n));
    assert.equal(verdict(expression, before.machine({ lost: true }), after.machine({ lost: true }), LOSING), expected);
    assert.notEqual(
      verdict(expression, before.machine(), after.machine(), LOSING),
      expected.includes("lost") && expected,
    );
  });

test("labels of Go up to 1.23 and since", () => {
  const memory = new Memory();
  const pairs = Buffer.concat([
    memory.string("user"),
    memory.string("ann"),
    memory.string("request_id"),
    memory.string("42"),
  ]);
  const list = memory.place(words(memory.place(pairs), 2n, 2n));
  const g = memory.place(Buffer.concat([Buffer.alloc(0x160), words(list)]));
  const bare = memory.place(Buffer.alloc(0x168));
  for (const [expression, expected] of [
    ['labels["request_id"] == "42"', "pass"],
    ['@labels["user"] > "an"', "pass"],
    ['labels["nothing"] == ""', "pass"],
    ['strings.HasPrefix(labels["user"], "a")', "pass"],
    ['labels["user"] == "bob"', "reject"],
  ] as const) {
    assert.equal(verdict(expression, memory.machine({ g })), expected, expression);
    assert.equal(verdict('labels["user"] == ""', memory.machine({ g: bare })), "pass");
  }
});

test("a goroutine that could not be read has no id that is 0, and no empty labels", () => {
  const memory = new Memory();
  const g = memory.place(Buffer.alloc(0x168));
  const unread = "(its memory is not resident)";
  for (const [machine, expression, expected] of [
    [{ g, goid: undefined }, "goid == 0", `\`goid\` could not be read ${unread}`],
    [{ g, goid: undefined }, "goid != 0 || true", "pass"],
    [{ g, goid: undefined }, 'labels["user"] == ""', "pass"],
    [{ g: undefined, goid: undefined }, 'labels["user"] == ""', `\`labels["user"]\` could not be read ${unread}`],
    [{ g: 0n, goid: 0n }, 'goid == 0 && labels["user"] == ""', "pass"],
  ] as const) {
    assert.equal(verdict(expression, memory.machine(machine)), expected, expression);
  }
});

test("a duration literal is a constant of time.Duration, exact to the nanosecond", () => {
  for (const [literal, ns] of [
    ["1h2m3s4ms5us6ns", 3_723_004_005_006],
    ["1.5s", 1_500_000_000],
    ["0.000001ms", 1],
    ["007s", 7_000_000_000],
  ] as const) {
    const [first] = compiled(`wait == ${literal}`).entry.constants;
    const inline = compiled(`wait == ${literal}`).entry.instructions.find(({ op }) => op === "number")?.imm;
    assert.equal(first === undefined ? inline : Number(BigInt(`0x${first}`)), ns, literal);
  }
});
