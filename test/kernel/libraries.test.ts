/** Go code that is not in a process's own program: a library of a C program, and a plugin of a Go program. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child, eventsOf, probelens, run } from "./cliProcess.ts";

const SOURCE = fileURLToPath(new URL("../programs/libraries", import.meta.url));
const folder = realpathSync(mkdtempSync(join(tmpdir(), "probelens-libraries-")));
const library = join(folder, "libshared.so");
const plugin = join(folder, "plug.so");
after(() => rmSync(folder, { recursive: true }));

let cHost: Child;
let goHost: Child;
before(async () => {
  const env = { ...process.env, GOFLAGS: "-mod=mod", CGO_ENABLED: "1" };
  const build = (...words: string[]): void => void execFileSync("go", ["build", ...words], { cwd: SOURCE, env });
  build("-buildmode=c-shared", "-o", library, "./shared");
  build("-buildmode=plugin", "-o", plugin, "./plug");
  build("-o", join(folder, "host"), "./host");
  execFileSync("cc", ["-o", join(folder, "chost"), join(SOURCE, "chost/host.c"), library]);
  cHost = new Child(join(folder, "chost"), []);
  goHost = new Child(join(folder, "host"), [plugin]);
  await cHost.says("ready");
  await goHost.says("ready");
});

test("targets lists the C program with its library", async () => {
  const { stdout } = await run("targets", "--json");
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { pid: number; binary: string });
  const binaries = [cHost, goHost].map(({ pid }) => rows.find((row) => row.pid === pid)?.binary);
  assert.deepEqual(binaries, [library, join(folder, "host")]);
});

const CASES: readonly (readonly [what: string, words: () => string[], host: () => Child, call: string])[] = [
  [
    "a library's function by --pid",
    () => ["main.work", "--pid", `${cHost.pid}`],
    () => cHost,
    'main.work n=1 s="shared"',
  ],
  [
    "a plugin's function by --pid",
    () => ["*/plug.Double", "--pid", `${goHost.pid}`],
    () => goHost,
    'example.com/libraries/plug.Double n=1 s="plugin"',
  ],
  ["the program's own beside it", () => ["main.own", "--pid", `${goHost.pid}`], () => goHost, "main.own n=2"],
  [
    "what a plugin's file describes, and what it does not",
    () => ["*/plug.Show", "--pid", `${goHost.pid}`],
    () => goHost,
    `example.com/libraries/plug.Show own=main.Mark{Name:"a", Raw:main.Raw("b"), M:map[string]int{"c":1}} raw=main.Raw("") hosts=<unavailable: the file does not describe its type, which was made at run time or is of another file of the process> f=<unavailable: in FP register, and signals go to the runtime of the plugin's host>`,
  ],
  [
    "a library's function by --binary",
    () => ["main.work", "--binary", library],
    () => cHost,
    'main.work n=2 s="shared"',
  ],
];

for (const [what, words, host, call] of CASES) {
  test(what, async () => {
    const tracer = probelens("trace", ...words(), "--limit", "1", "--format", "jsonl");
    await tracer.complains("attached to");
    host().send("call");
    assert.equal(await tracer.status(), 0, tracer.stderr);
    const [event] = eventsOf(tracer.stdout).calls;
    assert.equal(`${event?.func} ${event?.args.map(({ name, text }) => `${name}=${text}`).join(" ")}`, call);
    assert.doesNotMatch(tracer.stderr, /no process/);
  });
}

test("a library's calls are traced until the end", async () => {
  const tracer = probelens("trace", "main.work", "--pid", `${cHost.pid}`, "--duration", "1", "--format", "jsonl");
  await tracer.complains("attached to");
  // From the first hit on a process could be taken for one that has become another program.
  cHost.send("call");
  assert.equal(await tracer.status(), 0, tracer.stderr);
  assert.equal(eventsOf(tracer.stdout).stats[0]?.hits, 1);
  assert.doesNotMatch(tracer.stderr, /exec/);
});

test("inspect shows a library's live bytes, which are the file's again", async () => {
  const { stdout } = await run("inspect", "main.work", "--pid", `${cHost.pid}`, "--json");
  const { bytes } = JSON.parse(stdout) as { bytes: string };
  const { stdout: dry } = await run("inspect", "main.work", "--binary", library, "--json");
  const { offset, size } = JSON.parse(dry) as { offset: string; size: number };
  const file = execFileSync("od", ["-An", "-v", "-tx1", "-j", offset, "-N", `${size}`, library], { encoding: "utf8" });
  assert.equal(bytes.replaceAll(" ", ""), file.replace(/\s/g, ""));
});

test("of two libraries with the same function one is traced, and the other is named", async () => {
  const other = join(folder, "libother.so");
  copyFileSync(library, other);
  const host = new Child(join(folder, "chost"), [], { env: { ...process.env, LD_PRELOAD: other } });
  await host.says("ready");
  const { stderr } = await run("trace", "main.work", "--pid", `${host.pid}`, "--duration", "0.1");
  const [traced, named] = stderr.includes(`those of ${library},`) ? [library, other] : [other, library];
  assert.ok(stderr.includes(`the functions are those of ${traced}, which`), stderr);
  assert.ok(stderr.includes(`--binary traces those of ${named} beside it`), stderr);
});

test("a library whose goroutines are in thread-local storage is refused, with why", async () => {
  const old = join(folder, "libold.so");
  const env = { ...process.env, GOFLAGS: "-mod=mod", CGO_ENABLED: "1", GOTOOLCHAIN: "go1.16.15" };
  execFileSync("go", ["build", "-buildmode=c-shared", "-o", old, "./shared"], { cwd: SOURCE, env });
  const { status, stderr } = await run("trace", "main.work", "--binary", old, "--duration", "0.1");
  assert.equal(status, 1);
  assert.match(stderr, /cannot trace main\.work: the goroutine is in thread-local storage, which a library has/);
  const { stdout } = await run("list", "main.work", "--binary", library, "--json");
  assert.equal((JSON.parse(stdout) as { traceable: boolean }).traceable, true);
});

test("a C program that has loaded no library of Go's, so far", async () => {
  const { status, stderr } = await run("trace", "main.work", "--pid", `${process.pid}`);
  assert.equal(status, 1);
  assert.match(stderr, /not a Go binary: .*; nor has the process loaded a library that is, so far/);
});

test("a function that neither has is not found in the program", async () => {
  const { status, stderr } = await run("trace", "main.nowhere", "--pid", `${goHost.pid}`);
  assert.equal(status, 1);
  assert.match(stderr, /host has no function of this name/);
});
