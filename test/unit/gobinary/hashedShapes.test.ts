/** Generic instances of long types, which the compiler names by a hash: no type is shown as 64 hex digits. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openFile } from "./binaryFile.ts";

const folder = mkdtempSync(join(tmpdir(), "probelens-hashed-"));
after(() => rmSync(folder, { recursive: true }));

const FIELDS = Array.from({ length: 40 }, (_, index) => `FieldNumber${index} int64`).join("; ");
const PROGRAM = `package main

type Wide struct{ ${FIELDS} }

type Box[T any] struct{ v T; n int }

//go:noinline
func Show[T any](v T, n int) int { _ = v; return n }

//go:noinline
func (b *Box[T]) Get(p *T, n int) T { return b.v }

func main() {
	b := &Box[Wide]{}
	println(Show(*new(Wide), 3), b.Get(&b.v, 3).FieldNumber3, Show("short", 3))
}
`;

const EXPECTED: readonly (readonly [name: RegExp, signature: string])[] = [
  [/^main\.Show\[go\.shape\.[0-9a-f]{64}\]$/, "v struct {…}, n int -> int"],
  [/^main\.\(\*Box\[.*\]\)\.Get$/, "b *main.Box[go.shape.…], p *go.shape.…, n int -> struct {…}"],
  [/^main\.Show\[go\.shape\.string\]$/, "v string, n int -> int"],
];

test("a long shape is shown by its kind", async () => {
  writeFileSync(join(folder, "go.mod"), "module example.com/wide\n\ngo 1.20\n");
  writeFileSync(join(folder, "main.go"), PROGRAM);
  const program = join(folder, "wide");
  const env = { ...process.env, GOTOOLCHAIN: "go1.27.4", GOFLAGS: "-mod=mod", CGO_ENABLED: "0" };
  execFileSync("go", ["build", "-o", program, "."], { cwd: folder, env });
  const binary = await openFile(program);
  for (const [name, expected] of EXPECTED) {
    const fn = (await binary.functions()).find((candidate) => name.test(candidate.name));
    assert.ok(fn !== undefined, `${name}`);
    const found = await binary.signature(fn);
    assert.ok(found.ok);
    const { params, results } = found.signature;
    const shown = params.filter(({ blank }) => !blank);
    const text = shown.map((param) => `${param.name} ${param.type.name}`).join(", ");
    assert.equal(`${text} -> ${results.map((result) => result.type.name).join(", ")}`, expected);
  }
});
