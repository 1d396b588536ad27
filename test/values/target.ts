/** Runs test/programs/values under the command line's trace: what the program says, and what the trace shows. */
import type { Value as Tree } from "../../src/value/api.ts";
import { LIMIT_MS, until } from "../until.ts";
import type { ValuesProgram } from "./build.ts";
import { Process, startTrace } from "./process.ts";

/** Calls between two waits: their largest possible events fit the ring many times. */
const BATCH = 50;
const END_LIMIT_MS = 2 * LIMIT_MS;

export interface Value {
  readonly name: string;
  readonly type: string;
  readonly text: string;
  /** With --values. */
  readonly value?: Tree;
}
export interface Call {
  readonly func: string;
  readonly args: readonly Value[];
  /** Absent: no return was seen. */
  readonly results?: readonly Value[];
  /** Why some results are left out. */
  readonly missingResults?: string;
}
export interface Observation {
  readonly known: readonly Call[];
  readonly traced: readonly Call[];
  /** Events that the kernel had no room for. */
  readonly dropped: number;
}

/** `wanted`: of its functions; absent: all that can be told from others by their names. */
export async function observe(
  program: ValuesProgram,
  options: readonly string[] = [],
  wanted?: readonly string[],
): Promise<Observation> {
  const { file, source, ambiguous } = program;
  const target = new Process(file, []);
  try {
    const functions = wanted ?? (await functionsOf(file)).filter((name) => ambiguous?.test(name) !== true);
    const from = source === undefined ? [] : ["--source", source];
    const trace = await startTrace([
      ...functions,
      "--pid",
      String(target.pid),
      "--returns",
      "--format",
      "jsonl",
      ...from,
      ...options,
    ]);
    try {
      await runCalls(target);
      trace.kill("SIGINT");
      await trace.closed(END_LIMIT_MS);
    } finally {
      trace.kill("SIGKILL");
    }
    const traced = new Set(functions);
    const known = linesOf(target.stdout)
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Call)
      .filter(({ func }) => traced.has(func));
    return { known, ...tracedCalls(trace.stdout) };
  } finally {
    target.kill("SIGKILL");
  }
}

export async function functionsOf(file: string): Promise<string[]> {
  const lister = new Process(file, ["functions"]);
  await lister.closed(END_LIMIT_MS);
  return linesOf(lister.stdout);
}

async function runCalls(target: Process): Promise<void> {
  target.send("count");
  const count = await until("the number of calls", () => /^(\d+)\n/.exec(target.stdout)?.[1]);
  for (let from = 0; from < Number(count); from += BATCH) {
    const before = target.stdout.length;
    target.send(`run ${from} ${from + BATCH}`);
    await until(`calls from ${from} on: ${target.stderr}`, () => {
      if (target.ended) throw new Error(`the program ended: ${target.stderr}`);
      return /^done$/m.test(target.stdout.slice(Math.max(before, target.stdout.length - 10)));
    });
  }
}

/** The calls in the output of a trace, each with its return. */
export function tracedCalls(jsonl: string): Pick<Observation, "traced" | "dropped"> {
  type Event =
    | ({ event: "call"; id: number } & Call)
    | { event: "return"; id: number; results: Value[]; missingResults?: string }
    | { event: "stats"; dropped: number };
  const calls = new Map<number, { -readonly [K in keyof Call]: Call[K] }>();
  let dropped = 0;
  for (const line of linesOf(jsonl)) {
    const event = JSON.parse(line) as Event;
    if (event.event === "call") calls.set(event.id, { func: event.func, args: event.args });
    else if (event.event === "return") {
      const call = calls.get(event.id);
      if (call === undefined) continue;
      call.results = event.results;
      if (event.missingResults !== undefined) call.missingResults = event.missingResults;
    } else if (event.event === "stats") dropped += event.dropped;
  }
  return { traced: [...calls.values()], dropped };
}

/** Lines of a program's output, without the empty last one. */
export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
