/** Signatures from small sources in memory: what is accepted, and what is refused with which reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BuildInfo, GoFunction } from "../../../src/gobinary/api.ts";
import { matchText, type Sameness, type SourceTree } from "../../../src/gosource/functions/match.ts";
import { createSourceTypes, type SourceTypesOptions } from "../../../src/gosource/sourceTypes.ts";
import { memoryReader, parser } from "./helpers.ts";

const INFO: BuildInfo = {
  goVersion: "go1.22.3",
  path: "example.com/app/cmd/app",
  module: { path: "example.com/app", version: "(devel)" },
  dependencies: [
    { path: "example.com/Dep", version: "v1.2.0" },
    { path: "example.com/vend", version: "v0.1.0" },
  ],
  settings: { "-compiler": "gc", GOARCH: "amd64", GOOS: "linux", CGO_ENABLED: "0" },
};

const MAIN = `package main

import (
	"time"

	"example.com/Dep/sub"
	ven "example.com/vend"
	"example.com/gone"
	"C"
)

type T struct{ a, b int }

func plain(a int, b string) error { return nil }
func (t T) value(x int8) (n int, err error) { return }
func (t *T) pointer(_ int, s ...string) {}
func timeout(d time.Duration, t time.Month) {}
func deps(a dep.Name, b ven.V, c *gone.X) {}
func unsized(a int, c gone.X, b string) {}
func cgo(a C.int) {}
func cgoAlias(a *C.size_t, b []C.struct_point) {}
func manyNames(a, b, c, d, e int, f, g string) {}
func withLiterals() {
	f := func(a int) string { return "" }
	g := func(b string) func(c bool) {
		return func(c bool) {}
	}
	type local struct{ x [3]int32 }
	h := func(l local, n [size]byte) {}
	func(a int) {}(1)
	x, y := func(u uint8) {}, func(v uint16) {}
	_, _, _, _, _ = f, g, h, x, y
}
const size = 2
func generic[K comparable, V any](k K, v []V, f func(K) V) (K, V) { return k, v[0] }
type Box[E any] struct { e E; next *Box[E] }
func (b *Box[E]) set(e E) {}
func (b Box[E]) get(n int) E { return b.e }
func body(n int)
var table = []func(int){ func(i int) {} }
func init() {}
func init() { _ = func(z int32) {} }
func cyclic(a chan<- chan int, b chan<- chan<- int) {}
func broken(a Endless, b Mutual, c Wrong) {}
type Endless struct { e Endless }
type Mutual Other
type Other Mutual
type Wrong [unknown]int
`;

const FILES = {
  "/src/app/go.mod": "module example.com/app\n",
  "/src/app/cmd/app/main.go": MAIN,
  "/src/app/cmd/app/extra_windows.go": "package main\n\ntype T struct{}\n",
  "/src/app/lib/lib.go": "package lib\n\nfunc F(a int) {}\n",
  "/src/app/lib/bad.go": "package lib\n\nfunc ok(a int) {}\n\ntype x struct {\n\nfunc Bad(a int) {}\n",
  "/src/app/vendor/modules.txt": "# example.com/vend v0.1.0\nexample.com/vend\n",
  "/src/app/vendor/example.com/vend/v.go": "package vend\n\ntype V map[string]int\n",
  "/mod/example.com/!dep@v1.2.0/sub/s.go": "package dep\n\ntype Name string\n",
  "/go122/VERSION": "go1.22.3\ntime 2024-05-01\n",
  "/go122/src/time/t.go": "package time\n\ntype Duration int64\ntype Month int\n",
  "/go121/VERSION": "go1.21.0\n",
  "/go121/src/time/t.go": "package time\n\ntype Duration struct{}\n",
};

const OPTIONS: SourceTypesOptions = {
  reader: memoryReader(FILES),
  wasm: parser,
  root: "/src/app",
  goroot: ["/go121", "/go122"],
  gomodcache: "/mod",
};

function lineOf(text: string): number {
  const at = MAIN.indexOf(text);
  assert.ok(at >= 0, text);
  return MAIN.slice(0, at).split("\n").length;
}

function goFunction(name: string, line: number, file = "/build/app/cmd/app/main.go"): GoFunction {
  return { name, entry: 0x401000, end: 0x401100, offset: 0x1000, file, line, convention: "register" };
}

async function signatureText(fn: GoFunction, info = INFO, options = OPTIONS): Promise<string> {
  const sources = await createSourceTypes(options);
  const result = await sources.signature(fn, info);
  if (!result.ok) return `refused: ${result.reason}`;
  const { params, results, complete } = result.signature;
  const list = (variables: typeof params): string =>
    variables
      .map(({ name, type, blank }) => `${blank && name !== "_" ? `${name}!` : name} ${type.name}:${type.size}`)
      .join(", ");
  return `(${list(params)}) (${list(results)})${complete ? "" : " incomplete"}`;
}

const ACCEPTED: [symbol: string, at: string, signature: string][] = [
  ["main.plain", "func plain", "(a int:8, b string:16) (~r0 error:16)"],
  ["main.T.value", "func (t T) value", "(t main.T:16, x int8:1) (n int:8, err error:16)"],
  ["main.(*T).pointer", "func (t *T) pointer", "(t *main.T:8, _ int:8, s []string:24) ()"],
  ["main.timeout", "func timeout", "(d time.Duration:8, t time.Month:8) ()"],
  ["main.deps", "func deps", "(a dep.Name:16, b vend.V:8, c *gone.X:8) ()"],
  ["main.unsized", "func unsized", "(a int:8, c gone.X:-1, b string:16) () incomplete"],
  ["main.cgo", "func cgo", "(a main._Ctype_int:-1) () incomplete"],
  // C.size_t is an alias, of main._Ctype_ulong here.
  ["main.cgoAlias", "func cgoAlias", "(a *C.size_t:8, b []main._Ctype_struct_point:24) ()"],
  ["main.manyNames", "func manyNames", "(a int:8, b int:8, c int:8, d int:8, e int:8, f string:16, g string:16) ()"],
  ["main.withLiterals.func1", "func(a int) string", "(a int:8) (~r0 string:16)"],
  ["main.withLiterals.func2", "func(b string)", "(b string:16) (~r0 func(bool):8)"],
  ["main.withLiterals.func2.1", "func(c bool) {}", "(c bool:1) ()"],
  ["main.withLiterals.func3", "func(l local", "(l main.local:12, n [2]uint8:2) ()"],
  ["main.withLiterals.func5", "func(u uint8)", "(u uint8:1) ()"],
  ["main.withLiterals.func6", "func(v uint16)", "(v uint16:2) ()"],
  ["main.plain.withLiterals.func2", "func(b string)", "(b string:16) (~r0 func(bool):8)"],
  [
    "main.generic[go.shape.string,go.shape.int]",
    "func generic",
    "(.dict! uintptr:8, k string:16, v []int:24, f func(string) int:8) (~r0 string:16, ~r1 int:8)",
  ],
  [
    "main.generic[go.shape.*uint8,go.shape.struct { A int; B []example.com/app/lib.Z }]",
    "func generic",
    "(.dict! uintptr:8, k go.shape.*uint8:8, v []struct { A int; B []lib.Z }:24, f func(go.shape.*uint8) struct { A int; B []lib.Z }:8) (~r0 go.shape.*uint8:8, ~r1 struct { A int; B []lib.Z }:32)",
  ],
  [
    'main.generic[go.shape.struct { main.T "json:\\"t\\""; N int },go.shape.struct { main.Box = main.Box[go.shape.bool]; n int8 }]',
    "func generic",
    '(.dict! uintptr:8, k struct { main.T "json:\\"t\\""; N int }:24, v []struct { main.Box[go.shape.bool]; n int8 }:24, f func(struct { main.T "json:\\"t\\""; N int }) struct { main.Box[go.shape.bool]; n int8 }:8) (~r0 struct { main.T "json:\\"t\\""; N int }:24, ~r1 struct { main.Box[go.shape.bool]; n int8 }:24)',
  ],
  [
    "main.(*Box[go.shape.int32]).set",
    "func (b *Box[E]) set",
    "(b *main.Box[go.shape.int32]:8, .dict! uintptr:8, e int32:4) ()",
  ],
  [
    "main.Box[go.shape.bool].get",
    "func (b Box[E]) get",
    "(b main.Box[go.shape.bool]:16, .dict! uintptr:8, n int:8) (~r0 bool:1)",
  ],
  ["main.init.func1", "func(i int) {}", "(i int:8) ()"],
  ["main.plain.gowrap1", "func plain", "() ()"],
  ["main.plain.func1.deferwrap2", "func plain", "() ()"],
  ["main.plain·dwrap·1", "func plain", "() ()"],
  ["main.init", "var table", "() ()"],
  ["main.init.0", "func init() {}", "() ()"],
  ["main.init.1", "func init() { _", "() ()"],
  ["main.init.1.func1", "func(z int32)", "(z int32:4) ()"],
  ["main.cyclic", "func cyclic", "(a chan<- chan int:8, b chan<- chan<- int:8) ()"],
  ["main.broken", "func broken", "(a main.Endless:-1, b main.Mutual:-1, c main.Wrong:-1) () incomplete"],
];

test("signatures of functions, methods, literals and generic instances", async () => {
  for (const [symbol, at, signature] of ACCEPTED) {
    assert.equal(await signatureText(goFunction(symbol, lineOf(at))), signature, symbol);
  }
});

test("a dictionary comes before the receiver up to Go 1.19", async () => {
  const old = { ...INFO, goVersion: "go1.19.8" };
  const fn = goFunction("main.(*Box[go.shape.int32_0]).set", lineOf("func (b *Box[E]) set"));
  assert.equal(await signatureText(fn, old), "(.dict! uintptr:8, b *main.Box[go.shape.int32]:8, e int32:4) ()");
});

const LIB = "/build/app/lib/lib.go";
const REFUSED: [symbol: string, line: number, file: string | undefined, reason: RegExp][] = [
  ["main.plain", lineOf("func plain") + 3, undefined, /plain has moved up by 3 lines, from line 17 of main\.go/],
  ["main.plain", lineOf("func plain") - 1, undefined, /moved down by 1 line,/],
  ["main.absent", 3, undefined, /does not declare absent/],
  ["main.(*T).value", lineOf("func (t T) value"), undefined, /wrapper: .*main\.go:15 declares the method on the value/],
  ["main.T.pointer", lineOf("func (t *T) pointer"), undefined, /declares the method on a pointer/],
  ["main.T.value-fm", lineOf("func (t T) value"), undefined, /method of which the binary shows no line/],
  ["main.(*T).value", 1, "<autogenerated>", /method of which the binary shows no line/],
  ["main.(*T).gone", 1, "<autogenerated>", /the source's type T has no method gone/],
  ["main.(*Box[go.shape.int]).set", 1, "<autogenerated>", /wrapper of a generic type's method/],
  ["type:.eq.main.T", 1, "<autogenerated>", /the compiler made it/],
  ["main.plain-range1", lineOf("func plain"), undefined, /body of a range loop/],
  ["main.withLiterals.func1", lineOf("func(b string)"), undefined, /literal 1 of withLiterals has moved up by 1 line/],
  ["main.withLiterals.func9", lineOf("func(b string)"), undefined, /not the one that the binary numbers 9/],
  [
    "main.withLiterals.func4",
    lineOf("func(a int) {}(1)"),
    undefined,
    /passes what it captures as additional parameters/,
  ],
  ["main.plain.withLiterals.func1", lineOf("func(u uint8)"), undefined, /holds several function literals/],
  ["main.generic[...]", lineOf("func generic"), undefined, /leaves out the type arguments, on which/],
  ["main.generic[int,string]", lineOf("func generic"), undefined, /wrapper of a generic instance/],
  ["main.generic", lineOf("func generic"), undefined, /the source has a generic function/],
  ["main.generic[go.shape.int]", lineOf("func generic"), undefined, /are not understood/],
  ["main.plain[go.shape.int]", lineOf("func plain"), undefined, /without type parameters/],
  ["main.body", lineOf("func body"), undefined, /without a body: it is written in assembly/],
  ["main.plain", 1, "<autogenerated>", /the compiler made it/],
  ["main.plain", 1, "/build/app/cmd/app/x.s", /not Go/],
  ["main.plain", 1, "", /names no source file/],
  ["main.plain", 1, "/build/app/cmd/app/other.go", /has no file other\.go/],
  ["example.com/app/lib.F", 3, "/go/src/runtime/lib.go", /the binary has it in .*runtime\/lib\.go, which is not/],
  ["example.com/app/lib.F", 4, LIB, /moved up by 1 line/],
  ["example.com/app/lib.ok", 3, "/build/app/lib/bad.go", /syntax error at line/],
  ["example.com/other.F", 3, "/x/other/o.go", /neither below \/src\/app nor among the modules/],
  ["example.com/Dep/none.F", 3, "/x/none/o.go", /example\.com\/Dep v1\.2\.0 is not in the module cache/],
  ["garbage", 3, LIB, /no name of a Go function/],
];

test("what does not fit the source exactly is refused with its reason", async () => {
  for (const [symbol, line, file, reason] of REFUSED) {
    const text = await signatureText(goFunction(symbol, line, file));
    assert.match(text, reason, `${symbol}: ${text}`);
    assert.match(text, /^refused: /, symbol);
  }
});

test("another version of Go is not taken for the binary's", async () => {
  const text = await signatureText(goFunction("main.timeout", lineOf("func timeout")), {
    ...INFO,
    goVersion: "go1.23.1",
  });
  assert.equal(text, "(d time.Duration:-1, t time.Month:-1) () incomplete");
});

test("version control decides between exact, drifted and different", async () => {
  const built = {
    ...INFO,
    settings: { ...INFO.settings, "vcs.revision": "aaaaaaaaaaaaaaaa", "vcs.modified": "false" },
  };
  const tree = (revision: string, sameness: Sameness): SourceTree => ({
    state: () => Promise.resolve({ revision }),
    compare: () => Promise.resolve(sameness),
  });
  const fn = goFunction("main.plain", lineOf("func plain"));
  const cases: [info: BuildInfo, tree: SourceTree | undefined, kind: string, message: RegExp][] = [
    [INFO, undefined, "unknown", /name, file and line agree .* does not say what revision/],
    [built, undefined, "unknown", /no checkout/],
    [built, tree("aaaaaaaaaaaaaaaa", "same"), "exact", /built from this revision, aaaaaaaaaaaa$/],
    [built, tree("bbbb", "same"), "exact", /have not changed since revision/],
    [
      built,
      tree("bbbb", "changed"),
      "different-revision",
      /since when .*main\.go has changed; the checkout is at bbbb/,
    ],
    [built, tree("bbbb", "unknown revision"), "different-revision", /which this checkout does not have/],
    [built, tree("bbbb", "not in it"), "different-revision", /which has no .*main\.go; the checkout is at bbbb/],
    [built, tree("aaaaaaaaaaaaaaaa", "changed"), "different-revision", /the checkout has uncommitted changes/],
    [
      { ...built, settings: { ...built.settings, "vcs.modified": "true" } },
      tree("aaaaaaaaaaaaaaaa", "changed"),
      "unknown",
      /with uncommitted changes/,
    ],
  ];
  for (const [info, version, kind, message] of cases) {
    const sources = await createSourceTypes({ ...OPTIONS, tree: version });
    const match = await sources.match(fn, info);
    assert.equal(match.kind, kind, match.message);
    assert.match(match.message, message);
    assert.equal((await sources.signature(fn, info)).ok, kind !== "different-revision", match.message);
  }
  const sources = await createSourceTypes(OPTIONS);
  const moved = await sources.match({ ...fn, line: fn.line + 5 }, built);
  assert.equal(moved.kind, "drifted");
  assert.equal(moved.lines, -5);
});

/** What the binary was built with, what lies beside it now, and whose `V` is shown. */
const VERSIONS: [what: string, Partial<BuildInfo>, files: Record<string, string>, answer: string, match: RegExp][] = [
  [
    "a dependency whose version go.mod has raised since",
    { dependencies: [{ path: "example.com/d", version: "v1.0.0" }] },
    { "/src/app/go.mod": "module example.com/app\nrequire example.com/d v1.1.0\n" },
    "(v d.V:8) ()",
    /^exact: it is the source of example\.com\/d v1\.0\.0, which/,
  ],
  [
    "a replacement that go.mod has got since",
    { dependencies: [{ path: "example.com/d", version: "v1.0.0" }] },
    { "/src/app/go.mod": "module example.com/app\nreplace example.com/d => ../fork\n" },
    "(v d.V:8) ()",
    /^exact: /,
  ],
  [
    "a replacement whose version go.mod has raised since",
    {
      dependencies: [
        { path: "example.com/d", version: "v1.0.0", replacedBy: { path: "example.com/fork", version: "v2.0.0" } },
      ],
    },
    { "/src/app/go.mod": "module example.com/app\nreplace example.com/d => example.com/fork v2.1.0\n" },
    "(v d.V:2) ()",
    /^exact: it is the source of example\.com\/fork v2\.0\.0, which/,
  ],
  [
    "a folder that replaces",
    {
      dependencies: [{ path: "example.com/d", version: "v1.0.0", replacedBy: { path: "../fork", version: "(devel)" } }],
    },
    { "/src/app/go.mod": "module example.com/app\nreplace example.com/d => ../fork\n" },
    "(v d.V:1) ()",
    /^unknown: name, file and line agree/,
  ],
  [
    "a folder that replaced",
    {
      dependencies: [{ path: "example.com/d", version: "v1.0.0", replacedBy: { path: "../fork", version: "(devel)" } }],
    },
    { "/src/app/go.mod": "module example.com/app\nrequire example.com/d v1.1.0\n" },
    "refused: the binary was built with the folder ../fork as example.com/d, which is not found",
    /^unknown: /,
  ],
  [
    "vendored in the binary's version",
    { dependencies: [{ path: "example.com/d", version: "v1.0.0" }] },
    {
      "/src/app/go.mod": "module example.com/app\n",
      "/src/app/vendor/modules.txt": "# example.com/d v1.0.0\n",
      "/src/app/vendor/example.com/d/d.go": d("int32"),
    },
    "(v d.V:4) ()",
    /^exact: /,
  ],
  [
    "vendored in another version",
    { dependencies: [{ path: "example.com/d", version: "v1.0.0" }] },
    {
      "/src/app/go.mod": "module example.com/app\n",
      "/src/app/vendor/modules.txt": "# example.com/d v1.1.0\n",
      "/src/app/vendor/example.com/d/d.go": d("int32"),
    },
    "(v d.V:8) ()",
    /^exact: /,
  ],
  [
    "a working copy of a dependency that was published",
    { dependencies: [{ path: "example.com/d", version: "v3.0.0" }] },
    {
      "/src/app/go.mod": "module example.com/app\n",
      "/src/app/d/go.mod": "module example.com/d\n",
      "/src/app/d/d.go": d("int16"),
    },
    'refused: example.com/d v3.0.0 is not in the module cache (/mod); "go mod download" fetches it',
    /^unknown: /,
  ],
  [
    "the program's own module from the module cache, in another version",
    { module: { path: "example.com/d", version: "v1.0.0" }, dependencies: [] },
    {},
    "refused: the binary was built from example.com/d v1.0.0, this is example.com/d v1.1.0",
    /^different revision: /,
  ],
];

function d(of: string): string {
  return `package d\n\ntype V ${of}\n\nfunc F(v V) {}\n`;
}

test("a dependency is read in the version that was built, whatever go.mod says now", async () => {
  const common = {
    "/mod/example.com/d@v1.0.0/d.go": d("int"),
    "/mod/example.com/d@v1.1.0/d.go": d("string"),
    "/mod/example.com/d@v1.1.0/go.mod": "module example.com/d\n",
    "/mod/example.com/fork@v2.0.0/d.go": d("[2]byte"),
    "/mod/example.com/fork@v2.1.0/d.go": d("[3]byte"),
    "/src/fork/d.go": d("bool"),
  };
  const fn = goFunction("example.com/d.F", 5, "/build/example.com/d@v1.0.0/d.go");
  for (const [what, info, files, answer, kind] of VERSIONS) {
    const built = { ...INFO, ...info };
    const root = Object.keys(files).length === 0 ? "/mod/example.com/d@v1.1.0" : "/src/app";
    const options = { ...OPTIONS, reader: memoryReader({ ...common, ...files }), root };
    assert.equal(await signatureText(fn, built, options), answer, what);
    assert.match(matchText(await (await createSourceTypes(options)).match(fn, built)), kind, what);
  }
});

test("a program of more packages than are held at once", async () => {
  const count = 1_200;
  const packages = Array.from({ length: count }, (_, at) => [
    `/src/app/p${at}/p.go`,
    `package p${at}\n\nimport "example.com/app/p${(at + 7) % count}"\n\nfunc F(a p${(at + 7) % count}.T) {}\n\ntype T [${at}]byte\n`,
  ]);
  const sources = await createSourceTypes({
    ...OPTIONS,
    reader: memoryReader({ ...FILES, ...(Object.fromEntries(packages) as Record<string, string>) }),
  });
  for (let at = 0; at < count; at++) {
    const result = await sources.signature(goFunction(`example.com/app/p${at}.F`, 5, `/build/app/p${at}/p.go`), INFO);
    assert.equal(result.ok ? result.signature.params[0]?.type.size : result.reason, (at + 7) % count);
  }
});

test("hostile source gives an answer, soon", async () => {
  const nest = (open: string, count: number): string => open.repeat(count);
  const hostile = [
    `type H ${nest("[]", 50_000)}int`,
    `type H ${nest("struct{ a ", 20_000)}`,
    `type H [${nest("(", 20_000)}1${nest(")", 20_000)}]int`,
    `type H [${"1<<".repeat(20_000)}1]int`,
    `const A0 = 1\n${doubling("const A%d = A%p + A%p")}\ntype H [A60]int`,
    `type A0 = int\n${doubling("type A%d = struct{ x, y A%p }")}\ntype H A60`,
    `type A0 struct{}\n${doubling("type A%d struct{ x, y A%p }")}\ntype H A60`,
    "type G[P any] struct { f [0]G[func(P, P)] }\ntype H G[int]",
    "type G[P any] struct { f *G[func(P, P)] }\ntype H G[int]",
    "type H = H",
    "type H interface { H }",
    "type H [len(x)]int\nvar x H",
    "const a = b\nconst b = a\ntype H [a]int",
    "type H [1 << 62][1 << 62]int",
    `/*${"*/ /*".repeat(20_000)}`,
    `${" ".repeat(200_000)}type H int`,
  ];
  for (const text of hostile) {
    const source = `package main\n\nfunc f(h H, p *H) {}\n\n${text}\n`;
    const reader = memoryReader({ ...FILES, "/src/app/cmd/app/main.go": source });
    const answer = await signatureText(goFunction("main.f", 3), INFO, { ...OPTIONS, reader });
    assert.match(answer, /^refused: |incomplete$|^\(h main\.H:\d+, p \*main\.H:8\) \(\)$/, text.slice(0, 60));
  }
});

function doubling(line: string): string {
  return Array.from({ length: 60 }, (_, at) => line.replaceAll("%d", `${at + 1}`).replaceAll("%p", `${at}`)).join("\n");
}

test("random bytes and words never crash", async () => {
  const words = MAIN.split(/(?<=\W)/);
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  for (let round = 0; round < 40; round++) {
    const damaged = [...words];
    for (let count = 1 + random(8); count > 0; count--) {
      const at = random(damaged.length);
      const from = random(damaged.length);
      damaged.splice(at, random(3), ...damaged.slice(from, from + random(5)));
    }
    const reader = memoryReader({ ...FILES, "/src/app/cmd/app/main.go": damaged.join("") });
    const sources = await createSourceTypes({ ...OPTIONS, reader });
    for (const [symbol, at] of ACCEPTED) {
      const result = await sources.signature(goFunction(symbol, lineOf(at)), INFO);
      if (result.ok) for (const { type } of result.signature.params) assert.ok(type.size >= -1 && type.name !== "");
    }
  }
});
