/** The helper as other users, without privileges, without its own libbpf; and targets of other users. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { UserError } from "../../src/protocol/errors.ts";
import { connectHelper, type HelperClient } from "../../src/protocol/helperClient.ts";
import { until } from "../until.ts";
import { Child, CLI, holdersOf } from "./cliProcess.ts";
import { type RunningHelper, startHelper } from "./helperProcess.ts";
import { attachAdd, buildHits, ENTRY, endTargets, HitsProcess, type HitsProgram, processTarget } from "./hits.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const NOBODY = 65534;

let program: HitsProgram;
before(() => {
  program = buildHits();
});
after(endTargets);

it("traces a process of another user and hands out its program file", async () => {
  const target = HitsProcess.adopt(
    spawn(program.path, [], { uid: NOBODY, gid: NOBODY, stdio: ["pipe", "pipe", "inherit"] }),
  );
  await target.expect(/^ready/);
  const helper = await startHelper();
  try {
    const { exe, startTime } = await helper.client.describeProcess({ pid: target.pid });
    assert.equal(exe, program.path);
    const head = await helper.client.readFile({ pid: target.pid, startTime, offset: 0, length: 4 });
    assert.equal(Buffer.from(head.base64, "base64").toString("latin1"), "\x7fELF");
    await helper.client.attach(attachAdd(program, processTarget(target.pid)));
    await target.call(7);
    const { counters } = await helper.client.detach({ session: 1 });
    assert.deepEqual(
      counters.map(({ probe, hits }) => [probe, hits]),
      [[ENTRY, 7]],
    );
  } finally {
    await helper.stop();
  }
});

describe("for a peer who is not root, opens only", () => {
  let helper: RunningHelper;
  /** Processes of that user that have a file open: the program, or what only root may read. */
  const holders: ChildProcess[] = [];
  const open = async (file: string, ids: { uid: number; gid: number }, flags = "r"): Promise<string> => {
    const descriptor = openSync(file, flags);
    const holder = spawn("sleep", ["600"], { ...ids, stdio: ["ignore", "ignore", "ignore", descriptor] });
    holders.push(holder);
    await once(holder, "spawn");
    closeSync(descriptor);
    // Until its exec, it is this process still.
    await until("it runs", () => readlinkSync(`/proc/${holder.pid}/exe`).endsWith("sleep"));
    return `/proc/${holder.pid}/fd/3`;
  };
  const peer = { uid: NOBODY, gid: NOBODY };
  const attach = (file: string): Promise<unknown> => helper.client.attach(attachAdd(program, { kind: "file", file }));
  before(async () => {
    helper = await startHelper(undefined, { ...process.env, SUDO_UID: String(NOBODY) });
  });
  after(async () => {
    for (const holder of holders) holder.kill();
    await helper.stop();
  });

  it("a file that it has opened", async () => {
    await attach(await open(program.path, peer));
    const target = await HitsProcess.start(program);
    await target.call(7);
    assert.equal((await helper.client.detach({ session: 1 })).counters[0]?.hits, 7);
    await target.end();
  });

  const refused: readonly (readonly [string, () => Promise<string> | string, string])[] = [
    ["no path", () => program.path, "not-allowed"],
    ["no path of a file that does not exist", () => "/root/nonexistent", "not-allowed"],
    ["no file that root has open", () => open(program.path, { uid: 0, gid: 0 }), "not-allowed"],
    [
      "no descriptor that is not open",
      async () => (await open(program.path, peer)).replace("fd/3", "fd/99"),
      "not-allowed",
    ],
    ["no device", () => open("/dev/null", peer), "not-a-file"],
    ["no process that is gone", () => "/proc/4194303/fd/3", "not-allowed"],
  ];
  for (const [name, file, code] of refused)
    it(name, async () => {
      await fails(attach(await file()), code);
    });
});

/** How the log's folder is: its file cannot be opened, or opened and not written to. */
const UNWRITABLE = {
  "is read-only": "mount -t tmpfs -o ro none /var/log",
  "is full": "mount -t tmpfs -o size=4k none /var/log && head -c 4096 /dev/zero >/var/log/other",
};
for (const [how, mounting] of Object.entries(UNWRITABLE))
  it(`says so where the audit log's folder ${how}, and traces`, async () => {
    const words = ["--mount", "sh", "-c", `${mounting} && exec "$@"`, ""];
    const target = await HitsProcess.start(program);
    const trace = ["trace", "main.add", "--pid", String(target.pid), "--limit", "1"];
    const child = new Child("unshare", [...words, process.execPath, CLI, ...trace]);
    await child.complains("attached to");
    await target.call(1);
    assert.equal(await child.status(), 0);
    const told = child.stderr.match(/^probelens: the audit log \/var\/log\/probelens.log cannot be written: /gm);
    assert.equal(told?.length, 1, child.stderr);
    await target.end();
  });

it("has in no thread more rights than it needs, and neither has what holds the probes", async () => {
  const target = await HitsProcess.start(program);
  const helper = await startHelper();
  await helper.client.attach(attachAdd(program, processTarget(target.pid)));
  const { link } = await helper.client.initialize();
  // capabilities(7): DAC_READ_SEARCH, SYS_PTRACE, PERFMON and BPF; SYS_ADMIN where there are perf events only.
  const kept = (1n << 2n) | (1n << 19n) | (1n << 38n) | (1n << 39n) | (link === "perf_event" ? 1n << 21n : 0n);
  const helperPid = helper.child.pid ?? 0;
  const threads = threadRights(helperPid);
  assert.ok(threads.length > 4, "V8's and libuv's threads are there");
  for (const rights of threads) assert.deepEqual(rights, { CapPrm: kept, CapEff: kept, CapBnd: kept, NoNewPrivs: 1n });
  const [holder] = holdersOf(helperPid);
  assert.deepEqual(threadRights(holder ?? 0), [{ CapPrm: 0n, CapEff: 0n, CapBnd: kept, NoNewPrivs: 1n }]);
  await helper.stop();
});

it("opens no inspector, whatever signal or variable asks for it", async () => {
  const helper = await startHelper(undefined, { ...process.env, NODE_OPTIONS: "--inspect=127.0.0.1:0" });
  const pid = helper.child.pid ?? 0;
  assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, "latin1"), /NODE_OPTIONS/);
  assert.deepEqual(listening(pid), []);
  process.kill(pid, "SIGUSR1");
  // Delivered before the answer: it has read its input since.
  await helper.client.describeProcess({ pid: process.pid });
  await until("the signal's delivery", () =>
    /^SigPnd:\s*0+\nShdPnd:\s*0+$/m.test(readFileSync(`/proc/${pid}/status`, "latin1")),
  );
  await helper.client.describeProcess({ pid: process.pid });
  assert.deepEqual(listening(pid), []);
  assert.equal(helper.stderr(), "");
  await helper.stop();
});

/** Inodes of TCP sockets that a process listens at (proc(5), /proc/net/tcp: state 0A). */
function listening(pid: number): string[] {
  const inodes = ["tcp", "tcp6"].flatMap((kind) =>
    readFileSync(`/proc/${pid}/net/${kind}`, "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === "0A")
      .map((fields) => fields[9] ?? ""),
  );
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined; // Closed meanwhile.
      }
    }),
  );
  return inodes.filter((inode) => own.has(inode));
}

/** Of each thread of a process: proc(5), /proc/PID/status. */
function threadRights(pid: number): Record<string, bigint>[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    const field = (name: string): bigint => BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)`, "m").exec(status)?.[1]}`);
    const names = ["CapPrm", "CapEff", "CapBnd", "NoNewPrivs"];
    return Object.fromEntries(names.map((name) => [name, field(name)]));
  });
}

it("the terminal front end traces from a package that was unpacked without the permission to execute", async () => {
  const directory = mkdtempSync(join(tmpdir(), "probelens-package-"));
  try {
    cpSync(DIST, join(directory, "dist"), { recursive: true });
    writeFileSync(join(directory, "package.json"), '{"type":"module","version":"0.0.0"}');
    for (const name of ["holder", "launcher"]) chmodSync(join(directory, `dist/native/probelens-${name}`), 0o644);
    const target = await HitsProcess.start(program);
    const words = ["trace", "main.add", "--pid", String(target.pid), "--limit", "1"];
    const trace = new Child(process.execPath, [join(directory, "dist/cli.js"), ...words]);
    await trace.complains("attached to");
    await target.call(1);
    assert.equal(await trace.status(), 0, trace.stderr);
    await target.end();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe("says what is missing", () => {
  it("without privileges", async () => {
    const { client, end } = connect(join(DIST, "helper.js"), NOBODY);
    await fails(client.initialize(), "no-privileges");
    await fails(client.attach(attachAdd(program, { kind: "file", file: program.path })), "no-privileges");
    await fails(client.describeProcess({ pid: 1 }), "no-privileges");
    await end();
  });

  it("before it was initialized", async () => {
    const { client, end } = connect(join(DIST, "helper.js"));
    await fails(client.describeProcess({ pid: 1 }), "invalid-request");
    await end();
  });

  for (const [what, files] of [
    ["its BPF object", ["helper.js", "native/probelens-holder"]],
    ["the program that holds the probes", ["helper.js", "probelens.bpf.o"]],
  ] as const)
    it(`without ${what}`, async () => {
      await withPackage(files, async (helper) => {
        const { client, end } = connect(helper);
        await fails(client.initialize(), "incomplete-package");
        await end();
      });
    });
});

it("traces from a package that was unpacked without the permission to execute", async () => {
  await withPackage(["helper.js", "probelens.bpf.o", "native"], async (helper) => {
    chmodSync(join(dirname(helper), "native/probelens-holder"), 0o644);
    const { client, end } = connect(helper);
    await client.initialize();
    const target = await HitsProcess.start(program);
    await client.attach(attachAdd(program, processTarget(target.pid)));
    await target.call(7);
    const { counters } = await client.detach({ session: 1 });
    await end();
    assert.deepEqual(
      counters.map(({ hits }) => hits),
      [7],
    );
  });
});

it("takes the system's libbpf where the package's own is missing, and says so", async (t) => {
  if (!existsSync("/usr/lib/x86_64-linux-gnu/libbpf.so.1")) return t.skip("no system libbpf");
  await withPackage(["helper.js", "probelens.bpf.o", "native/probelens-holder"], async (helper) => {
    const { client, end } = connect(helper);
    assert.equal((await client.initialize()).libbpf.path, "libbpf.so.1");
    const target = await HitsProcess.start(program);
    await client.attach(attachAdd(program, processTarget(target.pid)));
    await target.call(7);
    const { counters } = await client.detach({ session: 1 });
    assert.deepEqual(
      counters.map(({ hits }) => hits),
      [7],
    );
    await end();
  });
});

function connect(helper: string, uid?: number): { client: HelperClient; end: () => Promise<void> } {
  const child = spawn(process.execPath, [helper], {
    stdio: ["pipe", "pipe", "ignore"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const exited = once(child, "exit");
  const client = connectHelper(child.stdout, child.stdin, {
    onRecords: () => {},
    onTargetEnded: () => {},
    onClose: () => {},
  });
  const end = async (): Promise<void> => {
    client.dispose();
    await exited;
  };
  return { client, end };
}

async function fails(request: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(request, (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** A copy of the package's dist/ with these files only, and koffi's native part. */
async function withPackage(files: readonly string[], use: (helper: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "probelens-package-"));
  try {
    for (const file of files) cpSync(join(DIST, file), join(directory, file), { recursive: true });
    for (const part of ["linux_x64", "musl_x64"])
      if (existsSync(join(DIST, part))) cpSync(join(DIST, part), join(directory, part), { recursive: true });
    const helper = join(directory, "helper.js");
    writeFileSync(join(dirname(helper), "package.json"), '{"type":"module"}');
    await use(helper);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
