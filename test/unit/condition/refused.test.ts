/** What a condition may not be: the message, and the part that the mark stands under. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { compiled, SCOPE } from "./scene.ts";

/** The part of the expression stands between « and ». */
const REFUSED: readonly (readonly [string, string])[] = [
  // Syntax.
  ["n >« »", "it ends where a value should stand"],
  ["n «=» 3", "an operator or the end should stand here"],
  ["(n > 3« »", "it ends where ) should stand"],
  ["n «$» 3", "$ means nothing in Go"],
  ["n«\u00a0»> 3", "the invisible U+00A0 means nothing in Go"],
  ["n«\u200b» > 3", "the invisible U+200B means nothing in Go"],
  ['name == «"x»', 'the closing " is missing'],
  ["n > «0x»", "0x is no number"],
  ["n > «08»", "08 is no number"],
  ["n > «1_000_»", "1_000_ is no number"],
  ["name == «'ab'»", "'ab' is not one character"],
  ["«err.(»*net.OpError) != nil", "conditions on an interface's dynamic type are not supported"],
  ["n > 0 «n»", "an operator or the end should stand here"],
  ["tags[1«:»2] == nil", "slice expressions are not supported in a condition"],
  ["«&u» != nil", "the operator & is not supported in a condition"],
  // Names.
  ["«nn» > 3", "nn is no parameter or result of main.f"],
  [
    "u.«Nome» == nil",
    "main.User has no field Nome; it has ID, Name, Score, Ratio, Flags, Tags, Next, Base, Token, Boss",
  ],
  ["«@foo» > 3", "there is no @foo"],
  ["«r9» > 3", "r9 is no parameter or result of main.f"],
  ["n.«ID» > 3", "int has no fields"],
  ["err.«Op» == nil", "conditions on an interface's dynamic value are not supported"],
  ['«labels» == "x"', "labels needs a key"],
  // Types.
  ["«n»", "it is a value of type int, and a condition must be true or false"],
  ["«n > i64»", "int and int64 do not match at >"],
  ['n == «"x"»', '"x" is an untyped string constant and cannot be used as int'],
  ["name > «3»", "3 is an untyped int constant and cannot be used as string"],
  ["n > «1.5»", "1.5 is not a whole number, and int holds only those"],
  ["i8 > «200»", "200 overflows int8"],
  ["u32 < «-1»", "-1 overflows uint32"],
  ["«n» && ok", "&& cannot be used with a value of type int"],
  ["!«n»", "! cannot be used with a value of type int"],
  ["«u == user»", "*main.User and main.User do not match at =="],
  ["«tags == tags»", "values of type []string are compared only with nil"],
  ["«user == user»", "values of type main.User are compared field by field or element by element"],
  ["«err == err»", "interfaces are compared only with nil: their dynamic values are not looked at"],
  ["«n» == nil", "n is a value of type int, which is never nil"],
  ["ok «<» true", "a value of type bool has no order, only == and !="],
  ["*«n» > 3", "a value of type int is no pointer"],
  ["n / «0» > 1", "division by zero"],
  ["n << «-1» > 1", "a negative shift count"],
  ["grid[«4»] > 1", "the index is out of range: the length is 4"],
  ["tags[«-1»] == name", "the index is negative"],
  ["tags[«name»] == name", "the index is a value of type string, not an integer"],
  ["«int8(n, 1)» > 3", "a conversion to int8 takes one value"],
  ["«string(n)» == name", "conversions to string are not supported, only those between integer types"],
  ["«x + 1» > 3", "floats are compared, not computed with, in a condition"],
  ["«int8(200)» > i8", "200 overflows int8"],
  ["«name + other» == name", "strings are compared, not joined"],
  ["«z == z»", "complex numbers are not supported in a condition"],
  ["strings.HasPrefix(«kind», name)", "kind is of the type main.Kind, not string"],
  [`strings.Contains(name, «"${"x".repeat(65)}"»)`, "Contains looks for at most 64 bytes"],
  ["«strings.ToLower»(name) == name", "strings.ToLower cannot be called in a condition"],
  ["«n > 5ms»", "int and time.Duration do not match at >"],
  ["«m[name]» > 3", "maps are not looked into in a condition, only their len and nil"],
  ["«len(times)» > 3", "the length of a channel of times is not known: timers' channels have their own rule"],
  // Secrets, of which nothing is told.
  ['«password» == "x"', "the name password counts as secret, and whether calls pass would tell its value"],
  ["len(«password») > 3", "the name password counts as secret, and whether calls pass would tell its value"],
  ["len(u.«Token») > 3", "the name Token counts as secret, and whether calls pass would tell its value"],
  ['labels[«"api_key"»] == "x"', "the name api_key counts as secret, and whether calls pass would tell its value"],
  // Entry and return.
  ["tags[r0] == name", "a result and a parameter meet in an index: what it names may have changed by the return"],
];

for (const [marked, message] of REFUSED) {
  test(`refused: ${marked.length > 80 ? `${marked.slice(0, 80)}…` : marked}`, () => {
    const text = marked.replace(/[«»]/g, "").replace(/ $/, "");
    const error = refusal(text);
    assert.equal(error.exitStatus, 2);
    const { why } = error;
    const [line, mark] = error.remedy.split("\n");
    if (!marked.includes("«")) return assert.equal(why, message);
    const [start, end] = [marked.indexOf("«"), marked.indexOf("»") - 1];
    assert.equal(line, `  ${text}`);
    // The mark of a wrong type stands under the whole comparison or under the operand: the table says which.
    assert.deepEqual([why, mark], [message, `    ${" ".repeat(start)}^${"~".repeat(end - start - 1)}`]);
  });
}

test("bytes that are no UTF-8 are refused, also in a string", () => {
  for (const text of ['name == "\udcff"', "\udcff == 1", '"\u{1f600}" == name && name == `\udc80`']) {
    const { why, remedy } = refusal(text);
    assert.equal(why, "it is not UTF-8");
    assert.match(remedy, /Write such a byte as \\xff, in a string/);
  }
});

test("what a parameter's name hides is not called, and not proposed", () => {
  const hiding = { ...SCOPE, params: ["len", "int8", "strings"].map((name) => ({ ...SCOPE.params[0]!, name })) };
  for (const [text, name] of [
    ["len(r2) > 3", "len"],
    ["int8(r0) == 5", "int8"],
    ['strings.HasPrefix(r2, "a")', "strings"],
  ] as const) {
    const { why, remedy } = refusal(text, true, hiding);
    assert.equal(why, `${name} is a parameter or result of main.f, which hides Go's own ${name}`);
    assert.doesNotMatch(remedy, /There are/);
  }
});

test("a conversion is proposed where there is one", () => {
  for (const [text, proposed] of [
    ["n > i64", true],
    ["n > 5ms", true],
    ["x > n", false],
    ["kind == name", false],
    ["n < 10 < 20", false],
    ["u == user", false],
  ] as const)
    assert.equal(/Convert one of them/.test(refusal(text).remedy), proposed, text);
});

test("what is known at the return only needs --returns", () => {
  for (const [text, part] of [
    ["n > 3 && r0 == 4", "r0"],
    ["duration > 5ms", "duration"],
    // The call's own frame would bring x.
    ["x > 1.5 && n > r0", "r0"],
  ] as const) {
    assert.equal(compiled(text).return === undefined, false);
    const error = refusal(text, false);
    assert.match(error.why, new RegExp(`^${part} is known at the return only`));
    assert.match(error.remedy, /\n {2}Add --returns$/);
  }
});

for (const returns of [true, false])
  test(`a float register of the call decides in the call's own frame, ${returns ? "with" : "without"} returns`, () => {
    const { entry, return: atReturn } = compiled("n > 3 && x > 1.5", returns);
    assert.equal(atReturn, undefined);
    assert.deepEqual(
      entry.instructions.flatMap(({ op, a }) => (/float$/i.test(op) ? `${op} X${a}` : [])),
      ["ownFloat X0"],
    );
  });

test("too large a condition is refused, whatever of it is too large", () => {
  const long = Array.from({ length: 60 }, (_, index) => `n == ${index}`).join(" || ");
  assert.match(refusal(long).why, /it is too large: it needs more than 128 steps/);
  const deep = `${"(".repeat(200)}n == 1${")".repeat(200)}`;
  assert.match(refusal(deep).why, /nested deeper than 100 levels/);
  assert.match(refusal(`n == ${"1+".repeat(3000)}1`).why, /longer than 4096 characters/);
  assert.match(refusal(`name == "${"x".repeat(257)}"`).why, /compared up to 256 bytes/);
});

function refusal(text: string, returns = true, scope = SCOPE): UserError {
  try {
    compiled(text, returns, scope);
  } catch (error) {
    assert.ok(error instanceof UserError, `${text}: ${String(error)}`);
    return error;
  }
  return assert.fail(`${text} is accepted`);
}
