/** What a peer may cost the helper: its memory stays bounded, whatever comes and however little is read. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { encodeFrameHeader, FRAME_KIND } from "../../src/protocol/frames.ts";
import { until } from "../until.ts";
import { type RunningHelper, spawnHelper, startHelper } from "./helperProcess.ts";
import { attachAdd, buildHits, endTargets, HitsProcess, type HitsProgram, processTarget, startTime } from "./hits.ts";

let program: HitsProgram;
let target: HitsProcess;
let helper: RunningHelper;

before(async () => {
  program = buildHits();
  target = await HitsProcess.start(program);
  helper = await startHelper();
});
after(async () => {
  await helper.stop();
  endTargets();
});

/** Above what Node and the BPF object take at the start: the frame, its text, and what JSON.parse makes of it. */
const FRAME_COST_MIB = 500;
/** Above the same: unsent answers, and requests that wait. */
const UNREAD_COST_MIB = 150;
const FRAME_BYTES = 22 << 20;

describe("a request of 22 MiB", () => {
  const attach = (): object => attachAdd(program, processTarget(target.pid));
  const filled = (piece: string): string => `[${`${piece},`.repeat(FRAME_BYTES / (piece.length + 1))}${piece}]`;
  const probe = (): string => JSON.stringify(attachAdd(program, processTarget(target.pid)).probes[0]);
  const frames: readonly (readonly [string, () => string])[] = [
    ["of probes that are none", () => JSON.stringify({ ...attach(), probes: "*" }).replace('"*"', filled("[123456]"))],
    ["of probes that lack all", () => JSON.stringify({ ...attach(), probes: "*" }).replace('"*"', filled('{"a":1}'))],
    ["of numbers", () => JSON.stringify({ ...attach(), probes: "*" }).replace('"*"', filled("1"))],
    ["of good probes, too many", () => JSON.stringify({ ...attach(), probes: "*" }).replace('"*"', filled(probe()))],
    ["of good names, too many", () => JSON.stringify({ ...attach(), functions: "*" }).replace('"*"', filled('"f"'))],
    ["of one name", () => JSON.stringify({ ...attach(), functions: ["f".repeat(FRAME_BYTES)] })],
    ["of unknown fields", () => JSON.stringify({ ...attach(), more: "*" }).replace('"*"', filled('{"a":1}'))],
  ];
  for (const [name, params] of frames)
    it(name, async () => {
      const fresh = await startHelper();
      const before = peakMiB(fresh);
      const text = Buffer.from(`{"jsonrpc":"2.0","id":77,"method":"attach","params":${params()}}`);
      let answers = "";
      fresh.child.stdout?.on("data", (chunk) => (answers += String(chunk)));
      fresh.child.stdin?.write(encodeFrameHeader(FRAME_KIND.json, text.length));
      fresh.child.stdin?.write(text);
      await until("it is refused", () => answers.includes('"id":77,"error"') && answers.includes("invalid-request"));
      assert.ok(answers.length < 10_000, `the answer has ${answers.length} characters`);
      const cost = peakMiB(fresh) - before;
      assert.ok(cost < FRAME_COST_MIB, `${cost} MiB`);
      await fresh.stop();
    });
});

describe("what would cost more ends the helper", () => {
  const half = FRAME_BYTES / 2;
  for (const [name, text, message] of [
    ["nested as deep as it goes", "[".repeat(half) + "]".repeat(half), /nests deeper than 32/],
    ["nothing but lists", `[${"[],".repeat(FRAME_BYTES / 3)}[]]`, /more than \d+ lists/],
    ["nothing but objects", `[${"{},".repeat(FRAME_BYTES / 3)}{}]`, /more than \d+ lists/],
  ] as const)
    it(name, async () => {
      const child = spawnHelper();
      let errors = "";
      child.stderr?.on("data", (chunk) => (errors += String(chunk)));
      const closed = once(child, "close");
      child.stdin?.write(encodeFrameHeader(FRAME_KIND.json, text.length));
      child.stdin?.end(text);
      assert.deepEqual(await closed, [1, null]);
      assert.match(errors, message);
    });
});

it("answers that nobody reads are not made", async () => {
  const before = peakMiB(helper);
  helper.child.stdout?.pause();
  const file = { pid: target.pid, startTime: startTime(target.pid), offset: 0, length: 1 << 20 };
  const answers = Array.from({ length: 900 }, () => helper.client.readFile(file));
  // Once it has taken what it takes, it waits.
  let last = 0;
  await until("it waits", () => {
    const { state, ticks } = statOf(helper);
    const waits = state === "S" && ticks === last;
    last = ticks;
    return waits;
  });
  assert.ok(peakMiB(helper) - before < UNREAD_COST_MIB, `${peakMiB(helper) - before} MiB`);
  helper.child.stdout?.resume();
  for (const answer of await Promise.all(answers)) assert.equal(answer.size, readFileSync(program.path).length);
  assert.ok(peakMiB(helper) - before < UNREAD_COST_MIB, `${peakMiB(helper) - before} MiB`);
});

/** VmHWM of /proc/PID/status. */
function peakMiB({ child }: RunningHelper): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1]) >> 10;
}

function statOf({ child }: RunningHelper): { state: string; ticks: number } {
  const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", ticks: Number(fields[11]) + Number(fields[12]) };
}
