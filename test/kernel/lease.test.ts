/** Who holds the probes lets go of them when the peer is not heard of, or when their time is up; and only then. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { attached, Child, CLI, codeOf, liveCode, probelens, startTarget } from "./cliProcess.ts";
import { startHelper } from "./helperProcess.ts";
import { attachAdd, buildHits, endTargets, HitsProcess, type HitsProgram, liveBytes, processTarget } from "./hits.ts";

/** The promise. */
const GONE_WITHIN_MS = 15_000;
/** Longer than the lease. */
const LONG_MS = 13_000;
/** Passing time is what these tests are about. */
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let program: HitsProgram;
before(() => {
  program = buildHits();
});
after(endTargets);

/** A peer of its own with a probe in a process of its own. */
interface Traced {
  readonly target: HitsProcess;
  readonly peer: ChildProcess;
  readonly helper: number;
  says(text: string): Promise<void>;
}

async function traced(): Promise<Traced> {
  const target = await HitsProcess.start(program);
  const peer = spawn(process.execPath, [fileURLToPath(new URL("peer.ts", import.meta.url)), String(target.pid)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  peer.stdout.on("data", (chunk) => (text += String(chunk)));
  const says = async (wanted: string): Promise<void> => void (await until(wanted, () => text.includes(wanted)));
  await says("attached");
  assert.equal(liveBytes(target.pid, program.entry), "cc");
  return { target, peer, helper: Number(/attached (\d+)/.exec(text)?.[1]), says };
}

async function restored({ target }: { target: HitsProcess }): Promise<void> {
  const original = (): boolean =>
    [program.entry, ...program.returns].every((site) => liveBytes(target.pid, site) === site.bytes);
  await until("the original bytes are back", original, GONE_WITHIN_MS);
  await target.call(10);
}

describe("no sign of life", { concurrency: true }, () => {
  it("the peer is stopped, and is told when it goes on", async () => {
    const all = await traced();
    process.kill(all.peer.pid!, "SIGSTOP");
    await restored(all);
    process.kill(all.peer.pid!, "SIGCONT");
    await all.says("ended: lease");
    await once(all.peer, "exit");
  });

  it("the helper is stopped", async () => {
    const all = await traced();
    process.kill(all.helper, "SIGSTOP");
    await restored(all);
    process.kill(all.helper, "SIGCONT");
    await all.says("ended: lease");
  });

  it("the helper is stopped and the peer killed", async () => {
    const all = await traced();
    process.kill(all.helper, "SIGSTOP");
    process.kill(all.peer.pid!, "SIGKILL");
    await restored(all);
    process.kill(all.helper, "SIGKILL");
  });

  it("the terminal front end is stopped as Ctrl-Z does it, and says what happened when it goes on", async () => {
    const path = buildGo("calls");
    const code = await codeOf(path, "main.work");
    const target = startTarget(path);
    await target.says("ready");
    // A job of a shell: SIGTSTP stops no process whose group nobody could continue (setpgid(2), "orphaned").
    const job = 'set -m; "$@" & echo "job $!"; wait -f $!';
    const words = [process.execPath, CLI, "trace", "main.work", "--pid", String(target.pid)];
    const trace = new Child("bash", ["-c", job, "", ...words]);
    await attached(trace);
    const pid = Number(/^job (\d+)$/m.exec(trace.stdout)?.[1]);
    process.kill(pid, "SIGTSTP");
    await until("the original bytes", () => liveCode(target.pid, code) === code.original, GONE_WITHIN_MS);
    process.kill(pid, "SIGCONT");
    assert.equal(await trace.status(), 1);
    assert.match(trace.stderr, /no sign of life for ten seconds .*the probes were removed/);
    await target.end();
  });
});

describe("a sign of life", { concurrency: true }, () => {
  it("a pause of five seconds is no end", async () => {
    const all = await traced();
    process.kill(all.peer.pid!, "SIGSTOP");
    await pass(5000);
    process.kill(all.peer.pid!, "SIGCONT");
    await pass(LONG_MS);
    assert.equal(liveBytes(all.target.pid, program.entry), "cc");
    process.kill(all.peer.pid!, "SIGKILL");
    await restored(all);
  });

  it("a peer that takes no events lives", async () => {
    const target = await HitsProcess.start(program);
    const helper = await startHelper();
    await helper.client.attach(attachAdd(program, processTarget(target.pid)));
    helper.child.stdout?.pause();
    await target.call(60_000); // More than the ring and every pipe hold.
    await pass(LONG_MS);
    assert.equal(liveBytes(target.pid, program.entry), "cc");
    helper.child.stdout?.resume();
    await helper.stop();
    await restored({ target });
  });

  for (const [name, command] of [
    [
      "a reader that reads nothing (| less)",
      (words: readonly string[]) => ["sh", "-c", '"$@" | sleep 60', "", ...words],
    ],
    [
      "a terminal that is held up (Ctrl-S)",
      (words: readonly string[]) => [
        "script",
        "--quiet",
        "--flush",
        "--command",
        `exec ${words.join(" ")}`,
        "/dev/null",
      ],
    ],
  ] as const)
    it(name, async () => {
      const path = buildGo("calls");
      const code = await codeOf(path, "main.work");
      const target = startTarget(path);
      await target.says("ready");
      const [first = "", ...rest] = command([process.execPath, CLI, "trace", "main.work", "--pid", String(target.pid)]);
      const reader = new Child(first, rest, { detached: true });
      const isAttached = (): boolean => liveCode(target.pid, code) !== code.original;
      await until("the probe", isAttached);
      await until("the trace runs", () => (reader.stdout + reader.stderr).includes("attached to"));
      if (first === "script") process.kill(reader.pid, "SIGSTOP");
      await target.command("work 20000");
      await pass(LONG_MS);
      assert.ok(isAttached());
      process.kill(-reader.pid, "SIGKILL");
      await until("the original bytes", () => !isAttached());
      await target.end();
    });
});

describe("a time to go", () => {
  it("ends the probes by itself, and tells", async () => {
    const target = await HitsProcess.start(program);
    const helper = await startHelper();
    await helper.client.attach({ ...attachAdd(program, processTarget(target.pid)), expiresInMs: 300 });
    await target.call(3);
    await restored({ target });
    await until("it is told", () => helper.ended.length > 0);
    assert.deepEqual(helper.ended, [{ session: 1, pid: helper.child.pid, reason: "expired" }]);
    assert.equal((await helper.client.detach({ session: 1 })).counters[0]?.hits, 3);
    await helper.stop();
  });

  it("is put off, brought forward and taken back", async () => {
    const target = await HitsProcess.start(program);
    const helper = await startHelper();
    await helper.client.attach({ ...attachAdd(program, processTarget(target.pid)), expiresInMs: 1000 });
    await helper.client.extend({ session: 1, expiresInMs: 3_600_000 });
    await pass(1500);
    assert.equal(liveBytes(target.pid, program.entry), "cc");
    await helper.client.extend({ session: 1, expiresInMs: 1000 });
    await helper.client.extend({ session: 1 });
    await pass(1500);
    assert.equal(liveBytes(target.pid, program.entry), "cc");
    await helper.client.extend({ session: 1, expiresInMs: 1 });
    await restored({ target });
    await helper.stop();
  });
});

describe("--expire", () => {
  const path = buildGo("calls");

  it("ends the trace by itself, and says what was removed", async () => {
    const target = startTarget(path);
    await target.says("ready");
    const code = await codeOf(path, "main.work");
    const trace = probelens("trace", "main.work", "--pid", String(target.pid), "--expire", "0.05", "--format", "jsonl");
    await attached(trace);
    await target.command("work 3");
    assert.equal(await trace.status(), 0, trace.stderr);
    assert.match(trace.stderr, /attached to main\.work; Ctrl-C ends the trace, or 0\.05 min do \(--expire\)/);
    assert.match(trace.stderr, /the time of this trace is up/);
    const lines = trace.stdout.trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      events.map(({ event }) => event),
      ["call", "call", "call", "removed", "stats"],
    );
    const { func, reason, rate, costPercent } = events[3]!;
    assert.deepEqual([func, reason], ["main.work", "expired"]);
    assert.ok(Number(rate) > 0 && Number(costPercent) > 0, JSON.stringify(events[3]));
    assert.equal(liveCode(target.pid, code), code.original);
  });

  it("is extended by a longer --duration, and switched off", async () => {
    for (const options of [
      ["--expire", "0.01", "--duration", "2"],
      ["--expire", "off", "--duration", "1"],
    ]) {
      const target = startTarget(path);
      await target.says("ready");
      const trace = probelens("trace", "main.work", "--pid", String(target.pid), ...options);
      await attached(trace);
      assert.equal(await trace.status(), 0, trace.stderr);
      assert.doesNotMatch(trace.stderr, /time of this trace is up/);
      await target.end();
    }
  });
});
