/**
 * Processes that see other paths and other pids than the tracer does: mount and pid namespaces, chroot, overlayfs,
 * program files that are gone. The mounts live in the targets' own namespaces and end with them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { LIMIT_MS, until } from "../until.ts";
import { Child, CLI, childrenOf, codeOf, type Events, eventsOf, liveCode, probelens, run } from "./cliProcess.ts";

const directory = mkdtempSync(join(tmpdir(), "probelens-ns-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const path = buildGo("calls");
const code = await codeOf(path, "main.work");

/** A folder of its own for each test. */
function folder(name: string): string {
  const made = join(directory, name);
  mkdirSync(made);
  return made;
}

test("mount namespace: the path inside leads to another program outside", async () => {
  const inside = folder("inside");
  const outside = folder("outside");
  copyFileSync(path, join(inside, "server"));
  // What stands at the same path here has the function elsewhere: probes from this file would hit wrong places.
  copyFileSync(buildGo("calls", "go1.15.15"), join(outside, "server"));
  const target = new Child("unshare", [
    "--mount",
    "sh",
    "-ec",
    `mount --bind ${inside} ${outside}; exec ${outside}/server`,
  ]);
  await target.says("ready");
  assert.equal(readlinkSync(`/proc/${target.pid}/exe`), join(outside, "server"));
  await tracesTwoCalls(target, target.pid, ["--pid", String(target.pid)]);
  const row = rows((await run("targets", "--json")).stdout).find(({ pid }) => pid === target.pid);
  assert.equal(row?.["binary"], join(outside, "server"));
  assert.notEqual(row?.["goVersion"], "go1.15.15");
  const { stdout } = await run("inspect", "main.work", "--pid", String(target.pid), "--json");
  assert.equal(rows(stdout)[0]?.["bytes"], code.original);
  await target.end();
});

test("chroot: no path of the program exists outside under its name", async () => {
  const root = folder("root");
  copyFileSync(path, join(root, "server"));
  const target = new Child("chroot", [root, "/server"]);
  await target.says("ready");
  await tracesTwoCalls(target, target.pid, ["--pid", String(target.pid)]);
  await target.end();
});

test("pid namespace: traced from outside by the outer pid, from inside by the inner one", async () => {
  // Through a shell, so that the program is not the namespace's init.
  const target = new Child("unshare", [
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
    "sh",
    "-c",
    `${path}; exit 0`,
  ]);
  await target.says("ready");
  const outer = await until("the program", () => descendant(target.pid, path));
  const [, inner = ""] = /^NSpid:\s+\d+\s+(\d+)$/m.exec(readFileSync(`/proc/${outer}/status`, "utf8")) ?? [];
  assert.notEqual(inner, String(outer));
  await tracesTwoCalls(target, outer, ["--pid", String(outer)]);
  const within = ["nsenter", `--target=${outer}`, "--pid", "--mount"];
  await tracesTwoCalls(target, Number(inner), ["--pid", inner], within, outer);
  await tracesTwoCalls(target, Number(inner), ["--binary", path], within, outer);
  const listed = spawnSync(within[0]!, [...within.slice(1), process.execPath, CLI, "targets", "--json"], {
    encoding: "utf8",
  });
  assert.ok(
    rows(listed.stdout).some(({ pid, binary }) => pid === Number(inner) && binary === path),
    listed.stdout,
  );
  await target.end();
});

test("pid namespaces one in the other: traced from the middle one, by its pid there", async () => {
  const own = ["--pid", "--fork", "--mount-proc", "--kill-child"];
  // The shell stays in the middle.
  const target = new Child("unshare", [...own, "sh", "-c", `unshare ${own.join(" ")} ${path}; exit 0`]);
  await target.says("ready");
  const outer = await until("the program", () => descendant(target.pid, path));
  const [middle = 0] = childrenOf(target.pid, path);
  const status = readFileSync(`/proc/${outer}/status`, "utf8");
  const [, there = "", inner = ""] = /^NSpid:\s+\d+\s+(\d+)\s+(\d+)$/m.exec(status) ?? [];
  assert.deepEqual([there !== inner, inner], [true, "1"], status);
  const within = ["nsenter", `--target=${middle}`, "--pid", "--mount"];
  await tracesTwoCalls(target, Number(there), ["--pid", there], within, outer);
  await tracesTwoCalls(target, Number(there), ["--binary", path], within, outer);
  await target.end();
});

const WITHOUT_TIME = existsSync("/proc/self/timens_offsets") ? false : "this kernel has no time namespaces (5.6)";
test("time namespace: traced from one, calls have the time of the wall clock", { skip: WITHOUT_TIME }, async () => {
  const target = new Child(path, []);
  await target.says("ready");
  const within = ["unshare", "--time", "--fork", "--monotonic", "1000000", "--boottime", "2000000"];
  const from = Date.now();
  const { calls, returns } = await tracesTwoCalls(target, target.pid, ["--pid", String(target.pid)], within);
  for (const { ts } of [...calls, ...returns]) assert.ok(Math.abs(Date.parse(ts) - from) < LIMIT_MS, ts);
  await target.end();
});

test("overlayfs: by pid, and by the path in the upper, merged and lower folder", async () => {
  const top = folder("overlay");
  for (const name of ["lower", "layers", "merged"]) mkdirSync(join(top, name));
  const lower = join(top, "lower/server");
  copyFileSync(path, lower);
  const merged = join(top, "merged/server");
  const layers = join(top, "layers");
  // The layers stand on a file system of their own: an overlay cannot be the upper of another one, which /tmp may be.
  const mounts = [
    `mount -t tmpfs probelens ${layers}`,
    `mkdir ${layers}/upper ${layers}/work`,
    `mount -t overlay -o lowerdir=${top}/lower,upperdir=${layers}/upper,workdir=${layers}/work overlay ${top}/merged`,
  ];
  for (const copiedUp of [false, true]) {
    const script = [...mounts, ...(copiedUp ? [`chmod 700 ${merged}`] : []), `exec ${merged}`].join("; ");
    const target = new Child("unshare", ["--mount", "sh", "-ec", script]);
    await target.says("ready");
    await tracesTwoCalls(target, target.pid, ["--pid", String(target.pid)]);
    const within = ["nsenter", `--target=${target.pid}`, "--mount"];
    await tracesTwoCalls(target, target.pid, ["--pid", String(target.pid)], within);
    await tracesTwoCalls(target, target.pid, ["--binary", merged], within);
    if (copiedUp) await tracesTwoCalls(target, target.pid, ["--binary", join(layers, "upper/server")], within);
    else await tracesTwoCalls(target, target.pid, ["--binary", lower]);
    await target.end();
  }
});

test("a program whose file was deleted", async () => {
  const file = join(folder("deleted"), "server");
  copyFileSync(path, file);
  const target = new Child(file, []);
  await target.says("ready");
  rmSync(file);
  await tracesTwoCalls(target, target.pid, ["--pid", String(target.pid)]);
  const row = rows((await run("targets", "--json")).stdout).find(({ pid }) => pid === target.pid);
  assert.equal(row?.["binary"], file);
  const gone = await run("trace", "main.work", "--binary", file);
  assert.equal(gone.status, 1);
  assert.match(gone.stderr, /no such file|does not exist/i);
  await target.end();
});

test("--binary: processes that start later, in namespaces and through other names of the file", async () => {
  const top = folder("later");
  const file = join(top, "server");
  copyFileSync(path, file);
  const elsewhere = join(top, "elsewhere");
  mkdirSync(elsewhere);
  const trace = probelens("trace", "main.work", "--binary", file, "--format", "jsonl");
  await trace.complains("waiting for one");
  const commands = [
    [file],
    ["unshare", "--mount", "sh", "-ec", `mount --bind ${top} ${elsewhere}; exec ${elsewhere}/server "$0" "$1"`],
    ["unshare", "--pid", "--fork", "--kill-child", file],
    ["chroot", top, "/server"],
  ];
  for (const [index, [command = "", ...args]] of commands.entries()) {
    const target = new Child(command, [...args, "work 1", "exit 0"]);
    assert.equal(await target.status(), 0, target.stderr);
    await until(`call ${index + 1}`, () => eventsOf(trace.stdout).calls.length === index + 1);
    const call = eventsOf(trace.stdout).calls[index]!;
    assert.deepEqual(
      call.args.map(({ text }) => text),
      ["0", '"s0"'],
    );
    if (command !== "unshare" || !args.includes("--pid")) assert.equal(call.pid, target.pid);
  }
  trace.process.kill("SIGINT");
  assert.equal(await trace.status(), 0, trace.stderr);
});

test("without /proc nobody is told that a process does not exist", () => {
  const script = 'umount -l /proc && exec "$0" "$@"';
  for (const words of [["targets"], ["trace", "main.work", "--pid", "1"], ["trace", "main.work", "--", path]]) {
    const args = ["--mount", "sh", "-c", script, process.execPath, CLI, ...words];
    const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
    assert.deepEqual([status, stdout], [1, ""], stderr);
    assert.match(stderr, /: \/proc is missing here.*\n {2}Mount it/);
  }
});

test("no mount of these tests is left here", () => {
  assert.ok(existsSync(directory));
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(directory));
});

/**
 * Traces main.work until two calls came, and compares everything that depends on the process. `outside`: its pid here,
 * where the tracer runs in another pid namespace.
 */
async function tracesTwoCalls(
  target: Child,
  pid: number,
  selection: string[],
  within: readonly string[] = [],
  outside = pid,
): Promise<Events> {
  const [command = "", ...before]: string[] = [...within, process.execPath];
  const options = ["--returns", "--limit", "2", "--format", "jsonl"];
  const trace = new Child(command, [...before, CLI, "trace", "main.work", ...selection, ...options]);
  await until(
    `probes of ${selection.join(" ")} in process ${outside}`,
    // Not the first changed byte: that one stands before the last probe does.
    () => trace.process.exitCode !== null || trace.stderr.includes("attached to"),
  );
  assert.notEqual(liveCode(outside, code), code.original, trace.stderr);
  await target.command("work 2");
  assert.equal(await trace.status(), 0, trace.stderr);
  const events: Events = eventsOf(trace.stdout);
  assert.deepEqual(
    events.calls.map((call) => [call.pid, call.caller, ...call.args.map(({ text }) => text)]),
    [
      [pid, "main.run", "0", '"s0"'],
      [pid, "main.run", "1", '"s1"'],
    ],
    trace.stderr,
  );
  assert.deepEqual(
    events.returns.map(({ results }) => results[0]?.text),
    ["2", "3"],
  );
  assert.equal(liveCode(outside, code), code.original);
  return events;
}

function descendant(pid: number, program: string): number | undefined {
  for (const child of childrenOf(pid, "")) {
    try {
      if (readlinkSync(`/proc/${child}/exe`) === program) return child;
    } catch {
      // Gone.
    }
    const found = descendant(child, program);
    if (found !== undefined) return found;
  }
  return undefined;
}

function rows(stdout: string): Record<string, unknown>[] {
  return stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
