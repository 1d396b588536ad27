/** Values under load: threads at full speed, stacks that move, the collector running. Each value follows from its call's number. */
import { Findings } from "../matrix/findings.ts";
import { until } from "../until.ts";
import { buildValues } from "./build.ts";
import { compareCall, wrong } from "./check.ts";
import { Process, startTrace } from "./process.ts";
import { type Call, linesOf, tracedCalls, type Value } from "./target.ts";

/** Calls between two looks at the output, which is compared and forgotten then. */
const ROUND = 20_000;
/** A round on a loaded machine, and the reading of its events. */
const ROUND_LIMIT_MS = 120_000;

/** Compares at least so many values; calls whose events are dropped count for nothing. */
export async function checkLoad(version: string, mode: string, values: number): Promise<Findings> {
  const program = await buildValues(version, mode, "package main\n");
  const target = new Process(program.file, []);
  const findings = new Findings();
  for (const counted of ["compared", "equal", "unavailable", "wrong"]) findings.count(counted, 0);
  try {
    while (findings.counts["compared"]! < values) {
      const options = program.source === undefined ? [] : ["--source", program.source];
      const args = ["main.loaded", "--pid", String(target.pid), "--returns", "--format", "jsonl", ...options];
      const trace = await startTrace(args);
      try {
        target.stdout = "";
        target.send(`load ${ROUND}`);
        await until("the calls", () => target.stdout === "done\n", ROUND_LIMIT_MS);
        trace.kill("SIGINT");
        await trace.closed(ROUND_LIMIT_MS);
      } finally {
        trace.kill("SIGKILL");
      }
      // Without its last line it was not the calls that went wrong: a machine that is busy for long lets the lease end.
      if (!trace.stdout.includes('"event":"stats"')) throw new Error(`the trace ended early: ${trace.stderr}`);
      compareRound(findings, trace.stdout);
    }
  } finally {
    target.kill("SIGKILL");
  }
  return findings;
}

function compareRound(findings: Findings, jsonl: string): void {
  const stats = linesOf(jsonl.slice(-1000)).at(-1);
  const { hits, dropped } = JSON.parse(stats ?? "{}") as { hits?: number; dropped?: number };
  if (hits !== ROUND) wrong(findings, "hits", `${hits} of ${ROUND} calls`);
  const { traced } = tracedCalls(jsonl);
  findings.count("dropped", dropped);
  for (const call of traced) {
    const known = knownCall(Number(call.args[0]?.text));
    // The return of a call may have been dropped.
    compareCall(findings, call.results === undefined ? { ...known, results: [] } : known, { results: [], ...call });
  }
}

function knownCall(call: number): Call {
  const point = (x: number, y: number) => `main.Point{X:${x}, Y:${y}}`;
  const list = Array.from({ length: call % 5 }, (_, i) => call + i).join(", ");
  const held = [`int(${call})`, `main.Name("n${call}")`, `&main.Line{SKU:"sku", Qty:${call}, Price:0.5}`][call % 3]!;
  const value = (name: string, type: string, text: string): Value => ({ name, type, text });
  return {
    func: "main.loaded",
    args: [
      value("call", "int", String(call)),
      value("s", "string", `"s${call}"`),
      value("p", "*main.Point", `&${point(call, -call)}`),
      value("list", "[]int32", `[]int32{${list}}`),
      value("m", "map[string]int", `map[string]int{"k":${call}, "l":${-call}}`),
      value("nine", "main.Nine", `main.Nine{A:${call}, B:0, C:0, D:0, E:0, F:0, G:0, H:0, I:${-call}}`),
      value("any", "interface {}", held),
    ],
    results: [
      value("sum", "main.Point", point(call + `s${call}`.length, call)),
      value("err", "error", `main.MyError{Code:${call}, Msg:"s${call}"}`),
    ],
  };
}
