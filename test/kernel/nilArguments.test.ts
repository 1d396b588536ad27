/**
 * The call that crashes is the one that people look for: random functions, called with nil arguments now and then, are
 * hit as often as the program itself counts that it called them.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Random } from "../fuzz/random.ts";
import { buildGoIn } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";

const FUNCTIONS = 120;
/** Of each function; every fourth has a nil argument. */
const CALLS = 100;
const VERSIONS = ["go1.15.15", "go1.20.14", "go1.26.8", "go1.27.4"];

const folder = mkdtempSync(join(tmpdir(), "probelens-nil-"));
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [seed, version] of VERSIONS.entries()) {
  test(`hits equal calls with nil arguments, ${version}`, async (t) => {
    writeFileSync(join(folder, "go.mod"), "module nilarguments\n\ngo 1.15\n");
    writeFileSync(join(folder, "main.go"), programText(new Random(seed + 1)));
    const program = buildGoIn(folder, version);
    const { status, stdout, stderr } = await run("trace", "main.f*", "--format", "jsonl", "--", program);
    assert.equal(status, 0, stderr);
    const called = new Map(Array.from(stderr.matchAll(/^(main\.f\d+) (\d+) (\d+)$/gm), ([, f, n]) => [f, Number(n)]));
    const recovered = Array.from(stderr.matchAll(/^main\.f\d+ \d+ (\d+)$/gm), ([, n]) => Number(n));
    assert.equal(called.size, FUNCTIONS, stderr);
    const hits = new Map(eventsOf(stdout).stats.map(({ func, hits }) => [func, hits]));
    assert.deepEqual(hits, called);
    const faulting = recovered.filter((count) => count > 0).length;
    assert.ok(faulting > FUNCTIONS / 3, `only ${faulting} functions met a nil pointer`);
    t.diagnostic(`${FUNCTIONS} functions, ${faulting} of them met a nil pointer`);
  });
}

/** Leaf functions: what the compiler puts before the first jump is a load through an argument in many of them. */
function programText(random: Random): string {
  const bodies = Array.from({ length: FUNCTIONS }, (_, index) => {
    const statements = Array.from({ length: 1 + random.below(3) }, () => statement(random)).join("\n\t");
    return `//go:noinline\nfunc f${index}(p, q *node, x int) int {\n\t${statements}\n\treturn ${expression(random, 2)}\n}`;
  });
  const calls = bodies.map((_, index) => `\tcall("main.f${index}", f${index})`).join("\n");
  return `package main

import "os"
import "strconv"

type node struct {
	a, b int
	next *node
	list []int
}

var sink int

${bodies.join("\n\n")}

func once(f func(p, q *node, x int) int, p, q *node, x int) (failed bool) {
	defer func() { failed = recover() != nil }()
	sink += f(p, q, x)
	return
}

func call(name string, f func(p, q *node, x int) int) {
	inner := &node{1, 2, nil, []int{7, 8}}
	n := &node{3, 4, inner, []int{5, 6}}
	failed := 0
	for i := 0; i < ${CALLS}; i++ {
		p, q := n, n
		if i%8 == 3 {
			p = nil
		} else if i%8 == 5 {
			q = nil
		}
		if once(f, p, q, i) {
			failed++
		}
	}
	os.Stdout.WriteString(name + " ${CALLS} " + strconv.Itoa(failed) + "\\n")
}

func main() {
${calls}
}
`;
}

function statement(random: Random): string {
  const kind = random.below(3);
  if (kind === 0) return `if ${expression(random, 1)} > ${random.below(10)} { return ${expression(random, 1)} }`;
  if (kind === 1) return `x += ${expression(random, 1)}`;
  return `for i := 0; i < ${expression(random, 0)}&3; i++ { x += i * ${expression(random, 0)} }`;
}

function expression(random: Random, depth: number): string {
  if (depth > 0 && random.once(2))
    return `(${expression(random, depth - 1)} ${random.pick(["+", "-", "*", "&", "|"])} ${expression(random, depth - 1)})`;
  return random.pick(["p.a", "q.a", "p.b", "q.next.a", "p.next.b", "p.list[0]", "len(q.list)", "x", "3"]);
}
