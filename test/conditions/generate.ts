/** Go source of functions with random parameters, each with a random condition on them. */
import { Random } from "../fuzz/random.ts";
import { type Condition, RandomConditions } from "./randomCondition.ts";

/** Parameters to choose from: Go type, values that the calls pass, and what a condition can ask about it. */
interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly values: readonly string[];
  /** Go expressions by type, with `$` for the name. */
  readonly asks: Readonly<Record<string, readonly string[]>>;
}

const USERS = [
  "nil",
  "&User{}",
  '&User{ID: -7, Name: "bob", Home: &Address{"bobby", 4000000000}, Score: 0.5, Tags: []string{"a", "prod-eu"}, Level: 200}',
  '&User{ID: 5, Name: "é al", Score: math.NaN(), Flags: [3]bool{true, false, true}, Next: &User{ID: 9, Name: "next"}}',
  '&User{ID: 1 << 30, Home: &Address{}, Score: math.Inf(-1), Tags: []string{"x"}, Next: &User{}, Level: 3}',
];
const PARAMETERS: readonly Parameter[] = [
  { name: "a", type: "int", values: ["0", "-1", "3", "1<<63 - 1", "-1 << 63", "5"], asks: { int: ["$"] } },
  { name: "b", type: "int8", values: ["0", "-128", "127", "3", "-1"], asks: { int8: ["$"] } },
  { name: "c", type: "uint16", values: ["0", "65535", "7"], asks: { uint16: ["$"] } },
  { name: "d", type: "uint64", values: ["0", "1<<64 - 1", "2", "1 << 63"], asks: { uint64: ["$"] } },
  { name: "l", type: "Level", values: ["0", "255", "3"], asks: { Level: ["$"] } },
  { name: "s", type: "string", values: ['""', '"bob"', '"bobby"', '"prod-eu-x y"', '"é"'], asks: { string: ["$"], int: ["len($)"] } },
  {
    name: "u",
    type: "*User",
    values: USERS,
    asks: {
      pointer: ["$", "$.Home", "$.Next", "$.Next.Home", "$.Tags"],
      int32: ["$.ID", "$.Next.ID", "(*$).ID"],
      uint32: ["$.Home.Zip"],
      string: ["$.Name", "$.Home.City", "$.Tags[1]", "$.Tags[0]"],
      int: ["len($.Tags)", "len($.Name)"],
      float64: ["$.Score"],
      bool: ["$.Flags[0]", "$.Flags[2]"],
      Level: ["$.Level"],
    },
  },
  { name: "v", type: "User", values: USERS.slice(1).map((user) => user.slice(1)), asks: { int32: ["$.ID"], string: ["$.Name"], uint32: ["$.Home.Zip"], pointer: ["$.Next"] } },
  { name: "tags", type: "[]string", values: ["nil", '[]string{"a", "bob"}', '[]string{"é"}', "[]string{}"], asks: { string: ["$[0]", "$[1]"], int: ["len($)", "len($[0])"], pointer: ["$"] } },
  { name: "nums", type: "[]int32", values: ["nil", "[]int32{1, -2, 3}", "[]int32{1 << 30}"], asks: { int32: ["$[0]", "$[2]"], int: ["len($)"] } },
  { name: "ok", type: "bool", values: ["true", "false"], asks: { bool: ["$"] } },
  { name: "x", type: "float64", values: ["0", "0.5", "-1e10", "math.NaN()", "math.Inf(1)", "2.25"], asks: { float64: ["$"] } },
  { name: "y", type: "float32", values: ["0.5", "float32(math.Inf(-1))", "-2", "1e10"], asks: { float32: ["$"] } },
  { name: "t", type: "time.Duration", values: ["0", "5 * time.Millisecond", "-time.Second", "2 * time.Hour"], asks: { "time.Duration": ["$"] } },
  { name: "e", type: "error", values: ["nil", "errBoom"], asks: { pointer: ["$"] } },
  { name: "m", type: "map[string]int", values: ["nil", 'map[string]int{"a": 1, "b": 2}', "map[string]int{}"], asks: { pointer: ["$"], int: ["len($)"] } },
  { name: "p", type: "*int", values: ["nil", "func() *int { v := 7; return &v }()"], asks: { pointer: ["$"], int: ["*$"] } },
]; // biome-ignore format: a table
/** Results, named or not. */
const RESULTS: readonly Parameter[] = [
  { name: "total", type: "int64", values: ["0", "-5", "1 << 40"], asks: { int64: ["$"] } },
  { name: "text", type: "string", values: ['"bob"', '""', '"al"'], asks: { string: ["$"] } },
  { name: "err", type: "error", values: ["nil", "errBoom"], asks: { pointer: ["$"] } },
  { name: "ratio", type: "float64", values: ["0", "-0.5", "1e300"], asks: { float64: ["$"] } },
];
/** With the number of the call, more than the registers hold. */
const MAX_PARAMETERS = 6;
/** Calls of each function (test/programs/conditions). */
const CALLS = 40;

export interface Conditions {
  readonly source: string;
  /** The i-th is that of function `main.condition<i>`. */
  readonly conditions: readonly Condition[];
}

/**
 * So many functions. With `each`, the condition of a function consists of so many short ones, which take turns in its
 * calls: where a trace more costs much (test/kernels).
 */
export function randomConditions(count: number, seed: number, each = 1): Conditions {
  const random = new Random(seed);
  const made = Array.from({ length: count }, (_, index) => functionWithCondition(random, index, each));
  return { source: goFile(made.map(({ go }) => go).join("\n")), conditions: made.map(({ condition }) => condition) };
}

function functionWithCondition(random: Random, index: number, each: number): { go: string; condition: Condition } {
  const params = shuffled(random, PARAMETERS).slice(0, 2 + random.below(MAX_PARAMETERS - 1));
  const usesResults = random.once(3);
  const unnamed = random.once(2);
  const results = RESULTS.map((result, at) => (unnamed ? { ...result, name: `r${at}` } : result));
  const conditions = new RandomConditions(random, operandsOf(usesResults ? [...params, ...results] : params));
  const { text, go } = each === 1 ? conditions.next() : byTurns(Array.from({ length: each }, () => short(conditions)));
  const names = results.map(({ name }) => name);
  const signature = params.map(({ name, type }) => `${name} ${type}`).join(", ");
  const returned = results.map(({ name, type }) => (unnamed ? type : `${name} ${type}`)).join(", ");
  const call = (parameter: Parameter) => `[]${parameter.type}{${valuesFor(random, parameter).join(", ")}}[call]`;
  return {
    condition: { text, go, usesResults },
    go: `
// ${text}
//
//go:noinline
func condition${index}(call int, ${signature}${each === 1 ? "" : `, turn [${each}]bool`}) (${returned}) {
	return ${results.map(call).join(", ")}
}

func init() {
	conditions = append(conditions, func(call int) verdict {
		${params.map(({ name, type }) => `var ${name} ${type}`).join("; ")}
		${params.map((parameter) => `${parameter.name} = ${call(parameter)}`).join("\n\t\t")}
		${each === 1 ? "" : `var turn [${each}]bool; turn[call%${each}] = true`}
		${names.join(", ")} := condition${index}(call, ${params.map(({ name }) => name).join(", ")}${each === 1 ? "" : ", turn"})
		${names.map(() => "_").join(", ")} = ${names.join(", ")}
		return ${go}
	})
}`,
  };
}

/** Characters: several such conditions fit the steps that a function's has. */
const SHORT = 26;

function short(conditions: RandomConditions): Pick<Condition, "text" | "go"> {
  for (;;) {
    const condition = conditions.next(0);
    if (condition.text.length <= SHORT) return condition;
  }
}

/** Of several conditions that whose turn it is: `turn` is a parameter, an array of bool. */
function byTurns(conditions: readonly Pick<Condition, "text" | "go">[]): Pick<Condition, "text" | "go"> {
  return conditions
    .map(({ text, go }, at) => ({
      text: `turn[${at}] && (${text})`,
      go: `and(decide(func() bool { return turn[${at}] }), ${go})`,
    }))
    .reduce((a, b) => ({ text: `${a.text} || ${b.text}`, go: `or(${a.go}, ${b.go})` }));
}

function valuesFor(random: Random, { values }: Parameter): string[] {
  return Array.from({ length: CALLS }, () => random.pick(values));
}

function operandsOf(parameters: readonly Parameter[]): Map<string, string[]> {
  const operands = new Map<string, string[]>();
  for (const { name, asks } of parameters)
    for (const [type, expressions] of Object.entries(asks)) {
      const list = operands.get(type) ?? [];
      operands.set(type, [...list, ...expressions.map((expression) => expression.replace("$", name))]);
    }
  return operands;
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const rest = [...list];
  return Array.from(list, () => rest.splice(random.below(rest.length), 1)[0]!);
}

function goFile(body: string): string {
  return `// Generated by test/conditions/generate.ts.
package main

import (
	"math"
	"strings"
	"time"
)

var (
	_ = math.Pi
	_ = strings.Contains
	_ time.Time
)
${body}
`;
}
