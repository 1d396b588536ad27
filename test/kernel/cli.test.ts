/** The command line on real programs: bad input of every kind, and what list, inspect, targets and doctor print. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { attached, Child, CLI, codeOf, probelens, ROOT, run, startTarget } from "./cliProcess.ts";

const path = buildGo("calls");
const directory = mkdtempSync(join(tmpdir(), "probelens-cli-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array, mode = 0o755): string {
  const made = join(directory, name);
  writeFileSync(made, content, { mode });
  return made;
}

const program = readFileSync(path);
const files = {
  text: file("text", "this is no program\n"),
  empty: file("empty", ""),
  magic: file("magic", "\x7fELF"),
  headerOnly: file("header", program.subarray(0, 64)),
  truncated: file("truncated", program.subarray(0, program.length >> 1)),
  script: file("script", "#!/bin/sh\nexit 0\n"),
  zeros: file("zeros", new Uint8Array(100_000)),
  wrongClass: file("class32", Buffer.concat([program.subarray(0, 4), Buffer.from([1]), program.subarray(5, 4096)])),
  notExecutable: file("plain", program, 0o644),
  folder: join(directory, "folder"),
  dangling: join(directory, "dangling"),
  loop: join(directory, "loop"),
  fifo: join(directory, "fifo"),
};
mkdirSync(files.folder);
symlinkSync(join(directory, "nowhere"), files.dangling);
symlinkSync(files.loop, files.loop);
execFileSync("mkfifo", [files.fifo]);

const BAD_FILES: [name: string, file: string, words: RegExp][] = [
  ["a missing file", join(directory, "missing"), /no such file/],
  ["a directory", files.folder, /directory/],
  ["a dangling link", files.dangling, /no such file/],
  ["a link to itself", files.loop, /too many symbolic links/],
  ["a pipe", files.fifo, /not a regular file/],
  ["a device", "/dev/zero", /not a regular file/],
  ["a path through a file", join(path, "x"), /not a directory/],
  ["a text", files.text, /ELF/],
  ["an empty file", files.empty, /ELF file: it is empty/],
  ["four bytes", files.magic, /ELF|bytes/],
  ["zeros", files.zeros, /ELF/],
  ["a header alone", files.headerOnly, /damaged|truncated|cut|end/],
  ["a 32-bit header", files.wrongClass, /32-bit/],
  ["a C program", "/bin/sh", /Go/],
];

describe("bad files", () => {
  for (const [name, bad, words] of BAD_FILES) {
    for (const argv of [
      ["list", "--binary", bad],
      ["inspect", "main.work", "--binary", bad],
      ["trace", "main.work", "--binary", bad, "--duration", "1"],
    ]) {
      test(`${argv[0]} of ${name}`, async () => {
        refused(await run(...argv), 1, words);
      });
    }
  }

  test("a program cut in half gives no wrong answer", async () => {
    const whole = await run("list", "--binary", path, "main.*", "--json");
    const half = await run("list", "--binary", files.truncated, "main.*", "--json");
    if (half.status === 0) {
      assert.notEqual(half.stderr, "");
      for (const line of half.stdout.trim().split("\n")) {
        const { func, entry } = JSON.parse(line) as { func: string; entry: string };
        assert.match(whole.stdout, new RegExp(`"func":"${func.replace(/[.*()]/g, "\\$&")}".*"entry":"${entry}"`));
      }
    } else {
      refused(half, 1, /truncated|damaged|cut|ends/);
    }
  });

  test("a program header that moves the code is refused", async () => {
    const headers = program.readUInt16LE(56);
    const moved = Buffer.from(program);
    for (let at = 64; at < 64 + headers * 56; at += 56) {
      const executable = (moved.readUInt32LE(at + 4) & 1) !== 0 && moved.readUInt32LE(at) === 1;
      if (executable) moved.writeUInt32LE(moved.readUInt32LE(at + 8) + 0x4000, at + 8);
    }
    refused(await run("list", "main.work", "--binary", file("moved", moved), "--json"), 1, /disagree about where/);
  });

  test("debug information that does not unpack is told, whichever command needs it", async () => {
    const damaged = join(directory, "damaged-dwarf");
    const bytes = readFileSync(path);
    const line = execFileSync("readelf", ["-SW", path], { encoding: "utf8" }).match(
      /\.debug_loclists\s+\w+\s+\w+\s+(\w+)/,
    );
    const at = Number.parseInt(line?.[1] ?? "", 16) + 1000;
    bytes.fill(0, at, at + 1000);
    writeFileSync(damaged, bytes);
    for (const argv of [
      ["list", "main.work"],
      ["inspect", "main.work"],
    ]) {
      const { status, stdout, stderr } = await run(...argv, "--binary", damaged, "--json");
      assert.equal(status, 0, stderr);
      assert.equal((JSON.parse(stdout) as { traceable: boolean }).traceable, false);
      assert.match(stderr, /DWARF is damaged/);
    }
  });
});

test("a working directory that is gone stops nobody", () => {
  const script = `cd "$(mktemp -d)" && rmdir "$PWD" && exec "$0" "$1" list "main.go:1000000" --binary "$2"`;
  const { status, stderr } = runShell(script, path);
  assert.equal(status, 1);
  assert.match(stderr, /no function with code that is declared at or above line 1000000/);
});

test("FILE:LINE may be relative to the working directory, and then names one file", async () => {
  const folder = join(ROOT, "test/programs/calls");
  const { line } = JSON.parse((await run("list", "main.work", "--binary", path, "--json")).stdout) as { line: number };
  for (const place of ["main.go", "./main.go", "../calls/main.go", join(folder, "main.go")]) {
    const child = new Child(process.execPath, [CLI, "list", `${place}:${line}`, "--binary", path], { cwd: folder });
    assert.equal(await child.status(), 0, child.stderr);
    assert.match(child.stdout, /^main\.work /);
  }
});

test("a function of another architecture is listed as not traceable, as inspect has it", async () => {
  const other = join(directory, "arm64");
  const env = { ...process.env, GOARCH: "arm64", CGO_ENABLED: "0", GO111MODULE: "off" };
  execFileSync("go", ["build", "-o", other, "test/fuzz/tiny/main.go"], { cwd: ROOT, env });
  for (const command of ["list", "inspect"]) {
    const { stdout } = await run(command, "main.mixed", "--binary", other, "--json");
    assert.match(stdout, /"location":\["R0:8"\].*"traceable":false,"why":"it is arm64 code/);
  }
  const inspected = await run("inspect", "main.mixed", "--binary", other);
  assert.match(inspected.stdout, /not traceable: it is arm64 code/);
  assert.doesNotMatch(inspected.stdout, /disassembly/);
  const traced = await run("trace", "main.mixed", "--binary", other);
  assert.deepEqual([traced.status, /built for amd64 \(GOARCH=amd64\)/.test(traced.stderr)], [1, true], traced.stderr);
});

describe("bad requests", () => {
  const REQUESTS: [argv: string[], status: 1 | 2, words: RegExp][] = [
    [["trace", "main.nosuch", "--binary", path], 1, /cannot find main\.nosuch/],
    [["trace", "main.wrok", "--binary", path], 1, /Did you mean main\.work/],
    [["trace", "main.work", "main.nosuch", "--binary", path], 1, /cannot find main\.nosuch/],
    [["trace", "nosuch.*", "--binary", path], 1, /nosuch/],
    [["trace", "", "--binary", path], 1, /a function without a name/],
    [["trace", "main.go:1", "--binary", path], 1, /line 1/],
    [["trace", "nosuch.go:1", "--binary", path], 1, /nosuch\.go/],
    [["trace", "runtime.memmove", "--binary", path], 1, /cannot trace runtime\.memmove/],
    [["list", "--binary", path, "nosuch*"], 1, /nosuch/],
    [["list", "--binary", path, "--source", "/nonexistent"], 1, /source below \/nonexistent: there is no such file\./],
    [["list", "--pid", "4194304"], 1, /no process or thread/],
    [["inspect", "main.work", "--pid", "4194304"], 1, /no process or thread/],
    [["trace", "main.work", "--pid", "4194304"], 1, /no process or thread/],
    [["trace", "main.work", "--pid", "2"], 1, /kernel thread/],
    [["trace", "main.work", "--", join(directory, "missing")], 1, /cannot start/],
    [["trace", "main.work", "--", "no-such-program-anywhere"], 1, /PATH/],
    [["trace", "main.work", "--", files.notExecutable], 1, /not executable/],
    [["trace", "main.work", "--", files.folder], 1, /directory/],
    [["trace", "main.work", "--", files.script], 1, /ELF/],
    [["trace", "main.work", "--", "/bin/true"], 1, /Go/],
    [["trace", "main.work", "--", ""], 1, /cannot start/],
    [["trace", "main.work", "--binary", path, "--nosuch"], 2, /no such option/],
    [["trace", "main.work", "--binary", path, "--pid", "1"], 2, /--pid and --binary: they exclude/],
  ];
  for (const [argv, status, words] of REQUESTS) {
    test(`probelens ${argv.map((word) => word.replace(directory, "").replace(path, "CALLS")).join(" ")}`, async () => {
      const result = await run(...argv);
      refused(result, status, words);
      assert.doesNotMatch(result.stderr, /ready/);
    });
  }

  test("a process that runs no Go program", async () => {
    const sleep = startTarget("/bin/sleep", "1000");
    for (const command of ["trace", "inspect"])
      refused(await run(command, "main.work", "--pid", String(sleep.pid)), 1, /Go/);
  });

  test("a process that has exited but is still there", async () => {
    // The shell's child is a zombie once the shell has become a program that never waits for it.
    const parent = startTarget("/bin/sh", "-c", "sleep 0.1 & echo $!; exec sleep 1000");
    await parent.says("\n");
    const zombie = Number(parent.stdout);
    let last = await run("trace", "main.work", "--pid", String(zombie));
    for (let round = 0; round < 20 && !/exited/.test(last.stderr); round += 1)
      last = await run("trace", "main.work", "--pid", String(zombie));
    refused(last, 1, /has exited already/);
  });
});

function refused({ status, stdout, stderr }: Awaited<ReturnType<typeof run>>, expected: number, words: RegExp): void {
  assert.equal(status, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, words);
  assert.match(stderr, /^probelens: /);
  // A few lines: what and why, then the remedy; never a stack trace, never "a defect".
  assert.ok(stderr.trimEnd().split("\n").length <= 3, stderr);
  assert.doesNotMatch(stderr, /^ {4}at |a defect of|undefined|\[object|NaN/m);
}

describe("list and inspect", () => {
  test("list names every function that `go tool nm` names in main, with its address", async () => {
    const { stdout, status } = await run("list", "--binary", path, "main.*", "--json");
    assert.equal(status, 0);
    const listed = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { func: string; entry: string; traceable: boolean });
    const witness = execFileSync("go", ["tool", "nm", path], { encoding: "utf8" })
      .split("\n")
      .map((line) => /^\s*([0-9a-f]+) [Tt] (main\..*)$/.exec(line))
      .filter((match) => match !== null)
      .map((match) => [match[2], `0x${match[1]}`]);
    const byName = (a: (string | undefined)[], b: (string | undefined)[]): number =>
      String(a[0]).localeCompare(String(b[0]));
    assert.deepEqual(listed.map(({ func, entry }) => [func, entry]).sort(byName), witness.sort(byName));
  });

  test("list shows the contract's fields", async () => {
    const { stdout } = await run("list", "--binary", path, "main.work", "--json");
    const row = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(Object.keys(row), [
      "func",
      "file",
      "line",
      "entry",
      "offset",
      "size",
      "params",
      "results",
      "inlined",
      "traceable",
    ]);
    assert.deepEqual(row["params"], [
      { name: "n", type: "int", location: ["RAX:8"] },
      { name: "name", type: "string", location: ["RBX:8", "RCX:8"] },
    ]);
    assert.deepEqual(row["results"], [{ name: "~r0", type: "int", location: ["RAX:8"] }]);
  });

  test("list in text: name, place, signature", async () => {
    const { stdout } = await run("list", "--binary", path, "main.work");
    assert.match(stdout, /^main\.work {2}\S+\/calls\/main\.go:\d+ {2}\(n int, name string\) int\n$/);
  });

  test("inspect shows the int3 coming and going", async () => {
    const target = startTarget(path);
    await target.says("ready");
    const inspect = async (): Promise<{ bytes: string; site: { address: string; kind: string }; entry: string }> =>
      JSON.parse((await run("inspect", "main.work", "--pid", String(target.pid), "--json")).stdout);
    const code = await codeOf(path, "main.work");
    const before = await inspect();
    assert.equal(before.bytes, code.original);
    const trace = probelens("trace", "main.work", "--pid", String(target.pid));
    await attached(trace);
    const during = await inspect();
    const at = (Number(before.site.address) - Number(before.entry)) * 2;
    assert.equal(during.bytes.slice(at, at + 2), "cc");
    const { stdout } = await run("inspect", "main.work", "--pid", String(target.pid));
    assert.match(stdout, /> 0x.*now cc.*int3/);
    trace.process.kill("SIGINT");
    assert.equal(await trace.status(), 0);
    assert.equal((await inspect()).bytes, code.original);
  });

  test("a reader that takes one line ends list with 0", async () => {
    const { status, stderr } = runShell(`"$0" "$1" list --binary "$2" | head -1`, path);
    assert.equal(status, 0);
    assert.equal(stderr, "");
  });
});

describe("targets and doctor", () => {
  test("targets lists a running Go process with the contract's fields", async () => {
    const target = startTarget(path);
    await target.says("ready");
    const { stdout, status } = await run("targets", "--json");
    assert.equal(status, 0);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const row = rows.find(({ pid }) => pid === target.pid);
    assert.deepEqual(Object.keys(row ?? {}), [
      "pid",
      "uid",
      "user",
      "binary",
      "goVersion",
      "buildId",
      "module",
      "started",
    ]);
    assert.equal(row?.["binary"], path);
    assert.equal(row?.["module"], "example.com/calls");
    assert.equal(row?.["uid"], process.getuid?.());
    assert.match(String(row?.["goVersion"]), /^go1\.\d+/);
    assert.equal(String(row?.["buildId"]), execFileSync("go", ["tool", "buildid", path], { encoding: "utf8" }).trim());
    assert.ok(Math.abs(Date.parse(String(row?.["started"])) - Date.now()) < 60_000);
    const { stdout: text } = await run("targets");
    assert.match(text, new RegExp(`^${target.pid} +\\S+ +go1.*${path}$`, "m"));
  });

  test("doctor finds nothing missing where these tests run, and says which libbpf it loaded", async () => {
    const { stdout, status } = await run("doctor");
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^ok +libbpf: \d+\.\d+ \(\/.*libbpf.*\)$/m);
    assert.doesNotMatch(stdout, /^missing/m);
  });

  /** What the kernel grants is asked of it: what it does not grant looks as if it were not there. */
  for (const [lacking, words] of [
    ["bpf", /creating the ring buffer: EPERM/],
    ["perfmon", /loading the probe programs: EPERM/],
    ["sys_ptrace", /EPERM|EACCES/],
  ] as const)
    test(`doctor finds that tracing is not possible without CAP_${lacking.toUpperCase()}`, () => {
      const without = [`--bounding-set=-${lacking}`, `--inh-caps=-${lacking}`];
      const args = [...without, process.execPath, join(ROOT, "dist/cli.js"), "doctor"];
      const { status, stdout, stderr } = spawnSync("setpriv", args, { encoding: "utf8" });
      assert.equal(status, 1, stdout + stderr);
      assert.match(stdout, words);
      assert.match(stdout, /^Tracing is not possible here/m);
      assert.doesNotMatch(stdout, /^note/m);
    });

  test("a package of which any part is missing says so", async () => {
    const broken = join(directory, "parts/dist");
    mkdirSync(broken, { recursive: true });
    const dist = join(ROOT, "dist");
    writeFileSync(join(directory, "parts/package.json"), '{"type":"module","version":"0"}');
    const parts = readdirSync(dist).filter((file) => /^part-.*\.js$/.test(file));
    for (const name of [...parts, "cli.js"]) copyFileSync(join(dist, name), join(broken, name));
    let told = 0;
    for (const part of parts) {
      rmSync(join(broken, part));
      const { status, stderr } = runShell(`"$0" "$2" list --binary /nonexistent`, join(broken, "cli.js"));
      assert.equal(status, 1, stderr);
      assert.match(stderr, /^probelens: cannot (start|go on|read)[^\n]*\n {2}[^\n]*\n$/, part);
      if (/part of the package is missing/.test(stderr)) told += 1;
      copyFileSync(join(dist, part), join(broken, part));
    }
    assert.notEqual(told, 0);
  });

  test("a package without its kernel program or libbpf is told", async () => {
    const broken = join(directory, "package/dist");
    mkdirSync(broken, { recursive: true });
    const dist = join(import.meta.dirname, "../../dist");
    for (const name of readdirSync(dist).filter((file) => /\.(js|wasm)$/.test(file)))
      copyFileSync(join(dist, name), join(broken, name));
    writeFileSync(join(directory, "package/package.json"), '{"type":"module","version":"0"}');
    chmodSync(join(broken, "cli.js"), 0o755);
    const { stdout } = runShell('"$0" "$2" doctor', join(broken, "cli.js"));
    assert.match(stdout, /^missing/m);
  });
});

function runShell(script: string, argument: string): { status: number; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    "/bin/sh",
    ["-c", script, process.execPath, join(import.meta.dirname, "../../dist/cli.js"), argument],
    { encoding: "utf8" },
  );
  return { status: status ?? -1, stdout, stderr };
}
