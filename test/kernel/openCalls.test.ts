/** The kernel's tables of open calls at their bounds: what finds no room is refused and said, and nothing is guessed. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Features, probeFeatures } from "../../helper/features.ts";
import { loadLibbpf } from "../../helper/foreign/native.ts";
import { OpenCallTables } from "../../helper/openCalls.ts";
import { RingReader } from "../../helper/ring.ts";
import { Scratch } from "../../helper/scratch.ts";
import { Session } from "../../helper/session.ts";
import { createEngine, type FullEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { attachRequest } from "../../src/engine/plan/tracePlan.ts";
import { unwindSites } from "../../src/engine/plan/unwindSites.ts";
import { ProbeTable } from "../../src/engine/trace/probeTable.ts";
import { secretNames } from "../../src/goabi/secretNames.ts";
import { DEFAULT_LIMITS } from "../../src/probe/api.ts";
import { decodeRecords, type RawEvent } from "../../src/protocol/records.ts";
import { buildGo } from "../programs/build.ts";
import { type Child, startTarget } from "./cliProcess.ts";
import { processTarget } from "./hits.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
loadLibbpf(`${DIST}native`);
const native = probeFeatures();
const program = buildGo("ends");
const FIRST_PROBE = 10;

let engine: FullEngine;
let ring: RingReader;
const events: RawEvent[] = [];
const count = (kind: RawEvent["kind"]): number => events.filter((event) => event.kind === kind).length;

before(() => {
  engine = createEngine();
  ring = new RingReader((batch, done) => {
    decodeRecords(Uint8Array.from(batch), (event) => events.push(event));
    setImmediate(done);
  });
  ring.start();
});
after(async () => {
  ring.stop();
  await engine.dispose();
});

interface Attach {
  readonly func: string;
  readonly tables: OpenCallTables;
  readonly watched?: boolean;
  readonly features?: Features;
}

let lastSession = 0;
async function attach(target: Child, { func, tables, watched = true, features = native }: Attach): Promise<Session> {
  events.length = 0;
  const binary = await engine.openFile(newJob(), program);
  const [fn] = await engine.resolve(binary, [func]);
  const plan = await engine.plan(binary, fn!, secretNames([]));
  assert.ok("fn" in plan);
  const watches = watched ? await unwindSites(binary) : [];
  assert.equal(watches.length, watched ? 2 : 0);
  const table = new ProbeTable({ plans: [plan], returns: true, rate: undefined, watches, withProbeAddress: (p) => p });
  table.firstProbe = FIRST_PROBE;
  lastSession += 1;
  const request = { session: lastSession, probes: table.specs(), plans: [plan] };
  const { params, tables: types } = await attachRequest(
    new AbortController().signal,
    request,
    processTarget(target.pid),
    binary,
    DEFAULT_LIMITS,
    secretNames([]),
  );
  const encoded = Object.entries(types).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
  return await Session.attach(params, {
    objectPath: `${DIST}probelens.bpf.o`,
    holderPath: `${DIST}native/probelens-holder`,
    ring,
    openCalls: () => tables,
    scratch: new Scratch(true),
    tables: [Object.fromEntries(encoded)],
    features,
    peerUid: process.getuid?.() ?? 0,
    onEnded: () => {},
  });
}

async function finish(session: Session) {
  await session.detach();
  await ring.drain();
  const [entry] = session.counters();
  const openCalls = session.openCalls();
  session.close();
  assert.ok(entry);
  return { entry, openCalls };
}

const modes: readonly (readonly [string, Features])[] = [
  ["bpf_loop", native],
  ["tail calls (before Linux 5.17)", { ...native, uprobeMulti: false, loops: false }],
  ["a program for each probe (before Linux 5.15)", { ...native, uprobeMulti: false, loops: false, cookies: false }],
];

describe("the tables of open calls", () => {
  test("a full table refuses, marks the call, and evicts nothing", async () => {
    const target = startTarget(program);
    await target.says("ready");
    const tables = new OpenCallTables(64);
    const session = await attach(target, { func: "main.held", tables });
    await target.command("inside 100");
    await target.command("release");
    const { entry, openCalls } = await finish(session);
    // The kernel keeps a spare element for each CPU.
    assert.ok(entry.refused > 0 && entry.refused <= 36, String(entry.refused));
    assert.equal(events.filter(({ refused }) => refused === true).length, entry.refused);
    assert.equal(count("return"), 100 - entry.refused);
    assert.equal(count("unwound"), 0);
    assert.deepEqual(openCalls, []);
    await target.end();
  });

  test("sessions share the tables, and each finds its own calls", async () => {
    const target = startTarget(program);
    await target.says("ready");
    const tables = new OpenCallTables(1024);
    const [first, second] = [
      await attach(target, { func: "main.held", tables }),
      await attach(target, { func: "main.outer", tables }),
    ];
    await target.command("nested 10");
    await target.command("inside 5");
    assert.deepEqual((await finish(first)).openCalls, [{ probe: FIRST_PROBE, open: 15, unknown: 0 }]);
    assert.deepEqual((await finish(second)).openCalls, [{ probe: FIRST_PROBE, open: 10, unknown: 0 }]);
    assert.deepEqual([...tables.sweep(lastSession, 0n)], []);
    await target.end();
  });

  for (const [name, features] of modes)
    test(`${name}: a panic 3000 calls deep is told call by call, and so is Goexit`, async () => {
      const target = startTarget(program);
      await target.says("ready");
      const session = await attach(target, { func: "main.recurse", tables: new OpenCallTables(4096), features });
      await target.command("unwind 3000");
      await target.command("goexit 1000");
      const { entry, openCalls } = await finish(session);
      assert.deepEqual([entry.emitted, entry.unwound, entry.refused, entry.untold], [4002, 4002, 0, 0]);
      assert.equal(count("unwound"), 4002);
      // Innermost first, each once.
      const depths = events.filter(({ kind }) => kind === "unwound").map(({ depth }) => depth);
      assert.ok(depths.slice(1, 3001).every((depth, index) => depth < (depths[index] ?? 0n)));
      assert.deepEqual(openCalls, []);
      await target.end();
    });

  test("where the runtime cannot be watched, the next call tells; what is too much for it has an unknown end", async () => {
    const target = startTarget(program);
    await target.says("ready");
    const session = await attach(target, { func: "main.recurse", tables: new OpenCallTables(4096), watched: false });
    await target.command("unwind 3");
    await target.command("recurse 0");
    await target.command("unwind 100");
    await target.command("recurse 0");
    const { entry, openCalls } = await finish(session);
    assert.deepEqual([entry.emitted, entry.unwound], [107, 4 + 5]);
    assert.deepEqual([count("return"), count("unwound")], [2, 9]);
    assert.deepEqual(openCalls, [{ probe: FIRST_PROBE, open: 0, unknown: 101 - 5 }]);
    await target.end();
  });
});
