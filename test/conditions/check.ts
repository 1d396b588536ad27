/** Traces each function with its condition, and holds the calls that pass against what the program says of them. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildProgram } from "../matrix/build.ts";
import { Findings } from "../matrix/findings.ts";
import { modeNamed } from "../matrix/toolchains.ts";
import { LIMIT_MS, until } from "../until.ts";
import { withGenerated } from "../values/build.ts";
import { Process, startTrace } from "../values/process.ts";
import { linesOf } from "../values/target.ts";
import { type Conditions, randomConditions } from "./generate.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Traces at one time: each is two processes. */
const TRACES = 6;
const END_LIMIT_MS = 2 * LIMIT_MS;

interface BuiltConditions {
  readonly file: string;
  readonly options: readonly string[];
}
interface Known {
  readonly condition: number;
  readonly call: number;
  readonly verdict: "yes" | "no" | "undecided";
}
interface Seen {
  /** Numbers of the calls that passed, in order. */
  readonly passed: readonly number[];
  readonly stats: { readonly filtered: number; readonly undecided: number; readonly dropped: number };
}

/** Counts conditions and calls; whatever differs is under a kind that begins with `WRONG`. */
export async function checkConditions(version: string, mode: string, count: number, seed: number): Promise<Findings> {
  const generated = randomConditions(count, seed);
  return await checkBuilt(await buildConditions(version, mode, generated), generated);
}

/** The program of these conditions: its path, and what else a trace of it needs to be told. */
export async function buildConditions(version: string, mode: string, generated: Conditions): Promise<BuiltConditions> {
  const folder = withGenerated("conditions", generated.source);
  const file = await buildProgram({
    folder: relative(ROOT, folder),
    module: "example.com/conditions",
    version,
    name: mode,
    flags: modeNamed(mode).flags,
  });
  // DWARF up to 1.16 lists no unused parameters, so the source has to say where the others stand; 1.17's no results in
  // registers.
  const source = Number(version.split(".")[1]) <= UNLISTED_UP_TO ? ["--source", folder] : [];
  return { file, options: source };
}

/** `traces`: at one time. */
export async function checkBuilt(
  { file, options }: BuiltConditions,
  generated: Conditions,
  traces = TRACES,
): Promise<Findings> {
  const findings = new Findings();
  for (let from = 0; from < generated.conditions.length; from += traces)
    await checkBatch(file, options, generated, from, traces, findings);
  return findings;
}

const UNLISTED_UP_TO = 17;

async function checkBatch(
  file: string,
  source: readonly string[],
  { conditions }: Conditions,
  from: number,
  count: number,
  findings: Findings,
): Promise<void> {
  // A preemption's own signal may come where ours is waited for; then a condition on floats stays undecided.
  const target = new Process(file, [], { GODEBUG: "asyncpreemptoff=1" });
  const traces = new Map<number, Process>();
  try {
    const starts = conditions.slice(from, from + count).map(async ({ text, usesResults }, at) => {
      const returns = usesResults ? ["--returns"] : [];
      const args = [
        `main.condition${from + at}`,
        "--pid",
        String(target.pid),
        "--format",
        "jsonl",
        ...source,
        ...returns,
        "--where",
        text,
      ];
      try {
        traces.set(from + at, await startTrace(args));
      } catch (error) {
        findings.differ("WRONG: refused", `${text}: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
    await Promise.all(starts);
    target.send("run");
    await until("the calls", () => target.stdout.endsWith("done\n"), END_LIMIT_MS);
    const known = linesOf(target.stdout)
      .filter((line) => line !== "done")
      .map((line) => JSON.parse(line) as Known);
    for (const [index, trace] of traces) {
      trace.kill("SIGINT");
      await trace.closed(END_LIMIT_MS);
      const own = known.filter(({ condition }) => condition === index);
      compare(findings, conditions[index]!.text, own, seenBy(trace.stdout));
    }
  } finally {
    for (const trace of traces.values()) trace.kill("SIGKILL");
    target.kill("SIGKILL");
  }
}

function compare(findings: Findings, text: string, known: readonly Known[], { passed, stats }: Seen): void {
  findings.count("conditions");
  findings.count("calls", known.length);
  const of = (verdict: Known["verdict"]) => known.filter((call) => call.verdict === verdict).map(({ call }) => call);
  for (const verdict of ["yes", "no", "undecided"] as const) findings.count(verdict, of(verdict).length);
  const wanted = of("yes");
  if (passed.join() !== wanted.join())
    findings.differ("WRONG: calls that passed", `${text}: ${passed.join()}; holds for ${wanted.join()}`);
  const undecided = of("undecided").length;
  const filtered = known.length - wanted.length;
  if (stats.undecided !== undecided || stats.filtered !== filtered || stats.dropped !== 0)
    findings.differ(
      "WRONG: counts",
      `${text}: ${JSON.stringify(stats)}; filtered should be ${filtered}, undecided ${undecided}`,
    );
}

function seenBy(jsonl: string): Seen {
  type Event = { event: "call"; args: { name: string; text: string }[] } | ({ event: "stats" } & Seen["stats"]);
  const passed: number[] = [];
  let stats = { filtered: -1, undecided: -1, dropped: -1 };
  for (const line of linesOf(jsonl)) {
    const event = JSON.parse(line) as Event;
    if (event.event === "call") passed.push(Number(event.args.find(({ name }) => name === "call")?.text));
    else if (event.event === "stats")
      stats = { filtered: event.filtered, undecided: event.undecided, dropped: event.dropped };
  }
  return { passed, stats };
}
