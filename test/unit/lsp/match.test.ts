/** Source functions joined with real binaries: every function finds its own code, and never another's. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import { loadGrammar } from "../../../src/engine/programs/grammar.ts";
import type { GoBinary } from "../../../src/gobinary/api.ts";
import type { GoParser } from "../../../src/gosource/syntax/parser.ts";
import { differenceOf } from "../../../src/lsp/documents/candidates.ts";
import { type EditorFile, readEditorFile } from "../../../src/lsp/documents/editorFunctions.ts";
import { type FileMatch, lineKindOf, matchFile, splitLinkerName } from "../../../src/lsp/documents/matchBinary.ts";
import { sourcePackageOf } from "../../../src/lsp/documents/sourcePackage.ts";

const SHAPES = fileURLToPath(new URL("../../programs/shapes", import.meta.url));
const engine = createEngine();
let parser: GoParser;
let scratch: string;

before(async () => {
  parser = await loadGrammar();
  scratch = mkdtempSync(join(tmpdir(), "probelens-match-"));
});
after(async () => {
  await engine.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

for (const { name, flags, toolchain } of [
  { name: "default", flags: [] },
  { name: "trimpath", flags: ["-trimpath"] },
  { name: "stripped", flags: ["-trimpath", "-ldflags=-s -w"] },
  // Without DWARF such a binary has only the line of each function's first instruction, often that of its body.
  { name: "stripped, Go 1.18", flags: ["-gcflags=-lang=go1.18", "-ldflags=-s -w"], toolchain: "go1.18.10" },
]) {
  void test(`${name}: functions, methods, generics and literals of the shapes program`, async () => {
    const binary = await engine.openFile(newJob(), build(SHAPES, name, flags, toolchain));
    let literals = 0;
    for (const file of readdirSync(SHAPES).filter((entry) =>
      /^(closures|generics|methods|params|structs)\.go$/.test(entry),
    )) {
      const path = join(SHAPES, file);
      const { source, match } = await matchSource(path, binary);
      assert.ok(match !== undefined, `${file} is in the binary`);
      for (const fn of source.functions) {
        const found = match.get(fn.key);
        if (found?.kind === "absent") {
          // Nothing but code that the compiler inlined or dropped, or literals that share a line, may be missing.
          if (fn.kind === "declared") assert.match(found.reason, /inlined|without a body/, `${file} ${fn.key}`);
          continue;
        }
        assert.equal(found?.kind, "exact", `${file} ${fn.key}: ${JSON.stringify(found)}`);
        for (const { name: linkerName, line } of found?.functions ?? []) {
          const lines = lineKindOf(binary) === "declaration" ? fn.lines : [fn.start.line + 1, fn.end.line + 1];
          assert.ok(
            Math.min(...lines) <= line && line <= Math.max(...lines),
            `${linkerName} stands at line ${line}, not ${lines.join(" or ")}`,
          );
          if (fn.kind === "literal") literals += 1;
          else if (fn.kind === "init") assert.match(linkerName, /^main\.init\.\d+$/);
          else assert.equal(splitLinkerName(linkerName).local, fn.localName, linkerName);
        }
      }
    }
    assert.ok(literals >= 5, `only ${literals} literals were found`);
  });
}

void test("a moved function is found by name and told; a renamed one is not taken for another", async () => {
  const folder = join(scratch, "moved");
  mkdirSync(folder);
  const go = [
    "package main",
    "",
    "func main() { println(first(1), second(2)) }",
    "",
    "//go:noinline",
    "func first(a int) int { return a }",
    "",
    "//go:noinline",
    "func second(b int) int { return b }",
    "",
  ];
  writeFileSync(join(folder, "go.mod"), "module example.com/moved\n\ngo 1.15\n");
  writeFileSync(join(folder, "app.go"), go.join("\n"));
  const binary = await engine.openFile(newJob(), build(folder, "moved", []));
  const edited = ["// one", "// two", ...go.slice(0, 5), "func renamed(a int) int { return a }", ...go.slice(6)];
  const { match } = await matchSource(join(folder, "app.go"), binary, edited.join("\n"));
  const second = match?.get("second");
  assert.deepEqual(second?.kind === "moved" ? [second.by, second.functions.map((fn) => fn.name)] : second, [
    2,
    ["main.second"],
  ]);
  assert.equal(match?.get("renamed")?.kind, "absent");
  // The line of `second` in the binary now holds something else in the source; the name decides.
  assert.equal(match?.get("main")?.kind, "moved");
});

void test("the same path and name in another module is another program", async () => {
  for (const module of ["example.com/one", "example.com/two"]) {
    const folder = join(scratch, module, "cmd");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "../go.mod"), `module ${module}\n\ngo 1.15\n`);
    writeFileSync(join(folder, "main.go"), "package main\n\nfunc main() { println(1) }\n");
  }
  const one = await engine.openFile(newJob(), build(join(scratch, "example.com/one/cmd"), "one", ["-trimpath"]));
  assert.notEqual((await matchSource(join(scratch, "example.com/one/cmd/main.go"), one)).match, undefined);
  assert.equal((await matchSource(join(scratch, "example.com/two/cmd/main.go"), one)).match, undefined);
  // Copied elsewhere with its module, the source is still that of the binary.
  const copy = join(scratch, "copy");
  mkdirSync(join(copy, "cmd"), { recursive: true });
  copyFileSync(join(scratch, "example.com/one/go.mod"), join(copy, "go.mod"));
  copyFileSync(join(scratch, "example.com/one/cmd/main.go"), join(copy, "cmd/main.go"));
  assert.equal((await matchSource(join(copy, "cmd/main.go"), one)).match?.get("main")?.kind, "exact");
});

void test("two main packages of one module are told apart", async () => {
  const root = join(scratch, "twomains");
  for (const name of ["a", "b"]) {
    mkdirSync(join(root, "cmd", name), { recursive: true });
    writeFileSync(join(root, "cmd", name, "main.go"), "package main\n\nfunc main() { println(1) }\n");
  }
  writeFileSync(join(root, "go.mod"), "module example.com/twomains\n\ngo 1.15\n");
  const a = await engine.openFile(newJob(), build(join(root, "cmd/a"), "twomains", ["-trimpath"]));
  assert.notEqual((await matchSource(join(root, "cmd/a/main.go"), a)).match, undefined);
  assert.equal((await matchSource(join(root, "cmd/b/main.go"), a)).match, undefined);
});

void test("a file of the standard library is found in every program", async () => {
  const goroot = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
  const binary = await engine.openFile(newJob(), build(SHAPES, "std", ["-trimpath"]));
  const { match } = await matchSource(join(goroot, "src/fmt/print.go"), binary);
  assert.equal(match?.get("Fprintf")?.kind, "exact");
  assert.equal(match?.get("(*pp).printValue")?.kind, "exact");
});

void test("a file of another Go version is found, and told", async () => {
  const options = { encoding: "utf8", env: { ...process.env, GOTOOLCHAIN: "go1.18.10" } } as const;
  const goroot = execFileSync("go", ["env", "GOROOT"], options).trim();
  const binary = await engine.openFile(newJob(), build(SHAPES, "std", ["-trimpath"]));
  const { match } = await matchSource(join(goroot, "src/fmt/print.go"), binary);
  const found = match?.get("Fprintf");
  assert.ok(found !== undefined && found.kind !== "absent");
  const built = binary.buildInfo.goVersion;
  assert.match(
    differenceOf(found),
    new RegExp(`^source differs from the binary \\(go1\\.18\\.10 here, ${built} there`),
  );
});

void test("linker names", () => {
  const table: [string, string, string][] = [
    ["main.computeE", "main", "computeE"],
    ["net/http.(*Server).Serve", "net/http", "(*Server).Serve"],
    ["gopkg.in/yaml%2ev2.Marshal", "gopkg.in/yaml.v2", "Marshal"],
    ["main.(*list[go.shape.struct { net/http.X int }]).Push", "main", "(*list).Push"],
    ["main.Map[...].func1", "main", "Map.func1"],
    ["main.glob..func1", "main", "glob..func1"],
    ["main.init.0", "main", "init.0"],
    ["_rt0_amd64_linux", "", "_rt0_amd64_linux"],
  ];
  for (const [name, pkg, local] of table) assert.deepEqual(splitLinkerName(name), { package: pkg, local });
});

async function matchSource(
  path: string,
  binary: GoBinary,
  text = readFileSync(path, "utf8"),
): Promise<{ source: EditorFile; match: FileMatch }> {
  const source = readEditorFile(parser, text);
  const sameName = await binary.functionsInFile(basename(path));
  return {
    source,
    match: matchFile(source, await sourcePackageOf(path), binary.buildInfo, sameName, lineKindOf(binary)),
  };
}

function build(folder: string, name: string, flags: readonly string[], toolchain?: string): string {
  const output = join(scratch, `bin-${name}`);
  execFileSync("go", ["build", "-buildvcs=false", ...flags, "-o", output, "."], {
    cwd: folder,
    env: {
      ...process.env,
      CGO_ENABLED: "0",
      GOFLAGS: "-mod=mod",
      ...(toolchain === undefined ? {} : { GOTOOLCHAIN: toolchain }),
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return output;
}
