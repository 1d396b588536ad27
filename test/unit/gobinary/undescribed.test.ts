/** Packages that were compiled without DWARF: what is not known of their functions is said to be unknown. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openLocalSource } from "../../../src/engine/programs/programFiles.ts";
import type { GoBinary } from "../../../src/gobinary/api.ts";
import { openBinary } from "../../../src/gobinary/open.ts";

const folder = mkdtempSync(join(tmpdir(), "probelens-undescribed-"));
after(() => rmSync(folder, { recursive: true }));

const FILES: Readonly<Record<string, string>> = {
  "go.mod": "module example.com/app\n\ngo 1.15\n",
  "main.go": `package main

import "example.com/app/own"

type count struct{ n int }

//go:noinline
func (*count) unnamed() { println("unnamed") }

//go:noinline
func blank(_ int, _ string) { println("blank") }

//go:noinline
func nothing() { println("nothing") }

//go:noinline
func add(a, b int) int { return a + b }

func main() {
	(&count{}).unnamed()
	blank(add(1, 2), "x")
	nothing()
	println(own.Give(own.Take(3)), (&own.T{}).Get())
}
`,
  "own/own.go": `package own

type T struct{ n int }

//go:noinline
func (t *T) Get() int { return t.n }

//go:noinline
func Take(a int) string { println(a); return "x" }

//go:noinline
func Give(s string) float64 { println(s); return 1.5 }
`,
};

before(() => {
  mkdirSync(join(folder, "own"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});

const UNKNOWN = /compiled without (debug information )?\(-dwarf=false\)$/;

/** The last version with the stack ABI, the first with a register ABI, and the newest. */
for (const version of ["1.16.15", "1.17.13", "1.27.4"]) {
  test(`Go ${version}: without DWARF is not without parameters`, async () => {
    const part = await open(version, "-gcflags=example.com/app/own=-dwarf=false");
    for (const name of ["Take", "Give", "(*T).Get"])
      assert.match(await signature(part, `example.com/app/own.${name}`), UNKNOWN, name);
    // The package beside it has its DWARF, in which some functions have nothing to list.
    assert.match(await signature(part, "main.add"), /^a int, b int/);
    for (const name of ["main.unnamed", "main.blank", "main.nothing", "main.main"])
      assert.doesNotMatch(await signature(part, name.replace("unnamed", "(*count).unnamed")), UNKNOWN, name);

    const none = await open(version, "-gcflags=all=-dwarf=false");
    for (const name of ["main.add", "main.blank", "main.(*count).unnamed", "example.com/app/own.Give"])
      assert.match(await signature(none, name), UNKNOWN, name);
  });
}

async function open(version: string, flag: string): Promise<GoBinary> {
  const program = join(folder, `app${version}${flag.length}`);
  const env = { ...process.env, GOTOOLCHAIN: `go${version}`, GOFLAGS: "-mod=mod", CGO_ENABLED: "0" };
  execFileSync("go", ["build", flag, "-o", program, "."], { cwd: folder, env });
  const source = await openLocalSource(program, program);
  after(() => source.close());
  return await openBinary(source);
}

async function signature(binary: GoBinary, name: string): Promise<string> {
  const [fn] = await binary.functionsNamed(name);
  if (fn === undefined) return `no function ${name}`;
  const found = await binary.signature(fn);
  return found.ok ? found.signature.params.map((param) => `${param.name} ${param.type.name}`).join(", ") : found.reason;
}
