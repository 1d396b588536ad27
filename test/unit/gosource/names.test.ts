/** Small tables: linker names, build constraints, constants, go.mod. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BuildInfo } from "../../../src/gobinary/api.ts";
import { escapePackagePath } from "../../../src/goname/linkName.ts";
import { parseSymbolName } from "../../../src/goname/symbolName.ts";
import { fileIncluded } from "../../../src/gosource/packages/buildConstraints.ts";
import { buildTags, experimentsFrom } from "../../../src/gosource/packages/buildTags.ts";
import { escapeModule, parseGoMod, parseGoWork, parseVendorModules } from "../../../src/gosource/packages/goMod.ts";
import { joinPath } from "../../../src/gosource/packages/reader.ts";

const SYMBOLS: [symbol: string, text: string][] = [
  ["main.computeE", "main | computeE"],
  ["net/http.(*Server).Serve", "net/http | *Server Serve"],
  ["gopkg.in/yaml%2ev2.Marshal", "gopkg.in/yaml.v2 | Marshal"],
  ["example.com/m/p.T.M", "example.com/m/p | T M"],
  ["main.main.func1", "main | main | 1"],
  ["main.(*T).M.func2.1", "main | *T M | 2.1"],
  ["main.f.func1.2.3", "main | f | 1.2.3"],
  ["main.init.0", "main | init.0"],
  ["main.init.1.func3", "main | init.1 | 3"],
  ["main.init.func1", "main | init | 1"],
  ["main.glob..func7", "main | init | 7"],
  ["main.init", "main | init | package initialiser"],
  ["main.T.M-fm", "main | T M | method value"],
  ["main.f.gowrap1", "main | f | go or defer wrapper"],
  ["main.(*T).M.func1.deferwrap2", "main | *T M | 1 | go or defer wrapper"],
  ["main.f·dwrap·1", "main | f·dwrap·1 | go or defer wrapper"],
  ["main.f-range1", "main | f | range-over-func body"],
  ["main.f-range1.func2", "main | f | 2 | range-over-func body"],
  ["main.Gen[go.shape.int]", "main | Gen[go.shape.int]"],
  ["main.Gen[...]", "main | Gen[...]"],
  ["main.(*Box[go.shape.string]).Get.func1", "main | *Box Get[go.shape.string] | 1"],
  [
    "main.Map[go.shape.struct { X net/url.URL; F func(int) }].func1",
    "main | Map[go.shape.struct { X net/url.URL; F func(int) }] | 1",
  ],
  ["main.(*R).As[go.shape.int]", "main | *R As[go.shape.int]"],
  ["main.B[go.shape.string].Two[go.shape.int]", "main | B Two[go.shape.string,go.shape.int]"],
  ["main.main.helper.func1", "main | main helper | 1"],
  ["main.(*T).M.helper.func1", "main | *T M | in helper | 1"],
  ["main.größe", "main | größe"],
  ["example.com/x%2dy/z.F", "example.com/x-y/z | F"],
  ["nodot", "undefined"],
  ["", "undefined"],
  [".x", "undefined"],
  ["main.f[", "undefined"],
  ["main.f)(", "undefined"],
  ["a%zz.f", "undefined"],
];

test("linker names are taken apart", () => {
  for (const [symbol, text] of SYMBOLS) assert.equal(show(symbol), text, symbol);
});

function show(symbol: string): string {
  const parsed = parseSymbolName(symbol);
  if (parsed === undefined) return "undefined";
  const { outer, literals, inlined, synthetic } = parsed;
  const receiver =
    outer.receiver === undefined ? "" : `${outer.receiver.pointer ? "*" : ""}${outer.receiver.typeName} `;
  const args = outer.typeArgs === undefined ? "" : `[${outer.typeArgs}]`;
  return [
    parsed.packagePath,
    `${receiver}${outer.name}${args}`,
    ...(inlined.length > 0 ? [`in ${inlined.join(".")}`] : []),
    ...(literals.length > 0 ? [literals.join(".")] : []),
    ...(synthetic === undefined ? [] : [synthetic]),
  ].join(" | ");
}

test("package paths are escaped as the linker does", () => {
  const cases = [
    ["net/http", "net/http"],
    ["gopkg.in/yaml.v3", "gopkg.in/yaml%2ev3"],
    ["example.com", "example%2ecom"],
    ["example.com/ü", "example.com/%c3%bc"],
    ['a/b"%', "a/b%22%25"],
  ];
  for (const [path, escaped] of cases) assert.equal(escapePackagePath(path ?? ""), escaped);
});

const LINUX: BuildInfo = {
  goVersion: "go1.22.3",
  dependencies: [],
  settings: { "-compiler": "gc", GOARCH: "amd64", GOOS: "linux", CGO_ENABLED: "1", "-tags": "custom,other" },
};

const CONSTRAINTS: [file: string, text: string, included: string][] = [
  ["a.go", "package a", "yes"],
  ["a_test.go", "package a", "no"],
  ["a.txt", "", "no"],
  ["_a.go", "package a", "no"],
  [".a.go", "package a", "no"],
  ["a_linux.go", "package a", "yes"],
  ["a_windows.go", "package a", "no"],
  ["a_linux_arm64.go", "package a", "no"],
  ["a_linux_amd64.go", "package a", "yes"],
  ["a_arm64.go", "package a", "no"],
  ["linux.go", "package a", "yes"],
  ["windows.go", "package a", "yes"],
  ["a_unix.go", "package a", "yes"],
  ["a.go", "//go:build linux && !cgo\n\npackage a", "no"],
  ["a.go", "//go:build (windows || unix) && go1.22\npackage a", "yes"],
  ["a.go", "//go:build go1.23\npackage a", "no"],
  ["a.go", "// Copyright\n\n//go:build ignore\n\npackage a", "no"],
  ["a.go", "/* x\n//go:build ignore\n*/\npackage a", "yes"],
  ["a.go", "package a\n//go:build ignore", "yes"],
  ["a.go", "// +build windows darwin\n// +build amd64\n\npackage a", "no"],
  ["a.go", "// +build linux,!custom darwin\n\npackage a", "no"],
  ["a.go", "// +build linux,custom darwin\n\npackage a", "yes"],
  ["a.go", "//go:build race\npackage a", "no"],
  ["a.go", "//go:build goexperiment.swissmap\npackage a", "unknown"],
  ["a.go", "//go:build goexperiment.swissmap && windows\npackage a", "no"],
  ["a.go", "//go:build linux &&\npackage a", "unknown"],
  ["a.go", `//go:build ${"(".repeat(1000)}\npackage a`, "unknown"],
];

test("build constraints choose the files", () => {
  const tags = buildTags(LINUX, undefined);
  for (const [file, text, included] of CONSTRAINTS)
    assert.equal(fileIncluded(file, text, tags), included, `${file} ${text}`);
});

test("tags that old build information leaves out are unknown, not off", () => {
  const tags = buildTags({ goVersion: "go1.16", dependencies: [], settings: {} }, undefined);
  assert.equal(fileIncluded("a.go", "//go:build custom\npackage a", tags), "unknown");
  assert.equal(fileIncluded("a.go", "// +build cgo\n\npackage a", tags), "unknown");
  assert.equal(fileIncluded("a.go", "//go:build custom && windows\npackage a", tags), "no");
});

test("experiments are the toolchain's, changed by the build's", () => {
  const exp = "baseline := goexperiment.Flags{\n RegabiArgs: regabiSupported,\n SwissMap: true,\n Off: false,\n}";
  const info = { ...LINUX, settings: { ...LINUX.settings, GOEXPERIMENT: "noswissmap,arenas" } };
  assert.deepEqual([...(experimentsFrom(exp, LINUX) ?? [])], ["regabiargs", "swissmap"]);
  assert.deepEqual([...(experimentsFrom(exp, info) ?? [])], ["regabiargs", "arenas"]);
  assert.equal(experimentsFrom(undefined, LINUX), undefined);
});

test("go.mod, go.work and modules.txt", () => {
  const mod = parseGoMod(`module "example.com/m" // comment
go 1.21
require example.com/a v1.0.0
require (
	example.com/B v1.2.3 // indirect
)
replace example.com/a => ../a
replace (
	example.com/B v1.2.3 => example.com/fork v1.2.4
)`);
  assert.equal(mod.module, "example.com/m");
  assert.deepEqual(
    [...mod.requires],
    [
      ["example.com/a", "v1.0.0"],
      ["example.com/B", "v1.2.3"],
    ],
  );
  assert.deepEqual(mod.replaces, [
    { path: "example.com/a", version: undefined, target: "../a", targetVersion: undefined },
    { path: "example.com/B", version: "v1.2.3", target: "example.com/fork", targetVersion: "v1.2.4" },
  ]);
  assert.deepEqual(parseGoWork("go 1.21\nuse ./a\nuse (\n  ./b\n  /c\n)"), ["./a", "./b", "/c"]);
  assert.deepEqual(
    [
      ...parseVendorModules(
        "# example.com/a v1.0.0\n## explicit\nexample.com/a/x\n# b v1.1.0 => ../b\n# c v1.2.0 => d v2.0.0\n# c => d v2.0.0\n",
      ),
    ],
    [
      ["example.com/a", { version: "v1.0.0", replacedBy: undefined }],
      ["b", { version: "v1.1.0", replacedBy: "../b" }],
      ["c", { version: "v1.2.0", replacedBy: "d v2.0.0" }],
    ],
  );
  assert.equal(escapeModule("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
  assert.equal(joinPath("/a/b", "../c", "./d"), "/a/c/d");
});
