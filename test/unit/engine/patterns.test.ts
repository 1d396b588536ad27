import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { matchesGlob, matchesPath, nearMisses, parseFileLine } from "../../../src/engine/plan/patterns.ts";
import { MAX_MATCHES, matchPattern, resolvePatterns } from "../../../src/engine/plan/resolvePatterns.ts";
import type { GoBinary, GoFunction, SourcePosition } from "../../../src/gobinary/api.ts";
import { UserError } from "../../../src/protocol/errors.ts";

const GLOBS: [glob: string, name: string, matches: boolean][] = [
  ["main.*", "main.computeE", true],
  ["main.*", "main.", true],
  ["main.*", "mymain.x", false],
  ["*", "", true],
  ["net/http.(*Server).*", "net/http.(*Server).Serve", true],
  ["net/http.(*Server).*", "net/http.(*http2Server).Serve", true],
  ["net/http.(*Server).*", "net/http.(*Client).Do", false],
  ["*.func1", "main.main.func1", true],
  ["a*b*c", "axxbyyc", true],
  ["a*b*c", "axxbyy", false],
  ["main.f?", "main.f1", false],
  ["main.[a]", "main.a", false],
  ["**a", "bba", true],
];
for (const [glob, name, expected] of GLOBS) {
  test(`glob ${glob} ${expected ? "matches" : "does not match"} ${JSON.stringify(name)}`, () => {
    assert.equal(matchesGlob(glob, name), expected);
  });
}

// Exponential, it would not end before the run's own limit.
test("a hostile glob takes no exponential time", () => {
  assert.equal(matchesGlob(`${"*a".repeat(200)}b`, "a".repeat(5000)), false);
});

test("paths match by whole components from the end", () => {
  assert.equal(matchesPath("app.go", "/src/app.go"), true);
  assert.equal(matchesPath("app.go", "/src/myapp.go"), false);
  assert.equal(matchesPath("./src/app.go", "/x/src/app.go"), true);
  assert.equal(matchesPath("/src/app.go", "/x/src/app.go"), true);
});

test("FILE:LINE is told from names", () => {
  assert.deepEqual(parseFileLine("app.go:24"), { file: "app.go", line: 24 });
  for (const name of ["main.f", "app.go:", ":24", "app.go:0", "app.go:-1", "app.go:1x", "app.go:99999999999"]) {
    assert.equal(parseFileLine(name), undefined, name);
  }
});

/** Three lines a function, in declaration order. */
const NAMES = [
  "main.computeE",
  "main.handleE",
  "main.handleE.func1",
  "net/http.(*Server).Serve",
  "gopkg.in/yaml%2ev2.Marshal",
  "main.(*T).*odd",
  "main.asm",
  "main.parse",
];
const FUNCTIONS = NAMES.map(
  (name, index): GoFunction => ({
    name,
    entry: 0x1000 + index * 0x100,
    end: 0x1000 + index * 0x100 + 8,
    offset: index * 0x100,
    // As `//line grammar.y:3` says.
    file: name === "main.parse" ? "grammar.y" : name.startsWith("main.") ? "/src/app.go" : "/go/x.go",
    // handleE spans 20 to 40 with its literal at 25 to 27.
    line: { "main.computeE": 10, "main.handleE": 20, "main.handleE.func1": 25, "main.parse": 3 }[name] ?? 100 + index,
    convention: "register",
    ...(name === "main.asm" ? { notTraceable: "it is written in assembly" } : {}),
  }),
);
const LAST_LINES: Record<string, number> = { "main.computeE": 15, "main.handleE": 40, "main.handleE.func1": 27 };

function binaryOf(functions: readonly GoFunction[]): GoBinary {
  const partial: Partial<GoBinary> = {
    name: "app",
    functions: async () => functions,
    functionsNamed: async (name) => functions.filter((fn) => fn.name === name),
    functionsInFile: async (fileName) => functions.filter((fn) => basename(fn.file) === fileName),
    inlinedOnly: async () => undefined,
    positionsOf: async ({ name, file, line }): Promise<readonly SourcePosition[]> => [
      { func: name, file, line },
      { func: name, file, line: LAST_LINES[name] ?? line },
    ],
  };
  return partial as GoBinary;
}
const binary = binaryOf(FUNCTIONS);

const FOUND: [pattern: string, names: string[]][] = [
  ["main.computeE", ["main.computeE"]],
  ["main.handleE*", ["main.handleE", "main.handleE.func1"]],
  ["net/http.(*Server).Serve", ["net/http.(*Server).Serve"]],
  ["main.(*T).*odd", ["main.(*T).*odd"]],
  ["app.go:10", ["main.computeE"]],
  ["app.go:12", ["main.computeE"]],
  ["app.go:26", ["main.handleE.func1"]],
  ["app.go:30", ["main.handleE"]],
  ["/src/app.go:20", ["main.handleE"]],
  ["grammar.y:3", ["main.parse"]],
  ["/home/me/parser/grammar.y:3", ["main.parse"]],
];
for (const [pattern, names] of FOUND) {
  test(`${pattern} names ${names.join(", ")}`, async () => {
    assert.deepEqual(
      (await matchPattern(binary, pattern)).map((fn) => fn.name),
      names,
    );
  });
}

const REFUSED: [pattern: string, code: string, words: RegExp][] = [
  ["main.computeF", "no-such-function", /Did you mean main\.computeE/],
  ["computeE", "no-such-function", /Did you mean main\.computeE/],
  ["main.compute", "no-such-function", /probelens list|Did you mean/],
  ["net/http.Server.Serve", "no-such-function", /Did you mean net\/http\.\(\*Server\)\.Serve/],
  ["gopkg.in/yaml.v2.Marshal", "no-such-function", /Did you mean gopkg\.in\/yaml%2ev2\.Marshal/],
  ["nosuch.*", "no-such-function", /no function of this name/],
  ["", "no-such-function", /a function without a name/],
  ["app.go:17", "no-such-function", /no function with code that is declared at or above line 17 of .* reaches it/],
  ["app.go:5", "no-such-function", /The nearest is main\.computeE at line 10/],
  ["other.go:5", "no-such-function", /is declared in a file other\.go/],
  [
    "app.go:0",
    "no-such-function",
    /0 is no line of a file: lines are counted from 1\. Give FILE:LINE, such as app\.go:12/,
  ],
  ["app.go:-1", "no-such-function", /-1 is no line of a file/],
  ["app.go:", "no-such-function", /nothing is no line of a file/],
  ["app.go:10x", "no-such-function", /10x is no line of a file/],
  ["app.go:99999999999", "no-such-function", /99999999999 is no line of a file/],
  ["app.go:main.computeE", "no-such-function", /main\.computeE is no line of a file/],
  ["grammar.y:0", "no-such-function", /0 is no line of a file/],
  ["app.go:10:3", "no-such-function", /a column stands behind the line\. Give FILE:LINE, such as app\.go:10,/],
  ["app.go", "no-such-function", /it names a file and no line of it\. Give FILE:LINE, such as app\.go:12,/],
  ["type:.eq.main.T", "no-such-function", /no function of this name/],
  ["*.go", "no-such-function", /no function of this name/],
  ["main.asm", "not-traceable", /assembly/],
  ["main.as*", "not-traceable", /assembly/],
];
for (const [pattern, code, words] of REFUSED) {
  test(`${JSON.stringify(pattern)} is refused: ${code}`, async () => {
    await assert.rejects(resolvePatterns(binary, ["main.computeE", pattern]), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.code, code);
      assert.match(error.message, words);
      return true;
    });
  });
}

test("a glob over the limit is refused, one at the limit is not", async () => {
  const [first] = FUNCTIONS;
  const many = (count: number): GoBinary =>
    binaryOf(
      Array.from({ length: count }, (_, index) => ({ ...(first as GoFunction), name: `p.f${index}`, entry: index })),
    );
  await assert.rejects(matchPattern(many(MAX_MATCHES + 1), "p.*"), /matches 10001 functions/);
  assert.equal((await matchPattern(many(MAX_MATCHES), "p.*")).length, MAX_MATCHES);
});

test("an instance of a generic function is proposed under the linker's name", () => {
  const [first] = FUNCTIONS;
  const named = (name: string): GoFunction => ({ ...(first as GoFunction), name });
  const functions = [named("main.Map[go.shape.int,go.shape.string]"), named("main.mapped"), named("main.Mop")];
  assert.deepEqual(nearMisses("main.Map[int,string]", functions)[0], "main.Map[go.shape.int,go.shape.string]");
});

test("suggestions are bounded for hostile names", () => {
  const long = FUNCTIONS.map((fn) => ({ ...fn, name: "x".repeat(100_000) }));
  assert.deepEqual(nearMisses("x".repeat(100_001), long), []);
});

test("a file named by a suffix that fits several is ambiguous", async () => {
  const two = binaryOf([
    { ...(FUNCTIONS[0] as GoFunction), file: "/a/x.go" },
    { ...(FUNCTIONS[1] as GoFunction), file: "/b/x.go" },
  ]);
  await assert.rejects(matchPattern(two, "x.go:10"), /2 files of app end in this path/);
  assert.equal((await matchPattern(two, "a/x.go:10"))[0]?.name, "main.computeE");
});
