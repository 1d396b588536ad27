/**
 * Real calls: traces every function of shapes through the CLI and compares arguments and results with those that the
 * program itself prints. This is what confirms the ABI's places where DWARF says otherwise.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Findings } from "./findings.ts";

const exec = promisify(execFile);
const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const SOURCE = fileURLToPath(new URL("../programs/shapes", import.meta.url));
const TRACE_LIMIT_MS = 2 * 60_000;
const MAX_OUTPUT_BYTES = 64 << 20;

interface TracedValue {
  readonly name: string;
  readonly text: string;
}
interface TracedCall {
  readonly id: number;
  readonly func: string;
  readonly caller: string;
  readonly args: readonly TracedValue[];
  results?: readonly TracedValue[];
}
interface KnownCall {
  readonly func: string;
  readonly args: readonly TracedValue[];
  readonly results: readonly TracedValue[];
}

/** `withSource`: the program has no DWARF; its types come from the source. */
export async function checkValues(file: string, withSource: boolean): Promise<Findings> {
  const findings = new Findings();
  const known = await knownCalls(file);
  const libraries = new Set(known.map(({ func }) => func).filter((func) => !isMain(func) && !func.includes("/asmfn.")));
  const traced = await trace(file, ["main.*", ...libraries], withSource ? ["--source", SOURCE] : []);
  for (const func of new Set(known.map((call) => call.func))) {
    const expected = known.filter((call) => call.func === func);
    // Calls from the table of known calls, not those that shapes' functions make among themselves; a library's
    // functions are called in one place only, which may be in the library.
    const seen = traced.filter(
      (call) => plain(call.func) === func && (!isMain(func) || /^main\.(init|glob)\b/.test(call.caller)),
    );
    if (seen.length === 0) findings.count("functions not seen");
    else if (seen.length !== expected.length)
      findings.differ("number of calls", `${func}: ${expected.length} made, ${seen.length} seen`);
    else expected.forEach((call, index) => compareCall(findings, call, seen[index]!));
  }
  return findings;
}

function compareCall(findings: Findings, known: KnownCall, traced: TracedCall): void {
  findings.count("calls");
  compare(findings, `${traced.func} `, known.args, traced.args);
  if (known.results.length === 0) return;
  if (traced.results === undefined) findings.differ("no return", traced.func);
  else compare(findings, `${traced.func} result `, known.results, traced.results);
}

function compare(
  findings: Findings,
  what: string,
  known: readonly TracedValue[],
  traced: readonly TracedValue[],
): void {
  for (const { name, text } of known) {
    // Up to Go 1.17 unnamed results are counted with the parameters before them.
    const values = traced.filter((value) => value.name === name);
    const value = values[0];
    if (value === undefined) {
      findings.differ("not shown", `${what}${name}`);
    } else if (value.text === text) {
      findings.count("right");
    } else if (value.text.includes("<unavailable: ")) {
      findings.count("unavailable");
      const reason = /<unavailable: ([^>]*)>/.exec(value.text)![1]!;
      findings.differ(`unavailable: ${reason}`, `${what}${name}: ${text}`);
    } else if (/[&(]/.test(text) && /^\(\*+.*\)\(0x[0-9a-f]+\)$/.test(value.text)) {
      findings.count("pointers not followed");
    } else {
      findings.differ("WRONG", `${what}${name}: ${value.text}, should be ${text}`);
    }
  }
}

async function knownCalls(file: string): Promise<KnownCall[]> {
  const { stdout } = await exec(file, ["-print"]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [func, ...values] = line.split("\t");
      const parse = (text: string) => ({
        name: text.slice(0, text.indexOf("=")),
        text: text.slice(text.indexOf("=") + 1),
      });
      return {
        func: plain(func!),
        args: values.filter((value) => !value.startsWith("=>")).map(parse),
        results: values.filter((value) => value.startsWith("=>")).map((value) => parse(value.slice(2))),
      };
    });
}

async function trace(file: string, patterns: readonly string[], options: readonly string[]): Promise<TracedCall[]> {
  const { stdout } = await exec(
    process.execPath,
    [CLI, "trace", "--budget", "off", ...patterns, "--returns", "--format", "jsonl", ...options, "--", file],
    {
      timeout: TRACE_LIMIT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    },
  );
  const calls = new Map<number, TracedCall>();
  for (const line of stdout.trim().split("\n")) {
    const event = JSON.parse(line) as TracedCall & { event: string };
    if (event.event === "call") calls.set(event.id, event);
    const call = calls.get(event.id);
    if (event.event === "return" && call !== undefined && event.results !== undefined) call.results = event.results;
  }
  return [...calls.values()].sort((a, b) => a.id - b.id);
}

function isMain(func: string): boolean {
  return func.startsWith("main.");
}

/** Instances are `go.shape.int_0` up to Go 1.19, `go.shape.int` later. */
function plain(func: string): string {
  return func.replace(/(go\.shape\.\w+?)_\d+/g, "$1");
}
