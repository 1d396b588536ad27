/** What a trace of inlined calls shows, against the same program built without inlining. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CallEvent } from "../../src/engine/api.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { planInlinedCalls } from "../../src/engine/plan/inlinedCalls.ts";
import { secretNames } from "../../src/goabi/secretNames.ts";
import type { GoBinary, GoFunction } from "../../src/gobinary/api.ts";
import { DEFAULT_LIMITS, type InlinedCallPlan } from "../../src/probe/api.ts";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";

export const SOURCE = fileURLToPath(new URL("../programs/inlined", import.meta.url));
const TEXT = ["main.go", "generic.go"].map((name) => readFileSync(`${SOURCE}/${name}`, "utf8")).join("\n");
/** Functions that the program calls, without literals, whose names differ when they are not inlined. */
const CALLEES = [...TEXT.matchAll(/^func (?:\(\w+ (\*?)(\w+)\) )?(\w+)/gm)]
  .filter(([, , , name]) => !/^(call.*|main|outside)$/.test(name ?? ""))
  .map(([, pointer, type, name]) => {
    if (type === undefined) return `main.${name}`;
    return pointer === "*" ? `main.(*${type}).${name}` : `main.${type}.${name}`;
  });

export interface Comparison {
  /** Lines of which every call was seen, in order. */
  readonly exactLines: number;
  readonly inlinedCalls: number;
  /** Arguments of inlined calls with their values. */
  readonly shown: number;
}

/** Throws where a count or a value is not the witness's. */
export async function compareInlined(toolchain: string, ...flags: string[]): Promise<Comparison> {
  const program = buildGo("inlined", toolchain, ...flags);
  const witness = await callsIn(buildGo("inlined", toolchain, "-gcflags=-l"));
  const inlinedCalls = await inlinedCallsIn(program);
  const seen = await callsIn(program);
  const result = { exactLines: 0, inlinedCalls: 0, shown: 0 };
  for (const [place, calls] of seen) {
    const expected = witness.get(place) ?? [];
    const there = inlinedCalls.get(place) ?? [];
    // Only such lines stand for one copy each; others are inlined into several places, and some are optimised away.
    const whole = there.length === 1 && "site" in there[0]! && there[0].call.func.startsWith("main.call");
    assert.ok(calls.length <= expected.length, `${place}: ${calls.length} calls seen, ${expected.length} made`);
    if (whole) assert.equal(calls.length, expected.length, `${place}: calls seen`);
    for (const [index, call] of calls.entries()) {
      if (call.inlined === true) result.inlinedCalls += 1;
      const candidates = whole ? [expected[index]!] : expected;
      assert.ok(
        candidates.some((candidate) => agrees(call, candidate)),
        `${place}: ${JSON.stringify(call.args)}, made ${candidates.map(({ args }) => JSON.stringify(args)).join(" ")}`,
      );
      if (call.inlined === true)
        result.shown += call.args.filter(({ text }) => !text.includes("<unavailable: ")).length;
    }
    if (whole) result.exactLines += 1;
  }
  return result;
}

/** By function and line of the call. */
async function inlinedCallsIn(program: string): Promise<Map<string, InlinedCallPlan[]>> {
  const engine = createEngine({ source: SOURCE });
  const inlinedCalls = new Map<string, InlinedCallPlan[]>();
  try {
    const binary = await engine.openFile(newJob(), program);
    for (const fn of await tracedIn(binary)) {
      const plan = await engine.plan(binary, fn, secretNames([]));
      assert.ok(!("reason" in plan), fn.name);
      for (const inlined of plan.inlinedCalls) push(inlinedCalls, `${fn.name}:${inlined.call.line}`, inlined);
    }
    binary.close();
  } finally {
    await engine.dispose();
  }
  return inlinedCalls;
}

/** The callees as the program has them: instances, with code or without; some are optimised away. */
async function tracedIn(binary: GoBinary): Promise<GoFunction[]> {
  const all = await binary.functions();
  const found: GoFunction[] = [];
  for (const name of CALLEES) {
    const own = all.filter((fn) => fn.name === name || fn.name.startsWith(`${name}[`));
    const inlined = own.length > 0 ? undefined : await binary.inlinedOnly(name);
    found.push(...own.filter(({ notTraceable }) => notTraceable === undefined));
    if (
      inlined !== undefined &&
      (await planInlinedCalls(binary, inlined, DEFAULT_LIMITS, secretNames([]))).some((inlined) => "site" in inlined)
    )
      found.push(inlined);
  }
  return found;
}

/** By function and line of the call, in order. */
async function callsIn(program: string): Promise<Map<string, CallEvent[]>> {
  const engine = createEngine();
  const binary = await engine.openFile(newJob(), program);
  const names = (await tracedIn(binary)).map(({ name }) => name);
  binary.close();
  await engine.dispose();
  const { status, stdout, stderr } = await run(
    "trace",
    ...new Set(names),
    "--source",
    SOURCE,
    "--format",
    "jsonl",
    "--",
    program,
  );
  assert.equal(status, 0, stderr);
  const { calls, stats } = eventsOf(stdout);
  for (const { func, hits, emitted } of stats) {
    assert.equal(emitted, hits, func);
    assert.equal(calls.filter((call) => call.func === func).length, hits, func);
  }
  const byPlace = new Map<string, CallEvent[]>();
  for (const call of calls) push(byPlace, `${call.func}:${call.callerLine}`, call);
  return byPlace;
}

/** Whether all that is shown of a call is what the witness shows; addresses differ from run to run. */
function agrees(seen: CallEvent, made: CallEvent): boolean {
  return (
    seen.caller === made.caller &&
    seen.args.every(({ name, text }) => {
      const other = made.args.find((candidate) => candidate.name === name)?.text;
      if (text.includes("<unavailable: ") || other?.includes("<unavailable: ") === true) return true;
      return other === text || (text.includes("0x") && other?.includes("0x") === true);
    })
  );
}

function push<T>(groups: Map<string, T[]>, key: string, item: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [item]);
  else group.push(item);
}
