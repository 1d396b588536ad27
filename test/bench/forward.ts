/**
 * What the helper can forward: this process is its peer, attaches to main.nine, and throws every batch away. The loop
 * program makes calls in rounds; between two rounds the ring buffer runs empty.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { secretNames } from "../../src/goabi/secretNames.ts";
import { openBinary } from "../../src/gobinary/open.ts";
import { DEFAULT_LIMITS } from "../../src/probe/api.ts";
import { planFunction } from "../../src/probe/plan.ts";
import type { AttachParams } from "../../src/protocol/helperApi.ts";
import { connectHelper, type HelperClient } from "../../src/protocol/helperClient.ts";
import { decodeRecords } from "../../src/protocol/records.ts";
import { median, printTable } from "./table.ts";
import { startTarget } from "./target.ts";

const HELPER = fileURLToPath(new URL("../../dist/helper.js", import.meta.url));
const ROUNDS = 5;
/** An event of nine arguments takes about 200 bytes: a round of this many is several times the ring buffer's 8 MiB. */
const CALLS = 500_000;
/** proc(5): utime and stime are counted in ticks of 1/100 s. */
const NS_PER_TICK = 1e7;

interface Round {
  readonly perSecond: number;
  readonly userNs: number;
  readonly systemNs: number;
  readonly lost: number;
}

export async function printForwarding(binary: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    console.error("bench: the helper is measured as root only; its rows are left out");
    return;
  }
  const target = await startTarget(binary);
  const child = spawn(process.execPath, [HELPER], { stdio: ["pipe", "pipe", "inherit"] });
  let events = 0;
  let last = 0;
  const client: HelperClient = connectHelper(child.stdout, child.stdin, {
    onRecords(batch, session) {
      decodeRecords(batch, () => {
        events += 1;
      });
      client.taken(session, batch.length);
      last = performance.now();
    },
    onTargetEnded() {},
    onClose() {},
  });
  const rounds: Round[] = [];
  try {
    const { pid } = await client.initialize();
    await client.attach({
      session: 1,
      target: { kind: "process", pid: target.pid, startTime: startTimeOf(target.pid) },
      ...(await planNine(binary)),
      functions: ["main.nine"],
    });
    for (let round = 0; round < ROUNDS; round++) {
      const before = events;
      const cpu = cpuOf(pid);
      const dropped = await counted(client);
      const start = performance.now();
      await target.run(CALLS);
      const after = await untilDrained(client, () => events - before, dropped);
      const used = cpuOf(pid);
      const received = events - before;
      rounds.push({
        perSecond: (received * 1000) / (last - start),
        userNs: (used.user - cpu.user) / received,
        systemNs: (used.system - cpu.system) / received,
        lost: after - dropped,
      });
    }
  } finally {
    const exited = once(child, "exit");
    client.dispose();
    await exited;
    await target.stop();
  }
  printTable(
    `What the helper forwards: ${CALLS} calls of main.nine at full speed, nine arguments each (median of ${ROUNDS} rounds)`,
    ["events a second", "lost", "helper's user CPU ns an event", "system CPU ns an event"],
    [
      [
        median(rounds.map(({ perSecond }) => perSecond)).toFixed(0),
        String(rounds.reduce((sum, { lost }) => sum + lost, 0)),
        median(rounds.map(({ userNs }) => userNs)).toFixed(0),
        median(rounds.map(({ systemNs }) => systemNs)).toFixed(0),
      ],
    ],
  );
}

async function counted(client: HelperClient): Promise<number> {
  const { counters } = await client.counters({ session: 1 });
  return counters[0]?.dropped ?? 0;
}

/** Until every call of the round has come or was dropped; the count of dropped ones so far. */
async function untilDrained(client: HelperClient, received: () => number, droppedBefore: number): Promise<number> {
  for (;;) {
    const dropped = await counted(client);
    if (received() + dropped - droppedBefore >= CALLS) return dropped;
  }
}

/** The entry probe that the planner chooses, with all nine arguments, and where the goroutine is found. */
async function planNine(file: string): Promise<Pick<AttachParams, "goroutine" | "probes">> {
  const bytes = readFileSync(file);
  const binary = await openBinary({
    name: file,
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  });
  const [fn] = await binary.functionsNamed("main.nine");
  if (fn === undefined) throw new Error(`bench: ${file} has no main.nine`);
  const signature = await binary.signature(fn);
  const code = await binary.code(fn);
  const planned = planFunction({
    fn,
    arch: binary.arch,
    signature,
    code,
    limits: DEFAULT_LIMITS,
    isSecret: secretNames([]),
  });
  if (!planned.ok) throw new Error(`bench: main.nine cannot be probed: ${planned.reason}`);
  const { offset, expected, cfaOffset, skipIfBelowOrEqual } = planned.plan.entry;
  const site = { offset, expected, cfaOffset, skipIfBelowOrEqual };
  const { tlsOffset, goidOffset, stackHiOffset } = binary.runtime;
  return {
    goroutine: { source: "register", tlsOffset, goidOffset, stackHiOffset },
    probes: [{ id: 1, role: "entry", ...site, plan: { pieces: planned.plan.call.capture.pieces }, pairReturns: false }],
  };
}

/** proc(5): field 22 of stat. */
function startTimeOf(pid: number): string {
  return statFields(pid)[19] ?? "";
}

/** CPU time so far, nanoseconds (fields 14 and 15). */
function cpuOf(pid: number): { user: number; system: number } {
  const fields = statFields(pid);
  return { user: Number(fields[11]) * NS_PER_TICK, system: Number(fields[12]) * NS_PER_TICK };
}

/** From field 3 on: what follows the command's name. */
function statFields(pid: number): string[] {
  return (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "").split(" ");
}
