/** Tracing as an ordinary user: through sudo, with and without a password, own processes and another user's. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { attached, Child, codeOf, commandLine, detached, eventsOf, startTarget } from "./cliProcess.ts";
import { OrdinaryUser, PASSWORD } from "./ordinaryUser.ts";

const user = await OrdinaryUser.create();
after(() => user.remove());
const program = user.install(buildGo("calls"), "calls");
const code = await codeOf(program, "main.work");

async function ready(target: Child): Promise<Child> {
  await target.says("ready");
  return target;
}
const owners: [name: string, start: () => Promise<Child>][] = [
  ["its own process", () => ready(user.start(program))],
  ["another user's process", () => ready(startTarget(program))],
];

describe("sudo without a password", () => {
  for (const [name, start] of owners) {
    test(`trace, list and inspect of ${name}`, async () => {
      user.sudo("without password");
      const target = await start();
      const pid = String(target.pid);
      const trace = user.probelens(
        "trace",
        "main.work",
        "--pid",
        pid,
        "--returns",
        "--limit",
        "3",
        "--format",
        "jsonl",
      );
      await attached(trace);
      await target.command("work 3");
      assert.equal(await trace.status(), 0, trace.stderr);
      const { calls, returns, stats } = eventsOf(trace.stdout);
      assert.deepEqual(
        calls.map(({ args, caller }) => [args[1]?.text, caller]),
        [0, 1, 2].map((n) => [`"s${n}"`, "main.run"]),
      );
      assert.equal(returns.length, 3);
      assert.equal(stats[0]?.hits, 3);
      await detached(target.pid, code);
      const list = user.probelens("list", "--pid", pid, "main.work", "--json");
      assert.equal(await list.status(), 0, list.stderr);
      assert.equal((JSON.parse(list.stdout) as { func: string }).func, "main.work");
      const inspect = user.probelens("inspect", "main.work", "--pid", pid, "--json");
      assert.equal(await inspect.status(), 0, inspect.stderr);
      assert.equal((JSON.parse(inspect.stdout) as { bytes: string }).bytes, code.original);
      await target.end();
    });
  }

  test("a program file that the user may read", async () => {
    user.sudo("without password");
    const trace = user.probelens("trace", "main.work", "--binary", program, "--limit", "1", "--format", "jsonl");
    await attached(trace);
    const target = await ready(user.start(program));
    await target.command("work 1");
    assert.equal(await trace.status(), 0, trace.stderr);
    assert.equal(eventsOf(trace.stdout).calls[0]?.pid, target.pid);
    await target.end();
  });

  test("processes that the system hides (hidepid): found by the helper", async () => {
    user.sudo("without password");
    const target = await ready(startTarget(program));
    // A /proc of its own for the time of the command, in its own namespace.
    const hidden = (...words: string[]): Child =>
      new Child("unshare", [
        "--mount",
        "sh",
        "-c",
        'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid="$0" --regid="$0" --clear-groups "$@"',
        String(user.uid),
        user.node,
        join(user.directory, "dist/cli.js"),
        ...words,
      ]);
    const targets = hidden("targets", "--json");
    assert.equal(await targets.status(), 0, targets.stderr);
    const found = targets.stdout.split("\n").find((line) => line.includes(`"pid":${target.pid},`));
    assert.match(found ?? targets.stdout, new RegExp(`"uid":0,"user":"root","binary":"${program}"`));
    const trace = hidden("trace", "main.work", "--pid", String(target.pid), "--limit", "1", "--format", "jsonl");
    await attached(trace);
    await target.command("work 1");
    assert.equal(await trace.status(), 0, trace.stderr);
    assert.equal(eventsOf(trace.stdout).calls[0]?.pid, target.pid);
    const list = hidden("list", "--pid", String(target.pid), "main.work", "--json");
    assert.equal(await list.status(), 0, list.stderr);
    const inspect = hidden("inspect", "main.work", "--pid", String(target.pid), "--json");
    assert.equal(await inspect.status(), 0, inspect.stderr);
    assert.equal((JSON.parse(inspect.stdout) as { bytes: string }).bytes, code.original);
    const none = hidden("trace", "main.work", "--pid", "4194303");
    assert.equal(await none.status(), 1);
    assert.match(none.stderr, /does not exist|no process/);
    user.sudo("none");
    const told = hidden("targets");
    assert.equal(await told.status(), 0);
    assert.match(told.stderr, /left out: this system hides them/);
    await target.end();
  });

  test("-- CMD runs as the user, not as root", async () => {
    user.sudo("without password");
    const trace = user.probelens("trace", "main.work", "--format", "jsonl", "--", program, "work 1");
    await trace.says('"event":"call"');
    const [call] = eventsOf(trace.stdout).calls;
    assert.match(
      readFileSync(`/proc/${call?.pid}/status`, "utf8"),
      new RegExp(`^Uid:\\s+${user.uid}\\s+${user.uid}`, "m"),
    );
    trace.process.kill("SIGTERM");
    assert.equal(await trace.status(), 0);
  });

  test("targets shows the processes of everybody", async () => {
    user.sudo("without password");
    const [own, other] = [await ready(user.start(program)), await ready(startTarget(program))];
    const targets = user.probelens("targets", "--json");
    assert.equal(await targets.status(), 0);
    const uids = new Map(
      targets.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { pid: number; uid: number })
        .map(({ pid, uid }) => [pid, uid]),
    );
    assert.equal(uids.get(own.pid), user.uid);
    assert.equal(uids.get(other.pid), process.getuid?.());
  });

  test("a killed CLI leaves no probe behind", async () => {
    user.sudo("without password");
    const target = await ready(startTarget(program));
    const trace = user.probelens("trace", "main.work", "--pid", String(target.pid));
    await attached(trace);
    trace.process.kill("SIGKILL");
    await detached(target.pid, code);
    await target.command("work 1");
  });
});

test("without rights: one message that says what to do, status 1, and the command does not begin", async () => {
  user.sudo("none");
  const other = await ready(startTarget(program));
  for (const target of [
    ["--pid", String(other.pid)],
    ["--", program, "work 1"],
  ]) {
    const trace = user.probelens("trace", "main.work", ...target);
    assert.equal(await trace.status(), 1);
    assert.match(trace.stderr, /^probelens: cannot start the privileged helper .*\n {2}Run it as root/);
    assert.ok(trace.stderr.trimEnd().split("\n").length <= 3, trace.stderr);
    assert.doesNotMatch(trace.stderr, /done work/);
  }
  const targets = user.probelens("targets");
  assert.equal(await targets.status(), 0);
  assert.match(targets.stderr, /left out/);
});

test("sudo that wants a password, without a terminal: told, not waited for", async () => {
  user.sudo("with password");
  const target = await ready(startTarget(program));
  const trace = user.start(
    "setsid",
    "--wait",
    user.node,
    join(user.directory, "dist/cli.js"),
    "trace",
    "main.work",
    "--pid",
    String(target.pid),
  );
  assert.equal(await trace.status(), 1);
  assert.match(trace.stderr, /sudo wants a password, and there is no terminal/);
});

test("a sudo that is not there, or that this user may not run, is no missing file of ours", async () => {
  const target = await ready(startTarget(program));
  const folder = mkdtempSync(join(user.directory, "path-"));
  chmodSync(folder, 0o755);
  const trace = async (): Promise<string> => {
    const words = [user.node, join(user.directory, "dist/cli.js"), "trace", "main.work", "--pid", String(target.pid)];
    const child = user.start("/usr/bin/env", `PATH=${folder}`, ...words);
    assert.equal(await child.status(), 1);
    return child.stderr;
  };
  assert.match(await trace(), /: sudo is not installed\.\n {2}Run it as root, or install sudo\./);
  writeFileSync(join(folder, "sudo"), "", { mode: 0o644 });
  assert.match(await trace(), /: this user may not run what PATH has as sudo\.\n {2}Run it as root/);
});

test("sudo asks on the terminal, and Ctrl-C there ends the trace with its totals", async () => {
  user.sudo("with password");
  const target = await ready(startTarget(program));
  const words = [user.node, join(user.directory, "dist/cli.js"), "trace", "main.work", "--pid", String(target.pid)];
  // script(1) gives it a terminal; what we write is what the user types.
  const terminal = user.start(
    "script",
    "--quiet",
    "--flush",
    "--return",
    "--command",
    `exec ${words.join(" ")}`,
    "/dev/null",
  );
  await terminal.says("password for");
  terminal.send(PASSWORD);
  await terminal.says("attached to main.work");
  assert.doesNotMatch(terminal.stdout, /battery/);
  await target.command("work 2");
  await terminal.says('name="s1"');
  terminal.process.stdin?.write("\x03");
  assert.equal(await terminal.status(), 0, terminal.stdout);
  assert.match(terminal.stdout, /main\.work: 2 hits = 2 emitted/);
  await detached(target.pid, code);
});

describe("a password asked for by the editor", () => {
  const peer = (pid: number, ...answers: string[]): Child =>
    user.start(user.node, join(user.directory, "dist/askpassPeer.js"), String(pid), ...answers);

  test("the right one", async () => {
    user.sudo("with password");
    const target = await ready(startTarget(program));
    const engine = peer(target.pid, PASSWORD);
    assert.equal(await engine.status(), 0, engine.stderr);
    assert.match(engine.stdout, /^asked .*password.*\nattached\ndisposed\n$/);
    await detached(target.pid, code);
  });

  test("a wrong one, then the right one", async () => {
    user.sudo("with password");
    const target = await ready(startTarget(program));
    const engine = peer(target.pid, "wrong", PASSWORD);
    await engine.status();
    assert.match(engine.stdout, /^asked .*\nasked .*\nattached\ndisposed\n$/);
  });

  test("wrong ones only", async () => {
    user.sudo("with password");
    const engine = peer((await ready(startTarget(program))).pid, "a", "b", "c", "d", "e", "f");
    await engine.status();
    assert.match(engine.stdout, /\nno-privileges: sudo did not accept the password\ndisposed\n$/);
  });

  test("a dismissed box", async () => {
    user.sudo("with password");
    const engine = peer((await ready(startTarget(program))).pid, "-");
    await engine.status();
    assert.match(engine.stdout, /^asked .*\nno-privileges: no password was given\ndisposed\n$/);
  });

  test("it is in no argument, environment or file while it is used", async () => {
    user.sudo("with password");
    const target = await ready(startTarget(program));
    const secret = "a secret that nothing may hold";
    const engine = user.start(
      user.node,
      join(user.directory, "dist/askpassPeer.js"),
      String(target.pid),
      secret,
      secret,
      secret,
    );
    const seen: string[] = [];
    while (engine.process.exitCode === null && engine.process.signalCode === null) {
      for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && Number(entry) !== engine.pid)) {
        const environment = ifReadable(() => readFileSync(`/proc/${name}/environ`, "latin1")) ?? "";
        if (commandLine(Number(name)).includes(secret) || environment.includes(secret))
          seen.push(commandLine(Number(name)));
      }
      for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith("probelens-askpass-"))) {
        for (const file of ifReadable(() => readdirSync(join(tmpdir(), name))) ?? []) {
          const path = join(tmpdir(), name, file);
          if (file !== "socket" && ifReadable(() => readFileSync(path, "utf8"))?.includes(secret) === true)
            seen.push(file);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(seen, []);
    assert.deepEqual(
      readdirSync(tmpdir()).filter((entry) => entry.startsWith("probelens-askpass-")),
      [],
    );
  });
});

/** Processes and folders that are looked through may go meanwhile; some machines keep the first process closed, even to root. */
function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EACCES"].includes(code)) return undefined;
    throw error;
  }
}
