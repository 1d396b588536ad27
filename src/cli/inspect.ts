/** `probelens inspect`: the objdump-and-gdb view of one function. */
import { setFlagsFromString } from "node:v8";
import { ARCHITECTURES } from "../arch/arch.ts";
import { createEngine, type FullEngine } from "../engine/engine.ts";
import { inlinedSummary } from "../engine/plan/inlinedBounds.ts";
import { matchAlsoInlined } from "../engine/plan/resolvePatterns.ts";
import type { AnswerCache, AskedFile } from "../engine/programs/answerCache.ts";
import { matchText, type SourcedBinary, type SourceMatch } from "../engine/programs/sourceCompletion.ts";
import { beyondHits, followsPointers } from "../engine/trace/hitCost.ts";
import { isRefusal, type Refusal } from "../goabi/refusal.ts";
import { secretNames } from "../goabi/secretNames.ts";
import type { GoBinary, GoFunction } from "../gobinary/api.ts";
import { DEFAULT_LIMITS, type FunctionPlan, type InlinedCallPlan, type ProbeSite } from "../probe/api.ts";
import { shown } from "../protocol/shown.ts";
import { type FunctionRow, functionRow, hex, signatureText, type VariableRow } from "./functionRow.ts";
import { openTarget, sayWarnings } from "./list.ts";
import type { ParsedOptions } from "./options.ts";
import { columns, type Printer } from "./print.ts";

/** Instructions shown before and after the probe site. */
const AROUND = 8;
/** The breakpoint that a uprobe puts in place of an instruction's first byte. */
const INT3 = 0xcc;

/** Copies named; of some functions of the standard library there are thousands. */
const MAX_NAMED_CALLS = 50;
/** An answer about more functions is not kept. */
const MAX_STORED_FUNCTIONS = 64;

/**
 * Keeps a cold answer's peak some 20 MB lower. Nearly all that is made is thrown away at once, so the young need no more
 * room; and V8 would compile the disassembler a second time for speed, which a few functions never bring back (Node 20
 * heeds the second flag, Node 24 the third). Not set earlier: with other flags Node compiles its own modules anew.
 */
const FRUGAL = ["--semi-space-growth-factor=1", "--liftoff-only", "--wasm-tiering-budget=1000000000"];

/** Where the answer may be kept. */
export interface Asked {
  readonly cache: AnswerCache;
  readonly file: AskedFile;
}

export async function inspectAll(parsed: ParsedOptions, printer: Printer, asked: Asked | undefined): Promise<void> {
  const engine = createEngine({ terminal: true, source: parsed.texts.get("--source") });
  try {
    const binary = await openTarget(engine, parsed);
    for (const flag of FRUGAL) setFlagsFromString(flag);
    const told = binary.warnings.length;
    const lines: string[] = [];
    let whole = true;
    const functions = await matchAlsoInlined(binary, parsed.positionals[0] ?? "");
    for (const [index, fn] of functions.entries()) {
      const inspection = await inspect(engine, binary, fn, parsed.numbers.get("--pid"));
      const text = parsed.flags.has("--json")
        ? [JSON.stringify(asJson(inspection))]
        : [...(index === 0 ? [] : [""]), ...(await asText(inspection, binary))];
      for (const line of text) await printer.line(line);
      whole &&= inspection.row.missingResults === undefined && !restsOnCheckout(binary, inspection);
      if (functions.length <= MAX_STORED_FUNCTIONS) lines.push(...text);
    }
    sayWarnings(binary, told);
    if (asked === undefined || functions.length > MAX_STORED_FUNCTIONS) return;
    // Warnings would have to be told again; for a file without DWARF a debug file may yet appear, and for an answer
    // without results, or with arguments of inlined calls, a checkout.
    if (!whole || !binary.hasDwarf || binary.warnings.length > 0) return;
    const others = binary.debugFile === undefined ? [] : [binary.debugFile];
    await asked.cache.put(asked.file, lines.join("\n"), others);
  } finally {
    await engine.dispose();
  }
}

/** Which arguments of inlined calls are shown depends on the source, where version control can prove it. */
function restsOnCheckout({ buildInfo: { settings } }: GoBinary, { inlinedCalls }: Inspection): boolean {
  const proves = settings["vcs.modified"] === "false";
  return proves && inlinedCalls.some((inlined) => "site" in inlined && inlined.plan.variables.length > 0);
}

type ProbedInlinedCall = Extract<InlinedCallPlan, { site: unknown }>;

interface Inspection {
  readonly row: FunctionRow;
  readonly fn: GoFunction;
  readonly code: Uint8Array;
  readonly plan: FunctionPlan | undefined;
  /** With --source: whether it is what the binary was built from. */
  readonly match: SourceMatch | undefined;
  /** Calls of the function that were inlined, instead of calling its code. */
  readonly inlinedCalls: readonly InlinedCallPlan[];
  /** With --pid: the code as it stands in the process. */
  readonly live: Uint8Array | undefined;
}

async function inspect(
  engine: FullEngine,
  binary: SourcedBinary,
  fn: GoFunction,
  pid: number | undefined,
): Promise<Inspection> {
  const [row, plan] = await Promise.all([functionRow(binary, fn), engine.plan(binary, fn, secretNames([]))]);
  if (fn.inlinedEverywhere === true) return inspectInlined(row, fn, plan, await binary.sourceMatch?.(fn));
  const code = await binary.code(fn);
  const live = pid === undefined ? undefined : await engine.liveBytes(pid, binary, fn);
  const match = await binary.sourceMatch?.(fn);
  const found = { fn, code, match, live };
  if (!isRefusal(plan)) return { ...found, row, plan, inlinedCalls: plan.inlinedCalls };
  const { planInlinedCalls } = await import("../engine/plan/inlinedCalls.ts");
  const inlinedCalls = await planInlinedCalls(binary, fn, DEFAULT_LIMITS, secretNames([]));
  return { ...found, row: { ...row, traceable: false, why: row.why ?? plan.reason }, plan: undefined, inlinedCalls };
}

/** It has no code of its own: what can be traced are the inlined calls. */
function inspectInlined(
  row: FunctionRow,
  fn: GoFunction,
  plan: FunctionPlan | Refusal,
  match: SourceMatch | undefined,
): Inspection {
  const inlinedCalls = isRefusal(plan) ? [] : plan.inlinedCalls;
  const { why: _why, ...known } = row;
  const found = { fn, code: new Uint8Array(0), plan: undefined, match, inlinedCalls, live: undefined };
  if (inlinedCalls.some((inlined) => "site" in inlined)) return { ...found, row: { ...known, traceable: true } };
  const why = "it has no code of its own, because every call was inlined, and none of these calls can be traced";
  return { ...found, row: { ...known, traceable: false, why } };
}

function asJson({ row, plan, match, inlinedCalls, live }: Inspection): object {
  return {
    ...row,
    ...(match === undefined ? {} : { source: match }),
    ...(inlinedCalls.length === 0 ? {} : { copies: inlinedCalls.slice(0, MAX_NAMED_CALLS).map(inlinedJson) }),
    ...(plan?.entry === undefined
      ? {}
      : { site: siteJson(plan.entry), returns: plan.returns.map((site) => hex(site.address)) }),
    ...(live === undefined ? {} : { bytes: Buffer.from(live).toString("hex") }),
  };
}

function inlinedJson(inlined: InlinedCallPlan): object {
  const { func, file, line, enclosing } = inlined.call;
  return {
    func,
    file,
    line,
    ...(enclosing.name === func ? {} : { within: enclosing.name }),
    ...("site" in inlined
      ? { traceable: true, site: siteJson(inlined.site), args: argumentNames(inlined) }
      : { traceable: false, why: inlined.reason }),
  };
}

function siteJson({ address, offset, kind, instruction, predictedNs }: ProbeSite): object {
  return { address: hex(address), offset: hex(offset), kind, instruction, predictedNs };
}

async function asText(
  { row, fn, code, plan, match, inlinedCalls, live }: Inspection,
  binary: GoBinary,
): Promise<string[]> {
  const lines = [
    `${row.func}${signatureText(row)}`,
    `  declared   ${row.file === "" ? "unknown" : `${row.file}:${row.line}`}`,
    fn.inlinedEverywhere === true
      ? `  code       none of its own in ${shown(binary.name)}: every call was inlined`
      : `  code       ${row.entry}, ${row.size} bytes, at file offset ${row.offset} of ${shown(binary.name)}`,
    ...(match === undefined ? [] : [`  source     ${matchText(match)}`]),
    ...inlinedText(row.inlined, inlinedCalls),
    ...variables("arguments at the first instruction", row.params),
    ...(row.missingResults === undefined
      ? variables("results at the return", row.results)
      : [`  results    unknown: ${row.missingResults}`]),
  ];
  if (fn.inlinedEverywhere === true) return row.why === undefined ? lines : [...lines, `  not traceable: ${row.why}`];
  if (plan?.entry === undefined) {
    lines.push(`  not traceable: ${row.why}`);
  } else {
    const { entry, returns, call } = plan;
    const how = entry.kind === "emulated" ? "emulated by the kernel" : "single-stepped by the kernel";
    lines.push(
      `  probe site ${hex(entry.address)} (+${entry.address - fn.entry}): ${entry.instruction}, ${how}, about ${entry.predictedNs} ns a call`,
      `  returns    ${returns.length === 0 ? "none" : returns.map((site) => hex(site.address)).join(" ")}`,
      `  cost       ${costText(entry, returns)}${beyondHits(followsPointers(call))}`,
    );
  }
  const { noProbes } = ARCHITECTURES[binary.arch];
  // Only amd64 code can be decoded, and only there are probes placed.
  if (noProbes === undefined) lines.push(...(await disassembly(fn, code, plan?.entry?.address, live)));
  return lines;
}

/** Predicted, where machines differ: a trace says what this one measures. */
function costText(entry: ProbeSite, returns: readonly ProbeSite[]): string {
  const share = (ns: number): string => `${Number((ns / 1e4).toPrecision(2))} % of a core for 1000 calls/s`;
  const [ret] = returns;
  if (ret === undefined) return share(entry.predictedNs);
  const how = ret.kind === "emulated" ? "emulated" : "single-stepped";
  return `${share(entry.predictedNs)}, with --returns (${how}) ${share(entry.predictedNs + ret.predictedNs)}`;
}

function siteText({ site, plan }: ProbedInlinedCall): string {
  const shown = argumentNames({ plan });
  return `probe at ${hex(site.address)}${shown.length === 0 ? "" : `, shows ${shown.join(", ")}`}`;
}

/** Of the arguments whose values are known there. */
function argumentNames({ plan }: Pick<ProbedInlinedCall, "plan">): string[] {
  return plan.variables
    .filter(({ pieces }) => pieces.every(({ reason }) => reason === undefined))
    .map(({ variable }) => variable.name);
}

/** A probe on the function's own code does not see these calls; those that can be traced have a probe of their own. */
function inlinedText(count: number, inlinedCalls: readonly InlinedCallPlan[]): string[] {
  if (count === 0 && inlinedCalls.length === 0) return ["  inlined    nowhere known"];
  const places = inlinedCalls.slice(0, MAX_NAMED_CALLS).map((inlined) => {
    const { func, file, line, enclosing } = inlined.call;
    const within = enclosing.name === func ? "" : ` (within ${enclosing.name})`;
    return [
      `    in ${func}${within}`,
      `${file}:${line}`,
      "site" in inlined ? siteText(inlined) : `not traceable: ${inlined.reason}`,
    ];
  });
  const more = inlinedCalls.length > MAX_NAMED_CALLS ? [`    … and ${inlinedCalls.length - MAX_NAMED_CALLS} more`] : [];
  return [`  ${inlinedSummary(count, inlinedCalls).replace(/^inlined /, "inlined    ")}`, ...columns(places), ...more];
}

function variables(title: string, list: readonly VariableRow[] | undefined): string[] {
  if (list === undefined) return [`  ${title}: unknown (no debug information)`];
  if (list.length === 0) return [];
  const rows = list.map(({ name, type, location }) => [
    `    ${name}`,
    type,
    location.length === 0 ? "(takes no space)" : location.join(" "),
  ]);
  return [`  ${title}`, ...columns(rows)];
}

async function disassembly(
  fn: GoFunction,
  code: Uint8Array,
  site: number | undefined,
  live: Uint8Array | undefined,
): Promise<string[]> {
  const { decodeFunction, formatInstruction } = await import("../probe/amd64/decode.ts");
  const decoded = decodeFunction(code);
  if (!decoded.ok) return [`  no disassembly: ${decoded.reason}`];
  const { instructions } = decoded;
  const at = site === undefined ? 0 : site - fn.entry;
  const center = Math.max(
    0,
    instructions.findIndex((instruction) => instruction.at === at),
  );
  const from = Math.max(0, center - AROUND);
  const rows = instructions.slice(from, center + AROUND + 1).map(({ at: start, length }) => {
    const bytes = code.subarray(start, start + length);
    const now = live?.subarray(start, start + length);
    const changed = now !== undefined && !Buffer.from(bytes).equals(Buffer.from(now));
    const note = changed ? `now ${spaced(now)}${now[0] === INT3 ? " (a probe's int3)" : ""}` : "";
    const mark = fn.entry + start === site ? ">" : " ";
    return [
      `  ${mark} ${hex(fn.entry + start)}`,
      spaced(bytes),
      `${formatInstruction(code, start, fn.entry)}${note === "" ? "" : `   ${note}`}`,
    ];
  });
  const place = site === undefined ? "from the first instruction" : "around the probe site";
  const title = `  disassembly ${place}${live === undefined ? "" : ", compared with the process"}`;
  const cut = from > 0 ? ["    …"] : [];
  return [title, ...cut, ...columns(rows), ...(center + AROUND + 1 < instructions.length ? ["    …"] : [])];
}

function spaced(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
