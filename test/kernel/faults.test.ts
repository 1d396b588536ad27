/** What goes wrong while tracing: targets, helpers and readers that die, and files that change. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  constants as constantsOfFiles,
  copyFileSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import {
  alive,
  attached,
  Child,
  CLI,
  type CodeView,
  childrenOf,
  codeOf,
  commandLine,
  detached,
  eventsOf,
  holdersOf,
  liveCode,
  probelens,
  probelensIn,
  run,
  startTarget,
} from "./cliProcess.ts";

const path = buildGo("calls");
const directory = mkdtempSync(join(tmpdir(), "probelens-faults-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const code = await codeOf(path, "main.work");

async function tracing(...options: string[]): Promise<{ target: Child; trace: Child }> {
  const target = startTarget(path);
  await target.says("ready");
  const trace = probelens("trace", "main.work", "--pid", String(target.pid), "--format", "jsonl", ...options);
  // The first int3 does not mean that all are placed: what the CLI says does.
  await trace.complains("attached to main.work");
  return { target, trace };
}

/** The target has its own code again and goes on working. */
async function unharmed(target: Child, view: CodeView = code): Promise<void> {
  await detached(target.pid, view);
  await target.command("work 10");
  await target.command("panic 1");
}

function helperOf(trace: Child): number {
  const [helper] = childrenOf(trace.pid, "helper");
  assert.ok(helper !== undefined, "no helper process");
  return helper;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} detaches, prints the totals, and ends with 0`, async () => {
    const { target, trace } = await tracing("--returns");
    await target.command("work 3");
    trace.process.kill(signal);
    assert.equal(await trace.status(), 0);
    const { calls, stats } = eventsOf(trace.stdout);
    assert.equal(calls.length, 3);
    assert.deepEqual(
      stats.map(({ hits, returns }) => [hits, returns]),
      [[3, 3]],
    );
    await unharmed(target);
  });
}

for (const [what, signal] of [
  ["Ctrl-C at a terminal", "SIGINT"],
  ["the end of a terminal", "SIGHUP"],
  ["timeout(1) and the stop of a service", "SIGTERM"],
] as const) {
  test(`${what}, which reaches the helper first, ends with the totals and 0`, async () => {
    const { target, trace } = await tracing();
    await target.command("work 3");
    const helper = helperOf(trace);
    process.kill(helper, signal);
    await until(`the helper has taken ${signal}`, () => !isPending(helper, signal));
    trace.process.kill(signal);
    assert.equal(await trace.status(), 0, trace.stderr);
    assert.equal(eventsOf(trace.stdout).stats[0]?.hits, 3);
    await unharmed(target);
  });
}

/** Field ShdPnd of /proc/PID/status (proc(5)): a signal that no thread has taken yet. */
function isPending(pid: number, signal: NodeJS.Signals): boolean {
  const pending = /^ShdPnd:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "0";
  return ((BigInt(`0x${pending}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

test("signals that come twice at once are one: the totals are printed all the same", async () => {
  for (const [first, second] of [
    ["SIGINT", "SIGINT"],
    ["SIGTERM", "SIGHUP"],
  ] as const) {
    const { target, trace } = await tracing();
    await target.command("work 3");
    trace.process.kill(first);
    trace.process.kill(second);
    assert.equal(await trace.status(), 0);
    assert.equal(eventsOf(trace.stdout).stats[0]?.hits, 3);
    await unharmed(target);
  }
});

test("a killed CLI leaves no probe and no helper behind", async () => {
  const { target, trace } = await tracing("--returns");
  const helper = helperOf(trace);
  trace.process.kill("SIGKILL");
  await unharmed(target);
  await until("the helper's end", () => !alive(helper));
});

test("a killed helper ends the trace with status 1 and a message that names it", async () => {
  const { target, trace } = await tracing("--returns");
  await target.command("work 2");
  await until("both calls", () => eventsOf(trace.stdout).calls.length === 2);
  const helper = helperOf(trace);
  process.kill(helper, "SIGKILL");
  assert.equal(await trace.status(), 1);
  assert.match(trace.stderr, new RegExp(`the privileged helper \\(pid ${helper}\\) was killed by SIGKILL`));
  const [stats] = eventsOf(trace.stdout).stats;
  assert.equal(stats?.hits, 2);
  await unharmed(target);
});

test("so does a killed process that holds the probes", async () => {
  const { target, trace } = await tracing();
  const [holder] = await until("the holder", () => {
    const holders = holdersOf(helperOf(trace));
    return holders.length > 0 && holders;
  });
  process.kill(holder ?? 0, "SIGKILL");
  assert.equal(await trace.status(), 1);
  assert.match(trace.stderr, /helper/);
  await unharmed(target);
});

test("a target that exits ends the trace with 0 and a line that says so", async () => {
  const { target, trace } = await tracing();
  await target.command("work 2");
  target.send("exit 3");
  assert.equal(await trace.status(), 0);
  assert.match(trace.stderr, new RegExp(`process ${target.pid} exited`));
  assert.equal(eventsOf(trace.stdout).calls.length, 2);
});

test("a target that crashes or is killed ends it the same way", async () => {
  for (const end of [(target: Child) => target.send("crash"), (target: Child) => target.process.kill("SIGKILL")]) {
    const { target, trace } = await tracing("--returns");
    await target.command("work 2");
    end(target);
    assert.equal(await trace.status(), 0);
    assert.match(trace.stderr, /exited/);
    assert.equal(eventsOf(trace.stdout).returns.length, 2);
  }
});

test("a target that execs another program ends it with 0 and a line that says so", async () => {
  const { target, trace } = await tracing();
  target.send("exec /bin/cat");
  assert.equal(await trace.status(), 0);
  assert.match(trace.stderr, new RegExp(`process ${target.pid} now runs another program`));
});

test("-- CMD that execs the very shell that started it is told as well", async () => {
  const trace = probelens("trace", "main.work", "--format", "jsonl", "--", path, "work 1", "exec /bin/sh");
  assert.equal(await trace.status(), 0);
  assert.match(trace.stderr, /process \d+ now runs another program/);
  assert.equal(eventsOf(trace.stdout).calls.length, 1);
});

test("-- CMD: its output waits for the reader, and the trace does not, also where both go into one pipe", async () => {
  const words = [process.execPath, CLI, "trace", "main.work", "--format", "jsonl", "--", path, "work 1"];
  const shell = new Child("sh", ["-c", '("$@" 2>&1) | cat', "sh", ...words]);
  await shell.says("ready");
  const command = await until("a call", () => /"event":"call".*?"pid":(\d+)/.exec(shell.stdout)?.[1]);
  const [, parent = ""] = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${command}/status`, "latin1")) ?? [];
  const blocks = [`${parent}/fdinfo/1`, `${command}/fdinfo/1`, `${command}/fdinfo/2`].map((file) => {
    const [, flags = ""] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${file}`, "latin1")) ?? [];
    return (Number.parseInt(flags, 8) & constantsOfFiles.O_NONBLOCK) === 0;
  });
  assert.deepEqual(blocks, [false, true, true]);
  shell.send("exit 0");
  assert.equal(await shell.status(), 0);
});

test("so does one that execs its own program again, from whichever thread", async () => {
  const { target, trace } = await tracing();
  target.send(`exec ${path}`);
  assert.equal(await trace.status(), 0);
  assert.match(trace.stderr, new RegExp(`process ${target.pid} now runs .* its own from the start`));
  await unharmed(target);
});

test("a process that goes on without its main thread is not said to have exited", async () => {
  const leaderless = buildGo("leaderless");
  const work = await codeOf(leaderless, "main.work");
  const target = startTarget(leaderless);
  await target.says("ready");
  const trace = probelens("trace", "main.work", "--pid", String(target.pid), "--duration", "2", "--format", "jsonl");
  await attached(trace);
  for (const command of ["work 1", "leave", "work 1"]) await target.command(command);
  assert.equal(await trace.status(), 0, trace.stderr);
  assert.doesNotMatch(trace.stderr, /exited/);
  const { calls } = eventsOf(trace.stdout);
  assert.equal(calls.length, 2);
  // The main thread's memory is nobody's any more.
  assert.equal(liveCode(calls[1]?.tid ?? 0, work), work.original);
  await target.end();
});

test("a process whose file was replaced on disk is traced as it runs", async () => {
  const copy = join(directory, "replaced");
  copyFileSync(path, copy);
  const target = startTarget(copy);
  await target.says("ready");
  copyFileSync(buildGo("euler"), `${copy}.new`);
  renameSync(`${copy}.new`, copy);
  const trace = probelens("trace", "main.work", "--pid", String(target.pid), "--limit", "2", "--format", "jsonl");
  await attached(trace);
  await target.command("work 2");
  assert.equal(await trace.status(), 0, trace.stderr);
  assert.deepEqual(
    eventsOf(trace.stdout).calls.map(({ args }) => args[1]?.text),
    ['"s0"', '"s1"'],
  );
  await unharmed(target);
});

test("a file replaced during `--binary` is told", async () => {
  const copy = join(directory, "binary");
  copyFileSync(path, copy);
  const target = startTarget(copy);
  await target.says("ready");
  const trace = probelens("trace", "main.work", "--binary", copy, "--format", "jsonl");
  await attached(trace);
  copyFileSync(buildGo("euler"), `${copy}.new`);
  renameSync(`${copy}.new`, copy);
  await trace.complains("was replaced");
  // The process that runs the old file is still traced.
  await target.command("work 2");
  await until("both calls", () => eventsOf(trace.stdout).calls.length === 2);
  trace.process.kill("SIGINT");
  assert.equal(await trace.status(), 0);
  await unharmed(target);
});

test("a reader that closes stdout ends it quietly with 0", async () => {
  const { target, trace } = await tracing();
  trace.process.stdout?.destroy();
  target.send("flood 400000");
  assert.equal(await trace.status(), 0);
  assert.doesNotMatch(trace.stderr, /EPIPE|defect|cannot/);
  await unharmed(target);
});

test("a reader that does not read blocks neither the target nor a signal", async () => {
  const { target, trace } = await tracing();
  trace.process.stdout?.pause();
  await target.command("flood 100000");
  trace.process.kill("SIGTERM");
  await detached(target.pid, code);
  trace.process.stdout?.resume();
  assert.equal(await trace.status(), 0);
  const { stats } = eventsOf(trace.stdout);
  for (const { hits, emitted, dropped } of stats) assert.equal(emitted + dropped, hits);
  await unharmed(target);
});

test("--duration ends it with 0 and the totals", async () => {
  const { target, trace } = await tracing("--duration", "0.2");
  assert.equal(await trace.status(), 0);
  assert.equal(eventsOf(trace.stdout).stats.length, 1);
  await unharmed(target);
});

test("--limit with --returns waits for returns, but not for ever", async () => {
  const target = startTarget(path);
  await target.says("ready");
  const trace = probelens(
    "trace",
    "main.held",
    "--pid",
    String(target.pid),
    "--returns",
    "--limit",
    "1",
    "--format",
    "jsonl",
  );
  await attached(trace);
  await target.command("hold");
  const start = performance.now();
  assert.equal(await trace.status(), 0);
  assert.ok(performance.now() - start >= 4000);
  const { calls, returns, stats } = eventsOf(trace.stdout);
  assert.deepEqual([calls.length, returns.length, stats[0]?.openCalls], [1, 0, 1]);
  await target.command("release");
});

test("--output is written with mode 0600 and replaces what was there, links included", async () => {
  const output = join(directory, "out");
  const victim = join(directory, "victim");
  writeFileSync(victim, "precious", { mode: 0o644 });
  symlinkSync(victim, output);
  const umask = process.umask(0o777);
  const started = run("trace", "main.work", "--format", "jsonl", "--output", output, "--", path, "work 2", "exit 0");
  process.umask(umask);
  const { status, stdout, stderr } = await started;
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "");
  assert.equal(statSync(output).mode & 0o777, 0o600);
  assert.equal(eventsOf(readFileSync(output, "utf8")).calls.length, 2);
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("an output that cannot be written is told before anything is attached; an old one survives a refused request", async () => {
  const fifo = join(directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  for (const output of [directory, fifo, join(directory, "no/such/dir"), join(path, "x")]) {
    const { status, stderr } = await run("trace", "main.work", "--output", output, "--", path, "work 2");
    assert.equal(status, 1);
    assert.match(stderr, /cannot write the output file/);
    assert.doesNotMatch(stderr, /done work/);
  }
  const kept = join(directory, "kept");
  writeFileSync(kept, "old");
  assert.equal((await run("trace", "main.nosuch", "--output", kept, "--", path)).status, 1);
  assert.equal(readFileSync(kept, "utf8"), "old");
});

test("the program that is traced is not replaced by the output", async () => {
  const program = join(directory, "traced");
  const other = join(directory, "other-name");
  copyFileSync(path, program);
  linkSync(program, other);
  const target = startTarget(program);
  await target.says("ready");
  for (const of of [
    ["--binary", program],
    ["--pid", String(target.pid)],
    ["--", program, "work 2"],
  ]) {
    for (const output of [program, other]) {
      const { status, stderr } = await run("trace", "main.work", "--duration", "1", "--output", output, ...of);
      assert.deepEqual([status, /it is the program that is to be traced/.test(stderr)], [1, true], stderr);
    }
  }
  assert.deepEqual(readFileSync(program), readFileSync(path));
  await target.end();
});

test("a full disk ends it with 1 and a message", async () => {
  const { target, trace } = await tracing("--output", "/dev/full");
  await target.command("work 2");
  assert.equal(await trace.status(), 1);
  assert.match(trace.stderr, /cannot write to \/dev\/full: no space is left/);
  await unharmed(target);
});

test("a disk that is full only at the last write is told, too", async () => {
  for (const argument of ["work 0", "work 3"]) {
    const { status, stderr } = await run("trace", "main.work", "--output", "/dev/full", "--", path, argument);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /cannot write to \/dev\/full.*no space is left on the device/s);
  }
});

test("-- CMD: its exit status is passed on, its output goes to stderr", async () => {
  for (const [end, status] of [
    ["exit 0", 0],
    ["exit 7", 7],
    ["crash", 2],
  ] as const) {
    const result = await run("trace", "main.work", "--format", "jsonl", "--", path, "work 1", end);
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stderr, /done work/);
    assert.equal(eventsOf(result.stdout).calls.length, 1);
  }
});

test("-- CMD that a signal ends: 128 + N, and the line names the signal", async () => {
  const trace = probelens("trace", "main.work", "--format", "jsonl", "--", path, "work 1");
  const pid = await until("the call", () => eventsOf(trace.stdout).calls[0]?.pid);
  process.kill(pid, "SIGKILL");
  assert.equal(await trace.status(), 137, trace.stderr);
  assert.match(trace.stderr, new RegExp(`process ${pid} was killed by SIGKILL \\(status 137\\)`));
});

test("-- CMD: probes are in place before main.main, and the program may be named by PATH", async () => {
  const result = await run("trace", "main.main", "--format", "jsonl", "--", path, "exit 0");
  assert.equal(eventsOf(result.stdout).calls.length, 1, result.stderr);
  copyFileSync(path, join(directory, "from-path"));
  const named = probelensIn(
    { PATH: `${directory}:${process.env["PATH"]}` },
    "trace",
    "main.main",
    "--",
    "from-path",
    "exit 0",
  );
  assert.equal(await named.status(), 0, named.stderr);
  assert.match(named.stdout, /main\.main\(\)/);
});

test("-- CMD is ended when the trace ends first: SIGTERM, then SIGKILL", async () => {
  const trace = probelens("trace", "main.work", "--limit", "1", "--format", "jsonl", "--", path, "work 1");
  const pid = await until("the call", () => eventsOf(trace.stdout).calls[0]?.pid);
  assert.equal(await trace.status(), 0);
  assert.equal(alive(pid), false);
});

test("-- CMD: Ctrl-C at a terminal, which reaches CMD too, ends with the totals and 0", async () => {
  // Several times: the command's death and the signal race.
  for (let round = 0; round < 5; round += 1) {
    const trace = new Child(process.execPath, [CLI, "trace", "main.work", "--format", "jsonl", "--", path, "work 1"], {
      detached: true,
    });
    await trace.complains("ready");
    process.kill(-trace.pid, "SIGINT");
    assert.equal(await trace.status(), 0, trace.stderr);
    assert.equal(eventsOf(trace.stdout).stats[0]?.hits, 1);
  }
});

test("-- CMD dies with a killed CLI", async () => {
  const trace = probelens("trace", "main.work", "--format", "jsonl", "--", path, "work 1");
  const pid = await until("the call", () => eventsOf(trace.stdout).calls[0]?.pid);
  assert.ok(commandLine(pid).startsWith(path));
  trace.process.kill("SIGKILL");
  await until("the command's end", () => !alive(pid));
});

test("a thread's id means its process", async () => {
  const target = startTarget(path);
  await target.says("ready");
  const thread = readdirSync(`/proc/${target.pid}/task`)
    .map(Number)
    .find((tid) => tid !== target.pid);
  const trace = probelens("trace", "main.work", "--pid", String(thread), "--limit", "1", "--format", "jsonl");
  await attached(trace);
  await target.command("work 1");
  assert.equal(await trace.status(), 0);
  assert.equal(eventsOf(trace.stdout).calls[0]?.pid, target.pid);
});

test("two traces of one function at once see every call each", async () => {
  const { target, trace } = await tracing("--limit", "3");
  const second = probelens(
    "trace",
    "main.work",
    "--pid",
    String(target.pid),
    "--limit",
    "3",
    "--format",
    "jsonl",
    "--output",
    join(directory, "second"),
  );
  await until("the second helper's probe", () =>
    childrenOf(second.pid, "helper").some((helper) => holdersOf(helper).length > 0),
  );
  await until("both to count", () => {
    target.send("work 1");
    return trace.process.exitCode !== null && second.process.exitCode !== null;
  });
  assert.deepEqual([await trace.status(), await second.status()], [0, 0]);
  assert.equal(eventsOf(readFileSync(join(directory, "second"), "utf8")).calls.length, 3);
  await detached(target.pid, code);
});
