/**
 * The ways to attach that this kernel would not choose (older kernels have no others), and processes that have yet to
 * become the program: through the helper's own modules, with the features switched off.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Features, probeFeatures } from "../../helper/features.ts";
import { loadLibbpf } from "../../helper/foreign/native.ts";
import { openLedger } from "../../helper/ledger.ts";
import { OpenCallTables } from "../../helper/openCalls.ts";
import { RingReader } from "../../helper/ring.ts";
import { Scratch } from "../../helper/scratch.ts";
import { Session } from "../../helper/session.ts";
import type { ProbeCounters } from "../../src/protocol/counters.ts";
import type { AttachParams, RemovedParams, TargetEndedParams } from "../../src/protocol/helperApi.ts";
import type { RawEvent } from "../../src/protocol/records.ts";
import { decodeRecords } from "../../src/protocol/records.ts";
import { until } from "../until.ts";
import {
  attachAdd,
  buildHits,
  ENTRY,
  endTargets,
  HitsProcess,
  type HitsProgram,
  liveBytes,
  manyProbes,
  processTarget,
  RETURN,
} from "./hits.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
/** Placing them takes the kernel a quarter of the time that passes between two looks at a process. */
const MANY_PROBES = 20_000;
/** Milliseconds from the attach to the exec, so that in some rounds a look falls into it. */
const MOMENTS = [70, 75, 80, 85, 90, 95];
/** Far more than what costs the budget's burst, wherever this runs. */
const MANY_CALLS = 6_000_000;
loadLibbpf(`${DIST}native`);
const native = probeFeatures();
const modes: readonly (readonly [string, Features])[] = [
  ["uprobe_multi link", native],
  ["perf-event link with cookie", { ...native, uprobeMulti: false }],
  ["perf event without cookies (before Linux 5.15)", { ...native, uprobeMulti: false, cookies: false }],
];

let program: HitsProgram;
let ring: RingReader;
const events: RawEvent[] = [];
const removed: RemovedParams[] = [];
const ended: (Omit<TargetEndedParams, "session"> | undefined)[] = [];

before(() => {
  program = buildHits();
  ring = new RingReader((batch, done) => {
    decodeRecords(Uint8Array.from(batch), (event) => events.push(event));
    setImmediate(done);
  });
  ring.start();
});
after(() => {
  endTargets();
  ring.stop();
});

for (const [name, features] of modes)
  describe(name, () => {
    it("traces a running process and leaves nothing", async () => {
      const target = await HitsProcess.start(program);
      const session = await attach(attachAdd(program, processTarget(target.pid), { returns: true }), features);
      await target.call(1000, 4);
      assert.deepEqual(await finish(session), [all(ENTRY, 1000), all(RETURN, 1000)]);
      assert.equal(events.filter(({ kind, probe }) => kind === "call" && probe === ENTRY).length, 1000);
      assert.equal(events.filter(({ kind, probe }) => kind === "return" && probe === RETURN).length, 1000);
      assert.equal(liveBytes(target.pid, program.entry), program.entry.bytes);
      await target.end();
    });

    it("lets go of what costs more than the budget, and of each call's end it is known what became of it", async () => {
      const target = await HitsProcess.start(program);
      const request = attachAdd(program, processTarget(target.pid), { returns: true });
      const session = await attach({ ...request, budget: 5 }, features);
      await target.call(MANY_CALLS);
      await until("all probes are gone", () => removed.some(({ what }) => what === "calls"));
      for (const site of [program.entry, ...program.returns]) assert.equal(liveBytes(target.pid, site), site.bytes);
      assert.ok(removed.every(({ probe, session: of }) => probe === ENTRY && of === request.session));
      await session.detach();
      await ring.drain();
      const [entry, ends] = session.counters();
      const [left = { open: 0, unknown: 0 }] = session.openCalls();
      session.close();
      assert.ok(entry !== undefined && ends !== undefined);
      assert.ok(entry.hits > 0 && entry.hits < MANY_CALLS);
      assert.deepEqual([entry.unwound, left.open], [0, 0]);
      assert.equal(entry.emitted, ends.emitted + ends.dropped + entry.refused + entry.untold + left.unknown);
      await target.end();
    });

    it("traces all processes of a file", async () => {
      const session = await attach(attachAdd(program, { kind: "file", file: program.path }), features);
      const target = await HitsProcess.start(program);
      await target.call(50);
      assert.deepEqual(await finish(session), [all(ENTRY, 50)]);
      await target.end();
    });

    it("traces a shell that becomes the program, from its first call on", async () => {
      const shell = spawn("/bin/sh", ["-c", 'read go && exec "$0" call 30', program.path], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const target = HitsProcess.adopt(shell);
      const request = attachAdd(program, processTarget(target.pid));
      const session = await attach(
        { ...request, target: { ...processTarget(target.pid), file: program.path } },
        features,
      );
      target.send("go");
      await target.expect(/^done 30$/);
      await target.expect(/^ready/);
      await target.call(5);
      assert.deepEqual(ended, [], "becoming the program is not its end");
      target.send("exec /bin/cat");
      await until("the end is told", () => ended.length === 1);
      assert.deepEqual(ended.pop(), { pid: target.pid, reason: "exec" });
      assert.deepEqual(await finish(session), [all(ENTRY, 35)]);
      await target.end();
    });
  });

it("is not misled by an exec that takes long, because the kernel places thousands of probes within it", async () => {
  const probes = manyProbes(program, MANY_PROBES, /./);
  for (const moment of MOMENTS) {
    const shell = spawn("/bin/sh", ["-c", 'read go && exec "$0" call 30', program.path], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const target = HitsProcess.adopt(shell);
    const request = attachAdd(program, processTarget(target.pid));
    const session = await attach(
      {
        ...request,
        probes: [...request.probes, ...probes],
        target: { ...processTarget(target.pid), file: program.path },
      },
      native,
    );
    // The moment is the test, so passing time is what it takes; and then two more looks.
    await new Promise((resolve) => setTimeout(resolve, moment));
    target.send("go");
    await target.expect(/^done 30$/);
    await target.expect(/^ready/);
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.deepEqual(ended, [], "becoming the program is not its end");
    assert.equal((await finish(session))[0]?.hits, 30);
    await target.end();
  }
});

it("refuses more probes than an old kernel takes, and leaves none", async () => {
  const target = await HitsProcess.start(program);
  const request = attachAdd(program, processTarget(target.pid));
  const probes = [...request.probes, ...manyProbes(program, 300)];
  const old = { ...native, uprobeMulti: false, cookies: false };
  await assert.rejects(attach({ ...request, probes }, old), { code: "limit" });
  assert.equal(liveBytes(target.pid, program.entry), program.entry.bytes);
  await target.end();
});

it("removes what was attached when a later probe is refused", async () => {
  const target = await HitsProcess.start(program);
  const request = attachAdd(program, processTarget(target.pid), { returns: true });
  // The kernel does not probe int3, which pads functions; the helper has no reason to know that.
  const padding = { ...request.probes[0]!, id: 99, offset: program.padding.fileOffset, expected: "cc" };
  for (const [, features] of modes) {
    await assert.rejects(attach({ ...request, probes: [...request.probes, padding] }, features), {
      code: "kernel-refused",
    });
    for (const site of [program.entry, ...program.returns]) assert.equal(liveBytes(target.pid, site), site.bytes);
  }
  await target.end();
});

it("says so when its programs are damaged", async () => {
  const request = attachAdd(program, { kind: "file", file: program.path });
  await assert.rejects(attach(request, native, ring, "/etc/hostname"), { code: "incomplete-package" });
});

it("reads the ring buffer by copying where external memory is forbidden", async () => {
  Object.defineProperty(process.versions, "electron", { value: "test", configurable: true });
  try {
    const copied: RawEvent[] = [];
    const copying = new RingReader((batch, done) => {
      decodeRecords(Uint8Array.from(batch), (event) => copied.push(event));
      setImmediate(done);
    });
    assert.equal(copying.mode, "copy");
    copying.start();
    const target = await HitsProcess.start(program);
    const session = await attach(attachAdd(program, processTarget(target.pid)), native, copying);
    const calls = 40_000; // The ring goes round.
    for (let called = 0; called < calls; called += 10_000) await target.call(10_000);
    await session.detach();
    await copying.drain();
    const [entry] = session.counters();
    assert.deepEqual([entry?.hits, copied.length], [calls, entry?.emitted]);
    assert.ok(copied.every(({ chunks }, index) => index === 0 || chunks.length === 1));
    copying.stop();
    session.close();
    await target.end();
  } finally {
    Reflect.deleteProperty(process.versions, "electron");
  }
});

it("finds the goroutine through thread-local storage", async () => {
  const target = await HitsProcess.start(program);
  const request = attachAdd(program, processTarget(target.pid));
  const viaTls = { ...request, goroutine: { ...request.goroutine, source: "tls" as const }, session: 2 };
  const first = await attach(request, native);
  const second = await attach(viaTls, native);
  await target.call(200, 4);
  await finish(first);
  await finish(second);
  const goids = events.map(({ goid, depth, root }) => `${Buffer.from(root).toString("hex")} ${goid} ${depth}`);
  assert.equal(goids.length, 400);
  assert.equal(new Set(goids).size, 200, "both ways agree");
  assert.ok(events.every(({ goid }) => goid > 0n));
  await target.end();
});

let openCalls: OpenCallTables | undefined;
let ledger: number | undefined;
async function attach(
  params: AttachParams,
  features: Features,
  reader = ring,
  objectPath = `${DIST}probelens.bpf.o`,
): Promise<Session> {
  events.length = 0;
  ended.length = 0;
  removed.length = 0;
  return await Session.attach(params, {
    peerUid: process.getuid?.() ?? 0,
    objectPath,
    holderPath: `${DIST}native/probelens-holder`,
    ring: reader,
    openCalls: () => (openCalls ??= new OpenCallTables()),
    scratch: new Scratch(true),
    features,
    ledger: () => (ledger ??= openLedger()),
    onEnded: (_, target) => ended.push(target),
    onRemoved: (what) => removed.push(what),
  });
}

async function finish(session: Session): Promise<ProbeCounters[]> {
  await session.detach();
  await ring.drain();
  const counters = session.counters();
  session.close();
  return counters;
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
