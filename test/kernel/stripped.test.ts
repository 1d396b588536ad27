/**
 * Programs without symbols and without DWARF, given only their source: a server as Debian packages it, and shapes of
 * five Go versions. Every value shown must be the one that was sent or that the program prints.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { CallEvent, ReturnEvent } from "../../src/engine/api.ts";
import { buildShapes, SHAPES } from "../matrix/build.ts";
import { checkValues } from "../matrix/checkValues.ts";
import { modeNamed } from "../matrix/toolchains.ts";
import { until } from "../until.ts";
import { Child, eventsOf, probelens, run } from "./cliProcess.ts";
import { type DebianPackage, debianPackage, OutOfReach, sectionsOf } from "./debianPackage.ts";

const SYMBOLS = /^\.(symtab|z?debug_)/;

describe("webhook from the distribution's archive", () => {
  const HOOK = "github.com/adnanh/webhook/internal/hook";
  const SECRET = "key of the test";
  const folder = mkdtempSync(join(tmpdir(), "probelens-stripped-"));
  const source = join(folder, "source");
  let program: string;
  let unreachable: string | undefined;

  before(async () => {
    let found: DebianPackage;
    try {
      found = await debianPackage("webhook");
    } catch (error) {
      if (!(error instanceof OutOfReach)) throw error;
      unreachable = `no webhook package: ${error.message}`;
      return;
    }
    program = join(found.root, "usr/bin/webhook");
    // The program's own source and nothing else: what it imports, the standard library included, is not there.
    cpSync(found.source, source, { recursive: true });
    rmSync(join(source, "vendor"), { recursive: true, force: true });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("it has neither symbols nor DWARF", (t) => {
    if (unreachable !== undefined) return t.skip(unreachable);
    const sections = sectionsOf(program);
    assert.ok(sections.includes(".text"), sections.join(" "));
    assert.deepEqual(
      sections.filter((name) => SYMBOLS.test(name)),
      [],
    );
  });

  test("arguments and results are those of the requests", async (t) => {
    if (unreachable !== undefined) return t.skip(unreachable);
    const { server, url } = await startWebhook();
    // A name, a glob and a line.
    const wanted = [`${HOOK}.CheckPayloadSignature256`, `${HOOK}.Ex*`, `${HOOK}.MatchRule.Evaluate`, "main.handleHook"];
    const line = `hook/hook.go:${lineOf("internal/hook/hook.go", /^func \(ha \*Argument\) Get\(/)}`;
    const requests = [
      { user: "Ada Lovelace", reference: "ref/1", word: "open sesame" },
      { user: 'Zoë "quoted" \u{1f600}', reference: "r".repeat(40), word: "" },
    ];
    const options = ["--source", source, "--returns", "--duration", "60", "--format", "jsonl"];
    const tracer = probelens("trace", ...wanted, line, "--pid", String(server.pid), ...options);
    await until(
      "the probes, or a refusal",
      () => /attached to/.test(tracer.stderr) || tracer.process.exitCode !== null,
    );
    assert.match(tracer.stderr, /attached to/);
    const sent: Sent[] = [];
    for (const request of requests) sent.push(await post(url, request));
    await until(
      "both hooks' results",
      () => eventsOf(tracer.stdout).returns.filter(({ func }) => func === "main.handleHook").length === 2,
    );
    tracer.process.kill("SIGINT");
    assert.equal(await tracer.status(), 0, tracer.stderr);
    const { calls, returns, stats } = eventsOf(tracer.stdout);
    for (const { func, hits, emitted, dropped } of stats) assert.deepEqual([emitted, dropped], [hits, 0], func);

    const of = (func: string): Called[] => joined(calls, returns, func);
    for (const [index, { reference, user, word }] of requests.entries()) {
      const { body, signature, answer } = sent[index]!;
      assert.equal(answer, `${user} ${reference} fixed\n`);
      const check = of(`${HOOK}.CheckPayloadSignature256`)[index]!;
      // The parameter's name looks secret: a settings matter, but never another text.
      assert.ok([quoted(SECRET), "<redacted>"].includes(check.args["secret"] ?? ""), check.args["secret"]);
      assert.deepEqual([check.args["payload"], check.args["signature"]], [bytes(body), quoted(signature)]);
      assert.deepEqual(check.results, [quoted(signature), "nil"]);
      const { prefix, source: text } = of(`${HOOK}.ExtractSignatures`)[index]!.args;
      assert.deepEqual([text, prefix], [quoted(signature), quoted("sha256=")]);
      assert.deepEqual(of("main.handleHook")[index]!.results, [quoted(answer), "nil"]);
      // Found by the line: what the hook reads of the request, in the order of its description.
      const read = of(`${HOOK}.(*Argument).Get`).slice(index * 5, index * 5 + 5);
      assert.deepEqual(
        read.map(({ results }) => results),
        [word, signature, user, reference, "fixed"].map((v) => [quoted(v), "nil"]),
      );
      const names = of(`${HOOK}.ExtractParameterAsString`).slice(index * 4, index * 4 + 4);
      assert.deepEqual(
        names.map(({ args }) => args["s"]),
        ["word", "X-Sig", "user.name", "X-Ref"].map(quoted),
      );
      const rule = of(`${HOOK}.MatchRule.Evaluate`)[index * 2]!;
      assert.equal(
        rule.args["r"],
        'hook.MatchRule{Type:"regex", Regex:"^(open.*)?$", Secret:<redacted>, Value:"", Parameter:hook.Argument{Source:"url", Name:"word", EnvName:"", Base64Decode:false}, IPRange:""}',
      );
      assert.deepEqual(rule.results, ["true", "nil"]);
    }
    await server.end();
  });

  test("without its source it is refused with what to do", async (t) => {
    if (unreachable !== undefined) return t.skip(unreachable);
    const { status, stderr } = await run("trace", "main.handleHook", "--binary", program);
    assert.equal(status, 1);
    assert.match(stderr, /cannot trace main\.handleHook: the binary has no DWARF/);
    assert.match(stderr, /--source/);
  });

  test("a source with other lines, or of another program, is refused and told", async (t) => {
    if (unreachable !== undefined) return t.skip(unreachable);
    const edited = join(folder, "edited");
    cpSync(source, edited, { recursive: true });
    const path = join(edited, "webhook.go");
    writeFileSync(path, readFileSync(path, "utf8").replace(/^import /m, "\n\n\nimport "));
    const drifted = await run("trace", "main.handleHook", "--binary", program, "--source", edited);
    assert.equal(drifted.status, 1);
    assert.match(drifted.stderr, /main\.handleHook: .*\b3\b/s);
    assert.match(drifted.stderr, /line/);
    const other = await run("trace", "main.handleHook", "--binary", program, "--source", SHAPES);
    assert.equal(other.status, 1);
    assert.match(other.stderr, /main\.handleHook/);
  });

  async function startWebhook(): Promise<{ server: Child; url: string }> {
    const hooks = join(folder, "hooks.json");
    const parameter = (place: string, name: string) => ({ source: place, name });
    const rules = [
      { match: { type: "regex", regex: "^(open.*)?$", parameter: parameter("url", "word") } },
      { match: { type: "payload-hmac-sha256", secret: SECRET, parameter: parameter("header", "X-Sig") } },
    ];
    const hook = {
      id: "greet",
      "execute-command": "/bin/echo",
      "include-command-output-in-response": true,
      "pass-arguments-to-command": [
        parameter("payload", "user.name"),
        parameter("header", "X-Ref"),
        parameter("string", "fixed"),
      ],
      "trigger-rule": { and: rules },
    };
    writeFileSync(hooks, JSON.stringify([hook]));
    const port = await freePort();
    const server = new Child(program, ["-hooks", hooks, "-ip", "127.0.0.1", "-port", String(port), "-verbose"]);
    await until(`webhook's port: ${server.stderr}${server.stdout}`, () =>
      /serving hooks/.test(server.stderr + server.stdout),
    );
    return { server, url: `http://127.0.0.1:${port}/hooks/greet` };
  }

  async function post(url: string, { user, reference, word }: Request): Promise<Sent> {
    const body = JSON.stringify({ user: { name: user }, n: 3 });
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    const headers = { "Content-Type": "application/json", "X-Ref": reference, "X-Sig": signature };
    const response = await fetch(`${url}?word=${encodeURIComponent(word)}`, { method: "POST", headers, body });
    return { body, signature, answer: await response.text() };
  }

  function lineOf(file: string, pattern: RegExp): number {
    return (
      readFileSync(join(source, file), "utf8")
        .split("\n")
        .findIndex((line) => pattern.test(line)) + 1
    );
  }
});

/** Texts that agree: `go1.17` and later keep floats in registers, which this counts as unavailable. */
const LEAST_RIGHT = 190;
for (const [version, mode] of [
  ["1.15.15", "strip"],
  ["1.20.14", "strip"],
  ["1.24.13", "strip"],
  ["1.26.8", "sw"],
  ["1.27.4", "strip"],
] as const) {
  test(`shapes, go${version} ${mode}: signatures from the source, values as the program prints them`, async (t) => {
    const file = await buildShapes(version, modeNamed(mode));
    assert.deepEqual(
      sectionsOf(file).filter((name) => SYMBOLS.test(name)),
      [],
    );
    const findings = await checkValues(file, true);
    t.diagnostic(findings.text(1));
    for (const kind of ["WRONG", "number of calls", "not shown", "no return"]) assert.deepEqual(findings.of(kind), []);
    assert.ok((findings.counts["right"] ?? 0) >= LEAST_RIGHT, `${findings.counts["right"]} right values`);
  });
}

test("shapes, go1.15.15 stripped: the line of a declaration whose code begins below it", async () => {
  const file = await buildShapes("1.15.15", modeNamed("strip"));
  const text = readFileSync(join(SHAPES, "params.go"), "utf8").split("\n");
  const line = text.findIndex((candidate) => candidate.startsWith("func ints(")) + 1;
  const options = ["--format", "jsonl", "--", file];
  const { status, stdout, stderr } = await run("trace", `params.go:${line}`, "--source", SHAPES, ...options);
  assert.equal(status, 0, stderr);
  const { calls, stats } = eventsOf(stdout);
  assert.deepEqual(
    stats.map(({ func }) => func),
    ["main.ints"],
  );
  assert.ok(calls.length > 0);
  // Without the source nothing says whose line it is.
  const blind = await run("trace", `params.go:${line}`, "--binary", file);
  assert.equal(blind.status, 1);
  assert.match(blind.stderr, /main\.ints/);
});

for (const version of ["1.15.15", "1.27.4"]) {
  test(`shapes, go${version} stripped: function literals by their lines`, async () => {
    const text = readFileSync(join(SHAPES, "closures.go"), "utf8").split("\n");
    const literals: [source: string, func: string, calls: Record<string, string>[]][] = [
      ["return func(b int) ", "main.threeDeep.func1", [{ b: "2" }]],
      ["return func(c int) ", "main.threeDeep.func1.1", [{ c: "3" }]],
      ["return func(d int) ", "main.threeDeep.func1.1.1", [{ d: "4" }]],
    ];
    // Up to Go 1.16 the compiler passes what such a literal captures as parameters that stand in no source.
    if (version !== "1.15.15") {
      literals.push(["defer func(k int) ", "main.deferInLoop.func1", [{ k: "2" }, { k: "1" }, { k: "0" }]]);
    }
    const lines = literals.map(
      ([start]) => `closures.go:${text.findIndex((line) => line.trim().startsWith(start)) + 1}`,
    );
    const file = await buildShapes(version, modeNamed("strip"));
    const { status, stdout, stderr } = await run(
      "trace",
      ...lines,
      "--source",
      SHAPES,
      "--format",
      "jsonl",
      "--",
      file,
    );
    assert.equal(status, 0, stderr);
    const { calls } = eventsOf(stdout);
    for (const [, func, expected] of literals) {
      const known = joined(calls, [], func).map(({ args }) => args);
      assert.deepEqual(known, expected, func);
    }
  });
}

for (const version of ["1.15.15", "1.20.14", "1.27.4"]) {
  test(`shapes, go${version} stripped: wrappers, method values and generic instances`, async () => {
    const file = await buildShapes(version, modeNamed("strip"));
    // What useAdder and useMethodValue pass on; a receiver that is a pointer is followed.
    const expected: [func: string, args: Record<string, RegExp>][] = [
      ["main.(*outer).Add", { c: /^&main\.outer\{counter:main\.counter\{n:\d, name:"x"\}, tag:"t"\}$/, delta: /^2$/ }],
      ["main.(*outer).Value", { c: /^&main\.outer\{/, scale: /^2$/ }],
      ["main.pointerOuter.Add", { c: /^main\.pointerOuter\{counter:&main\.counter\{n:/, delta: /^2$/ }],
      ["main.(*deepOuter).Value", { c: /^&main\.deepOuter\{/, scale: /^2$/ }],
      ["main.counter.Value-fm", { scale: /^2$/ }],
      ["main.counter.NoName-fm", { a: /^2$/ }],
    ];
    if (version === "1.20.14") expected.push(["main.noDictUse[...]", { a: /^1$/, s: /^"n"$/ }]);
    const names = expected.map(([func]) => func);
    const options = ["--source", SHAPES, "--returns", "--format", "jsonl", "--", file];
    const { status, stdout, stderr } = await run("trace", ...names, ...options);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /source of main\.\(\*outer\)\.Add, .*: unknown: name, file and line agree/);
    const { calls, returns } = eventsOf(stdout);
    for (const [func, args] of expected) {
      const [call, second] = joined(calls, returns, func);
      assert.ok(call !== undefined && second === undefined, func);
      assert.deepEqual(Object.keys(call.args), Object.keys(args), func);
      for (const [name, text] of Object.entries(args)) assert.match(call.args[name]!, text, `${func} ${name}`);
    }
    assert.deepEqual(joined(calls, returns, "main.counter.Value-fm")[0]?.results, ["4"]);
    assert.deepEqual(joined(calls, returns, "main.(*deepOuter).Value")[0]?.results, ["6"]);
  });
}

interface Request {
  readonly user: string;
  readonly reference: string;
  readonly word: string;
}

interface Sent {
  readonly body: string;
  readonly signature: string;
  readonly answer: string;
}

interface Called {
  readonly args: Readonly<Record<string, string>>;
  readonly results: readonly string[] | undefined;
}

/** The function's calls in the order they began. */
function joined(calls: readonly CallEvent[], returns: readonly ReturnEvent[], func: string): Called[] {
  return calls
    .filter((call) => call.func === func)
    .map(({ id, args }) => ({
      args: Object.fromEntries(args.map(({ name, text }) => [name, text])),
      results: returns.find((end) => end.id === id)?.results.map(({ text }) => text),
    }));
}

/** strconv.Quote of the test's texts. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function bytes(text: string): string {
  return `[]byte(${quoted(text)})`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
