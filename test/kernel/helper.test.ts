/** The helper as its peer sees it: real probes on a real Go program. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { ProbeCounters } from "../../src/protocol/counters.ts";
import { UserError } from "../../src/protocol/errors.ts";
import type { RawEvent } from "../../src/protocol/records.ts";
import { decodeRecords } from "../../src/protocol/records.ts";
import { until } from "../until.ts";
import { type RunningHelper, spawnHelper, startHelper } from "./helperProcess.ts";
import {
  attachAdd,
  buildHits,
  ENTRY,
  endTargets,
  HitsProcess,
  type HitsProgram,
  liveBytes,
  processTarget,
  RETURN,
  startTime,
} from "./hits.ts";

let program: HitsProgram;
let target: HitsProcess;
let helper: RunningHelper;

before(async () => {
  program = buildHits();
  target = await HitsProcess.start(program);
});
after(endTargets);

describe("tracing a process", () => {
  before(async () => {
    helper = await startHelper();
  });
  after(() => helper.stop());
  afterEach(() => {
    assert.equal(liveBytes(target.pid, program.entry), program.entry.bytes, "the original bytes are back");
    helper.events.length = 0;
  });

  it("says what it runs on", async () => {
    const facts = await helper.client.initialize();
    assert.equal(facts.peerUid, process.getuid?.());
    assert.equal(facts.pid, helper.child.pid);
    assert.match(facts.libbpf.version, /^\d+\.\d+/);
    assert.equal(facts.ringReader, "view");
  });

  it("counts every call, with its arguments and its return, over goroutines", async () => {
    const { client, events } = helper;
    await client.attach(attachAdd(program, processTarget(target.pid), { returns: true }));
    assert.equal(liveBytes(target.pid, program.entry), "cc", "int3 stands at the probe");
    const calls = 2000;
    await target.call(calls, 8);
    const { counters } = await client.detach({ session: 1 });
    assert.deepEqual(counters, [all(ENTRY, calls), all(RETURN, calls)]);
    const entries = events.filter(({ kind }) => kind === "call");
    const returns = new Map(events.filter(({ kind }) => kind === "return").map((event) => [event.callId, event]));
    assert.equal(entries.length, calls);
    assert.equal(returns.size, calls, "call ids are unique");
    const seen = new Set<bigint>();
    for (const call of entries) {
      const a = word(call, 0);
      seen.add(a);
      const [chunk] = call.chunks;
      assert.ok(chunk);
      assert.equal(Buffer.from(chunk.bytes).toString(), `s${a}`);
      assert.equal(chunk.address, word(call, 1));
      assert.equal(word(call, 2), BigInt(chunk.bytes.length));
      assert.equal(call.pid, target.pid);
      assert.ok(call.goid > 0n && call.depth > 0n && call.returnAddress > 0n);
      assert.ok(call.callId < 2n ** 53n);
      const end = returns.get(call.callId);
      assert.ok(end);
      assert.equal(word(end, 0), a + 2n + BigInt(chunk.bytes.length), "the result");
      assert.equal(end.durationNs, end.timeNs - call.timeNs);
      assert.ok(end.durationNs > 0n);
      assert.deepEqual([end.goid, end.depth, end.returnAddress], [call.goid, call.depth, call.returnAddress]);
    }
    assert.equal(seen.size, calls, "every call once");
  });

  it("throttles in the kernel and keeps counting", async () => {
    const { client, events } = helper;
    await client.attach(attachAdd(program, processTarget(target.pid), { rate: 10, returns: true }));
    await target.call(5000);
    const { counters } = await client.detach({ session: 1 });
    const [entry, end] = counters;
    assert.ok(entry && end);
    assert.equal(entry.hits, 5000);
    assert.equal(entry.emitted + entry.throttled, 5000);
    assert.ok(entry.emitted >= 1 && entry.emitted < 100, `${entry.emitted} events`);
    assert.equal(events.filter(({ kind }) => kind === "call").length, entry.emitted);
    assert.equal(end.emitted, entry.emitted, "only emitted calls are paired");
    assert.equal(end.unpaired, 5000 - entry.emitted);
  });

  it("tells live counters", async () => {
    const { client } = helper;
    await client.attach(attachAdd(program, processTarget(target.pid)));
    await target.call(10);
    assert.deepEqual((await client.counters({ session: 1 })).counters, [all(ENTRY, 10)]);
    await target.call(5);
    assert.deepEqual((await client.detach({ session: 1 })).counters, [all(ENTRY, 15)]);
  });

  it("keeps sessions apart", async () => {
    const ids = new Map([1, 2].map((session) => [session, new Set<bigint>()]));
    const shared = await startHelper((batch, session) =>
      decodeRecords(batch, ({ callId }) => ids.get(session)?.add(callId)),
    );
    const { client } = shared;
    try {
      await client.attach(attachAdd(program, processTarget(target.pid), { session: 1 }));
      await client.attach(attachAdd(program, processTarget(target.pid), { session: 2 }));
      await target.call(3);
      await client.detach({ session: 1 });
      await target.call(4);
      assert.deepEqual((await client.detach({ session: 2 })).counters, [all(ENTRY, 7)]);
      assert.deepEqual([ids.get(1)?.size, ids.get(2)?.size], [3, 7]);
    } finally {
      await shared.stop();
    }
  });

  it("traces every process that runs a file, those that start later too", async () => {
    const { client, events } = helper;
    await client.attach(attachAdd(program, { kind: "file", file: program.path }));
    const other = await HitsProcess.start(program);
    await target.call(3);
    await other.call(4);
    assert.deepEqual((await client.detach({ session: 1 })).counters, [all(ENTRY, 7)]);
    assert.deepEqual(
      [target, other].map(({ pid }) => events.filter((event) => event.pid === pid).length),
      [3, 4],
    );
    await other.end();
  });

  it("leaves other processes of the same file alone", async () => {
    const { client } = helper;
    const other = await HitsProcess.start(program);
    await client.attach(attachAdd(program, processTarget(target.pid)));
    await other.call(100);
    assert.deepEqual((await client.detach({ session: 1 })).counters, [all(ENTRY, 0)]);
    await other.end();
  });

  it("attaches to a program whose file is gone", async () => {
    const { client } = helper;
    const directory = mkdtempSync(join(tmpdir(), "probelens-gone-"));
    const path = join(directory, "hits");
    copyFileSync(program.path, path);
    const gone = await HitsProcess.start({ ...program, path });
    unlinkSync(path);
    await client.attach(attachAdd(program, processTarget(gone.pid)));
    await gone.call(5);
    assert.deepEqual((await client.detach({ session: 1 })).counters, [all(ENTRY, 5)]);
    await gone.end();
    rmSync(directory, { recursive: true });
  });

  it("says of a process that runs another program by now that it may do so", async () => {
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    await once(other, "spawn");
    await until("it runs sleep", () => readlinkSync(`/proc/${other.pid}/exe`).endsWith("sleep"));
    const failed = helper.client.attach(attachAdd(program, processTarget(other.pid ?? 0)));
    await assert.rejects(failed, { code: "bytes-differ", remedy: /runs another program by now \(exec\)/ });
    other.kill();
  });

  const refusals: readonly (readonly [string, string, () => Promise<unknown>])[] = [
    [
      "other bytes at the probe",
      "bytes-differ",
      () => attach((request) => ({ probes: [{ ...request.probes[0]!, expected: "90" }] })),
    ],
    [
      "an offset beyond the file",
      "bytes-differ",
      () => attach((request) => ({ probes: [{ ...request.probes[0]!, offset: 1e12 }] })),
    ],
    [
      "a process that is gone",
      "no-such-process",
      () => attach(() => ({ target: { kind: "process", pid: 4194303, startTime: "1" } })),
    ],
    [
      "a pid that belongs to another process now",
      "process-replaced",
      () => attach(() => ({ target: { kind: "process", pid: target.pid, startTime: "1" } })),
    ],
    [
      "a file that does not exist",
      "no-such-file",
      () => attach(() => ({ target: { kind: "file", file: "/nonexistent" } })),
    ],
    ["a directory", "not-a-file", () => attach(() => ({ target: { kind: "file", file: "/tmp" } }))],
    ["a device", "not-a-file", () => attach(() => ({ target: { kind: "file", file: "/dev/null" } }))],
    [
      "a plan beyond its bounds",
      "invalid-request",
      () =>
        attach((request) => ({
          probes: [{ ...request.probes[0]!, plan: { pieces: [], slots: [{ pointer: 0, elemSize: 1, maxBytes: 1 }] } }],
        })),
    ],
    ["fields that it does not know", "invalid-request", () => attach(() => ({ surprise: 1 }))],
    ["a missing session", "invalid-request", () => helper.client.detach({ session: 99 })],
    ["another process's memory that is not code", "not-code", () => readCode({ fileOffset: 1e9 })],
  ];
  for (const [name, code, request] of refusals)
    it(`refuses ${name}`, async () => {
      await assert.rejects(request, (error) => {
        assert.ok(error instanceof UserError);
        assert.equal(error.code, code, error.message);
        for (const part of [error.what, error.why, error.remedy]) assert.ok(part.length > 0);
        return true;
      });
    });

  it("does not tell what stands where other bytes were expected", async () => {
    const change = (request: ReturnType<typeof attachAdd>) => ({
      probes: [{ ...request.probes[0]!, offset: 0, expected: "00000000" }],
    });
    await assert.rejects(attach(change), (error) => {
      assert.ok(error instanceof UserError);
      assert.doesNotMatch(error.message, /7f.?45.?4c.?46|ELF/i);
      return true;
    });
  });

  it("hands out the program file and mapped code, nothing else", async () => {
    const { client } = helper;
    const facts = await client.describeProcess({ pid: target.pid });
    assert.equal(facts.exe, program.path);
    assert.equal(facts.startTime, startTime(target.pid));
    assert.ok(facts.mappings.length >= 1);
    const file = readFileSync(program.path);
    const part = await client.readFile({ pid: target.pid, startTime: facts.startTime, offset: 100, length: 1000 });
    assert.equal(part.size, file.length);
    assert.deepEqual(Buffer.from(part.base64, "base64"), file.subarray(100, 1100));
    const end = await client.readFile({
      pid: target.pid,
      startTime: facts.startTime,
      offset: file.length - 3,
      length: 10,
    });
    assert.deepEqual(Buffer.from(end.base64, "base64"), file.subarray(-3));
    assert.deepEqual(await readCode({}), { hex: program.entry.bytes });
    await client.attach(attachAdd(program, processTarget(target.pid)));
    assert.deepEqual(await readCode({}), { hex: "cc" });
    await client.detach({ session: 1 });
  });

  it("writes each attach, detach and refusal to the audit log", async (t) => {
    if (process.getuid?.() !== 0) return t.skip("the log is root's");
    const since = new Date().toISOString();
    const { client } = helper;
    await client.attach({ ...attachAdd(program, processTarget(target.pid)), functions: ["main.add\nforged"] });
    await client.detach({ session: 1 });
    await assert.rejects(client.detach({ session: 1 }));
    const lines = audited(helper, since);
    assert.deepEqual(
      lines.map((line) => line.split(" ")[0]),
      ["attach", "detach", "refuse"],
    );
    const { dev, ino } = statSync(program.path);
    const login = readFileSync("/proc/self/loginuid", "latin1").replace("4294967295", "unset");
    const offset = program.entry.fileOffset.toString(16);
    assert.equal(
      lines[0],
      `attach uid=0 login=${login} helper=${helper.child.pid} session=1 pid=${target.pid} started=${startTime(target.pid)}` +
        ` program=${program.path} inode=${dev}:${ino} offsets=0x${offset} probes=1 names=main.add\\u{a}forged`,
    );
  });

  it("counts refusals that repeat, so that they do not push out what was logged", async (t) => {
    if (process.getuid?.() !== 0) return t.skip("the log is root's");
    const since = new Date().toISOString();
    const own = await startHelper();
    const refused = (): Promise<void> => assert.rejects(own.client.describeProcess({ pid: 4194303 }));
    for (let count = 0; count < 1234; count++) await refused();
    await own.stop();
    const lines = audited(own, since);
    assert.ok(lines.length < 30, `${lines.length} lines`);
    assert.match(lines.at(-1) ?? "", /refuse .* describeProcess: no-such-process: 1234 times in all$/);
  });

  it("does not open what is no regular file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "probelens-fifo-"));
    const fifo = join(directory, "fifo");
    execFileSync("mkfifo", [fifo]);
    // Writing begins when somebody opens the other end.
    const writer = spawn("sh", ["-c", 'echo ready; : > "$0"; echo opened', fifo], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let said = "";
    writer.stdout.on("data", (text) => (said += String(text)));
    const closed = once(writer, "close");
    const waits = (): boolean => / S /.test(readFileSync(`/proc/${writer.pid}/stat`, "latin1"));
    await until("it waits", () => said === "ready\n" && waits());
    await assert.rejects(
      attach(() => ({ target: { kind: "file", file: fifo } })),
      { code: "not-a-file" },
    );
    writer.kill("SIGKILL");
    await closed;
    assert.equal(said, "ready\n");
    rmSync(directory, { recursive: true });
  });

  async function attach(change: (request: ReturnType<typeof attachAdd>) => object): Promise<unknown> {
    const request = attachAdd(program, processTarget(target.pid));
    return await helper.client.attach({ ...request, ...change(request) });
  }

  async function readCode(change: object): Promise<unknown> {
    const { fileOffset } = program.entry;
    return await helper.client.readCode({
      pid: target.pid,
      startTime: startTime(target.pid),
      fileOffset,
      length: 1,
      ...change,
    });
  }
});

describe("the end of a target", () => {
  before(async () => {
    helper = await startHelper();
  });
  after(() => helper.stop());

  it("is told when it exits", async () => {
    const victim = await HitsProcess.start(program);
    await helper.client.attach(attachAdd(program, processTarget(victim.pid), { session: 5 }));
    await victim.call(2);
    victim.send("exit");
    await until("the end is told", () => helper.ended.length === 1);
    assert.deepEqual(helper.ended.pop(), { session: 5, pid: victim.pid, reason: "exited" });
    assert.deepEqual((await helper.client.detach({ session: 5 })).counters, [all(ENTRY, 2)]);
  });

  it("is told when it runs another program", async () => {
    const victim = await HitsProcess.start(program);
    await helper.client.attach(attachAdd(program, processTarget(victim.pid), { session: 6 }));
    victim.send("exec /bin/cat");
    await until("the end is told", () => helper.ended.length === 1);
    assert.deepEqual(helper.ended.pop(), { session: 6, pid: victim.pid, reason: "exec" });
    await helper.client.detach({ session: 6 });
    await victim.end();
  });
});

describe("a peer that reads slowly", () => {
  it("loses events that are counted, and the helper stays responsive", async () => {
    const received: RawEvent[] = [];
    const slow = await startHelper((batch) => decodeRecords(Uint8Array.from(batch), (event) => received.push(event)));
    try {
      await slow.client.attach(attachAdd(program, processTarget(target.pid)));
      slow.child.stdout?.pause();
      const calls = 60_000; // More than the ring buffer's 8 MiB.
      await target.call(calls);
      slow.child.stdout?.resume();
      const { counters } = await slow.client.detach({ session: 1 });
      const [entry] = counters;
      assert.ok(entry);
      assert.equal(entry.hits, calls);
      assert.ok(entry.dropped > 0, "some were dropped");
      assert.equal(entry.emitted + entry.dropped, calls);
      assert.equal(received.length, entry.emitted, "all others arrived before the answer");
    } finally {
      await slow.stop();
    }
  });
});

describe("what is not the protocol", () => {
  const garbage: readonly (readonly [string, Buffer, RegExp])[] = [
    ["text", Buffer.from("GET / HTTP/1.1\r\n\r\n"), /unknown frame kind/],
    ["a frame over the limit", Buffer.from([0xff, 0xff, 0xff, 0xff, 1]), /announces 4294967295 bytes, the limit is/],
    ["JSON that is none", frame("{"), /is not JSON/],
    ["JSON of another kind", frame("[1]"), /is not a JSON-RPC 2.0 message/],
    ["event records", Buffer.from([0, 0, 0, 0, 2]), /the peer sent event records/],
    ["a cut frame", frame("{}").subarray(0, 6), /ends inside a frame/],
  ];
  for (const [name, bytes, message] of garbage)
    it(`ends the helper: ${name}`, async () => {
      const child = spawnHelper();
      let errors = "";
      child.stderr?.on("data", (text) => (errors += String(text)));
      const closed = once(child, "close");
      child.stdin?.end(bytes);
      const [status] = await closed;
      assert.equal(status, 1);
      assert.match(errors, message);
      assert.doesNotMatch(errors, /\n\s+at /, "no stack trace");
    });

  function frame(text: string): Buffer {
    const header = Buffer.alloc(5);
    header.writeUInt32LE(text.length);
    header[4] = 1;
    return Buffer.concat([header, Buffer.from(text)]);
  }
});

/** What this helper logged since then, without the times: others on this machine write to the same log, which may be rotated meanwhile. */
function audited({ child }: RunningHelper, since: string): string[] {
  const files = ["/var/log/probelens.log.1", "/var/log/probelens.log"].filter((file) => existsSync(file));
  return files
    .flatMap((file) => readFileSync(file, "utf8").split("\n"))
    .filter((line) => line.slice(0, since.length) >= since && line.includes(` helper=${child.pid} `))
    .map((line) => line.slice(since.length + 1));
}

function all(probe: number, hits: number): ProbeCounters {
  return {
    probe,
    hits,
    emitted: hits,
    filtered: 0,
    throttled: 0,
    dropped: 0,
    unpaired: 0,
    refused: 0,
    unwound: 0,
    untold: 0,
  };
}

function word(event: RawEvent, index: number): bigint {
  return new DataView(event.root.buffer, event.root.byteOffset).getBigUint64(index * 8, true);
}
