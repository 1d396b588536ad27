/** Go source of functions and calls for test/programs/values: systematic ones for each kind of value, and random ones. */
import { Random } from "../fuzz/random.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { RandomTypes } from "./randomTypes.ts";

/** Values whose copies in lists and maps would not fit one event. */
const LARGE =
  /\b(?:ints|stringMap|thinned|roomy|bigMap|order|pointerMap|bytesOf)\(\d{2,}|text300|huge\(|\[200\]|\[300\]/;
/** Parameters and results of a random function; nine words fill the registers. */
const MAX_PARAMS = 7;
const MAX_RESULTS = 3;

/** Four functions for each kind, called with each of its values. */
export function systematicSource(): string {
  return goFile(KINDS.map(functionsOf).join("\n"));
}

function functionsOf({ type, values }: Kind, i: number): string {
  const small = values.filter((value) => !LARGE.test(value));
  const struct = `struct { X int8; F ${type}; Y string }`;
  const pointee = `struct { X uint8; F ${type} }`;
  return `
//go:noinline
func value${i}(a ${type}) ${type} { return a }

//go:noinline
func among${i}(n int8, a ${type}, f float32, p *${type}, i interface{}, s string) (q *${type}, r ${type}, e error) { return p, a, errPlain }

//go:noinline
func inside${i}(s ${struct}, l []${type}, c chan ${chanElem(type)}) (${struct}, int16) { return s, -7 }

//go:noinline
func across${i}(m map[string]${type}, one [1]${type}, two [2]${type}, t *${pointee}) (map[string]${type}, [1]${type}) { return m, one }

func init() {
	for _, v := range []${type}{${values.join(", ")}} {
		v := v
		checkNamed("main.value${i}", value${i}, "a", v)
		checkNamed("main.among${i}", among${i}, "n a f p i s -> q r e", -1, v, float32(0.5), &v, v, "s")
	}
	for _, v := range []${type}{${small.join(", ")}} {
		v := v
		c := make(chan ${chanElem(type)}, 2)
		c <- v
		checkNamed("main.inside${i}", inside${i}, "s l c", ${struct}{-3, v, "y"}, []${type}{v, v}, c)
		checkNamed("main.across${i}", across${i}, "m one two t", map[string]${type}{"k": v, "l": v}, [1]${type}{v}, [2]${type}{v, v}, &${pointee}{4, v})
	}
}`;
}

/**
 * Every kind once, so many of them in one function, which is called with each of their values: where a function more
 * costs much (test/kernels).
 */
export function packedSource(kindsEach: number): string {
  const groups = Array.from({ length: Math.ceil(KINDS.length / kindsEach) }, (_, group) =>
    KINDS.slice(group * kindsEach, (group + 1) * kindsEach),
  );
  return goFile(groups.map(packedFunction).join("\n"));
}

function packedFunction(kinds: readonly Kind[], i: number): string {
  const small = kinds.map(({ values }) => values.filter((value) => !LARGE.test(value)));
  const calls = Math.max(...small.map(({ length }) => length));
  const names = kinds.map((_, at) => `p${at}`);
  const types = kinds.map(({ type }) => type);
  // A kind with fewer values than others has its values again; one that has only large values has its zero value.
  const argument = (type: string, values: readonly string[], call: number) =>
    `func() (v ${type}) { ${values.length === 0 ? "" : `v = ${values[call % values.length]}; `}return }()`;
  return `
//go:noinline
func packed${i}(${names.map((name, at) => `${name} ${types[at]}`).join(", ")}) (${types.join(", ")}) { return ${names.join(", ")} }

func init() {
${Array.from({ length: calls }, (_, call) => `\tcheckNamed("main.packed${i}", packed${i}, "${names.join(" ")}", ${types.map((type, at) => argument(type, small[at]!, call)).join(", ")})`).join("\n")}
}`;
}

/** `chan <-chan int` would be read as `chan<- (chan int)`. */
function chanElem(type: string): string {
  return type.startsWith("<-") ? `(${type})` : type;
}

/** Every other function uses its arguments: one that uses none loses those in registers where its stack grows. */
const RANDOM_USE = `
var randomKeeps bool
var randomKept []interface{}`;

/** So many functions, each called with other values `callsEach` times. */
export function randomSource(functions: number, callsEach: number, seed: number): string {
  const random = new Random(seed);
  const types = new RandomTypes(random);
  const parts: string[] = [];
  for (let i = 0; i < functions; i++) {
    const params = Array.from({ length: 1 + random.below(MAX_PARAMS) }, () => types.next());
    const results = Array.from({ length: random.below(MAX_RESULTS + 1) }, () => types.next());
    const names = params.map((_, at) => `p${at}`);
    const calls = Array.from(
      { length: callsEach },
      () =>
        `\tcheckNamed("main.random${i}", random${i}, "${names.join(" ")}", ${params.map((type) => types.variable(type)).join(", ")})`,
    );
    parts.push(`
//go:noinline
func random${i}(${params.map((type, at) => `p${at} ${type.text}`).join(", ")}) (${results.map(({ text }) => text).join(", ")}) {
	${i % 2 === 0 ? "" : `if randomKeeps { randomKept = []interface{}{${names.join(", ")}} }`}
	return ${results.map((type) => types.variable(type)).join(", ")}
}

func init() {
${calls.join("\n")}
}`);
  }
  return goFile([RANDOM_USE, ...types.declarations, ...parts].join("\n"));
}

function goFile(body: string): string {
  return `// Generated by test/values/generate.ts.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"reflect"
	"time"
	"unsafe"
)

var (
	_ json.Number
	_ fmt.Stringer
	_ = math.Pi
	_ net.IP
	_ url.URL
	_ os.FileMode
	_ reflect.Kind
	_ time.Time
	_ unsafe.Pointer
)
${body}
`;
}
