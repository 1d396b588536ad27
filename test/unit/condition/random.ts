/** Random conditions and calls, as text for the compiler, as memory, and as Go source for a witness. */
import type { Random } from "../../fuzz/random.ts";
import { Memory, param, USER, words } from "./scene.ts";

/** What one condition is: in our syntax, and as Go that gives 't', 'f' or 'u' (undecided: it panicked). */
export interface RandomCondition {
  readonly text: string;
  readonly go: string;
}

/** Go that the witness needs beside its conditions. */
export const GO_PRELUDE = `
type Home struct{ City string }
type Base struct {
	Level int8
	Home
}
type User struct {
	ID    int64
	Name  string
	Score float64
	Ratio float32
	Flags uint8
	Tags  []string
	Next  *User
	Base
	Token string
}

func leaf(f func() bool) (t byte) {
	defer func() {
		if recover() != nil {
			t = 'u'
		}
	}()
	if f() {
		return 't'
	}
	return 'f'
}
func both(a, b byte) byte {
	if a == 'f' || b == 'f' {
		return 'f'
	}
	if a == 'u' || b == 'u' {
		return 'u'
	}
	return 't'
}
func not(a byte) byte {
	switch a {
	case 't':
		return 'f'
	case 'f':
		return 't'
	}
	return 'u'
}
func either(a, b byte) byte { return not(both(not(a), not(b))) }
`;

const INTEGERS = ["int", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"] as const;
type Integer = (typeof INTEGERS)[number];
const BITS: Record<Integer, number> = {
  int: 64,
  int8: 8,
  int16: 16,
  int32: 32,
  int64: 64,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
};
const VARIABLES: Partial<Record<Integer, readonly string[]>> = {
  int: ["n", "len(name)", "len(tags)", "len(u.Tags)", "len(m)", "len(grid)"],
  int8: ["i8", "u.Level", "user.Base.Level", "u.Next.Level"],
  int32: ["i32"],
  int64: ["i64", "u.ID", "user.ID", "(*u).ID", "u.Next.ID"],
  uint8: ["u8", "u.Flags", "user.Flags"],
  uint16: ["u16"],
  uint32: ["u32"],
  uint64: ["u64"],
};
const STRINGS = ["name", "other", "u.Name", "user.Name", "u.Home.City", "u.Next.Name"];
const LITERALS = ['""', '"a"', '"ab"', '"abc"', '"b"', '"bob"', '"héllo"', '"\\xff"', "`abcabc`"];

export function randomCondition(random: Random, depth = 3): RandomCondition {
  if (depth > 0 && !random.once(3)) {
    if (random.once(4)) {
      const inner = randomCondition(random, depth - 1);
      return { text: `!(${inner.text})`, go: `not(${inner.go})` };
    }
    const [a, b] = [randomCondition(random, depth - 1), randomCondition(random, depth - 1)];
    return random.once(2)
      ? { text: `(${a.text} && ${b.text})`, go: `both(${a.go}, ${b.go})` }
      : { text: `(${a.text} || ${b.text})`, go: `either(${a.go}, ${b.go})` };
  }
  const text = comparison(random);
  return { text, go: `leaf(func() bool { return ${text} })` };
}

function comparison(random: Random): string {
  const operator = random.pick(["==", "!=", "<", "<=", ">", ">="]);
  switch (random.below(8)) {
    case 0:
      return `${text(random)} ${operator} ${text(random)}`;
    case 1:
      return `strings.${random.pick(["HasPrefix", "HasSuffix", "Contains"])}(${text(random)}, ${text(random)})`;
    case 2: {
      const [a, b] = random.pick([
        ["u.Score", "user.Score"],
        ["u.Ratio", "user.Ratio"],
        ["x", "u.Score"],
      ] as const);
      const other = random.pick([b, a, "0", "1.5", "-0.1", "1e30", "0.1"]);
      return `${a} ${operator} ${other}`;
    }
    case 3:
      return `${random.pick(["u", "u.Next", "tags", "u.Tags", "m", "err", "f", "c", "any"])} ${random.pick(["==", "!="])} nil`;
    case 4:
      return random.pick([
        "ok",
        "!ok",
        "ok == true",
        `ok != (${integerComparison(random, operator)})`,
        "u == u.Next",
        "goid == 18",
      ]);
    default:
      return integerComparison(random, operator);
  }
}

function integerComparison(random: Random, operator: string): string {
  const type = random.pick(INTEGERS);
  return `${integer(random, type, 3)} ${operator} ${integer(random, type, 2)}`;
}

function text(random: Random): string {
  if (random.once(3)) return random.pick(LITERALS);
  if (random.once(4)) return `${random.pick(["tags", "u.Tags"])}[${integer(random, "int", 1)}]`;
  return random.pick(STRINGS);
}

function integer(random: Random, type: Integer, depth: number): string {
  if (depth === 0 || random.once(4)) return operand(random, type);
  switch (random.below(6)) {
    case 0:
      return `${random.pick(["-", "^", "+"])}(${integer(random, type, depth - 1)})`;
    case 1:
      return `${type}(${integer(random, random.pick(INTEGERS), depth - 1)})`;
    case 2:
      return `(${integer(random, type, depth - 1)}) ${random.pick(["<<", ">>"])} (${integer(random, random.pick(INTEGERS), depth - 1)} & 127)`;
    default:
      return `(${integer(random, type, depth - 1)} ${random.pick(["+", "-", "*", "/", "%", "&", "|", "^", "&^"])} ${integer(random, type, depth - 1)})`;
  }
}

function operand(random: Random, type: Integer): string {
  const variables = VARIABLES[type] ?? [];
  if (type === "int32" && random.once(3)) return `grid[${integer(random, "int", 1)}]`;
  if (type === "int16") return `i16s[${integer(random, "int", 1)}]`;
  if (type === "uint8" && random.once(4)) return `name[${integer(random, "int", 1)}]`;
  if (variables.length > 0 && !random.once(4)) return random.pick(variables);
  return String(number(random, type));
}

function number(random: Random, type: Integer): bigint {
  const bits = BigInt(BITS[type]);
  const signed = !type.startsWith("u");
  const highest = signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
  const lowest = signed ? -(1n << (bits - 1n)) : 0n;
  const small = BigInt(random.below(9)) - (signed ? 4n : 0n);
  return random.pick([small, small, small, highest, lowest, highest - 1n, BigInt(random.below(100))]);
}

export interface RandomCall {
  readonly memory: Memory;
  /** Go statements that declare the parameters with the same values. */
  readonly go: string;
}

export function randomCall(random: Random): RandomCall {
  const memory = new Memory();
  const lines: string[] = [];
  for (const [name, type] of [
    ["n", "int"],
    ["i8", "int8"],
    ["u32", "uint32"],
    ["i64", "int64"],
    ["u64", "uint64"],
    ["u8", "uint8"],
    ["i32", "int32"],
    ["u16", "uint16"],
  ] as const) {
    const value = number(random, type);
    memory.set(param(name), words(value).subarray(0, BITS[type] / 8));
    lines.push(`var ${name} ${type} = ${value}`);
  }
  const string = (): [Buffer, string] => {
    const literal = random.pick([...LITERALS, '"abcabcab"', '"zabczab"']);
    return [memory.string(literal === '"\\xff"' ? Buffer.from([0xff]) : literal.slice(1, -1)), literal];
  };
  for (const name of ["name", "other"]) {
    const [bytes, go] = string();
    memory.set(param(name), bytes);
    lines.push(`var ${name} string = ${go}`);
  }
  const strings = (): [Buffer, string] => {
    const all = Array.from({ length: random.below(4) }, string);
    if (all.length === 0) return [words(0n, 0n, 0n), "[]string(nil)"];
    const length = BigInt(all.length);
    return [
      words(memory.place(Buffer.concat(all.map(([bytes]) => bytes))), length, length),
      `[]string{${all.map(([, go]) => go).join(", ")}}`,
    ];
  };
  const user = (next: [bigint, string]): [Buffer, string] => {
    const bytes = Buffer.alloc(USER.size);
    const put = (field: string, value: Uint8Array): void => {
      bytes.set(value, USER.fields.find((candidate) => candidate.name === field)!.offset);
    };
    const [id, flags, level] = [number(random, "int64"), number(random, "uint8"), number(random, "int8")];
    const [name, city, tags] = [string(), string(), strings()];
    const [score, scoreGo] = float(random, 8);
    const [ratio, ratioGo] = float(random, 4);
    put("ID", words(id));
    put("Name", name[0]);
    put("Score", score);
    put("Ratio", ratio);
    put("Flags", words(flags).subarray(0, 1));
    put("Tags", tags[0]);
    put("Next", words(next[0]));
    put("Base", Buffer.concat([words(level).subarray(0, 1), Buffer.alloc(7), city[0]]));
    const go = `User{ID: ${id}, Name: ${name[1]}, Score: ${scoreGo}, Ratio: ${ratioGo}, Flags: ${flags}, Tags: ${tags[1]}, Next: ${next[1]}, Base: Base{Level: ${level}, Home: Home{City: ${city[1]}}}}`;
    return [bytes, go];
  };
  const pointer = (next: [bigint, string]): [bigint, string] => {
    if (random.once(4)) return [0n, "nil"];
    const [bytes, go] = user(next);
    return [memory.place(bytes), `&${go}`];
  };
  const [x, xGo] = float(random, 8);
  memory.set(param("x"), x);
  lines.push(`var x float64 = ${xGo}`);
  const nowhere: [bigint, string] = [0n, "nil"];
  const [u, uGo] = pointer(pointer(nowhere));
  memory.set(param("u"), words(u));
  lines.push(`var u *User = ${uGo}`);
  const [whole, wholeGo] = user(nowhere);
  memory.set(param("user"), whole);
  lines.push(`var user User = ${wholeGo}`);
  const [tags, tagsGo] = strings();
  memory.set(param("tags"), tags);
  lines.push(`var tags []string = ${tagsGo}`);
  const shorts = Int16Array.from({ length: random.below(5) }, () => Number(number(random, "int16")));
  memory.set(
    param("i16s"),
    words(
      shorts.length === 0 ? 0n : memory.place(Buffer.from(shorts.buffer)),
      BigInt(shorts.length),
      BigInt(shorts.length),
    ),
  );
  lines.push(`var i16s []int16 = []int16{${shorts.join(", ")}}`);
  const grid = Int32Array.from({ length: 4 }, () => Number(number(random, "int32")));
  memory.set(param("grid"), Buffer.from(grid.buffer));
  lines.push(`var grid [4]int32 = [4]int32{${grid.join(", ")}}`);
  const ok = random.once(2);
  memory.set(param("ok"), Buffer.from([ok ? 1 : 0]));
  lines.push(`var ok bool = ${ok}`);
  const entries = random.below(3);
  memory.set(param("m"), words(entries === 0 ? 0n : memory.place(words(BigInt(entries), 0n))));
  lines.push(`var m map[string]int = ${["nil", 'map[string]int{"a": 1}', 'map[string]int{"a": 1, "b": 2}'][entries]}`);
  for (const [name, type, some] of [
    ["err", "error", "io.EOF"],
    ["any", "any", "3"],
    ["f", "func()", "main"],
    ["c", "chan int", "make(chan int)"],
  ] as const) {
    const is = random.once(2);
    memory.set(param(name), is ? words(0x1000n, 0x1000n) : words(0n, 0n));
    lines.push(`var ${name} ${type} = ${is ? some : "nil"}`);
  }
  lines.push("var goid uint64 = 18");
  return { memory, go: lines.join("\n") };
}

function float(random: Random, size: 4 | 8): [Buffer, string] {
  const bytes = Buffer.alloc(size);
  const value = random.pick([0, -0, 1.5, -0.1, 0.1, 1e30, Number.NaN, Number.POSITIVE_INFINITY, -1e-40]);
  if (size === 4) bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  const type = size === 4 ? "float32" : "float64";
  const go = Number.isNaN(value)
    ? "math.NaN()"
    : value === Number.POSITIVE_INFINITY
      ? "math.Inf(1)"
      : Object.is(value, -0)
        ? "math.Copysign(0, -1)"
        : String(value);
  return [bytes, `${type}(${go})`];
}
