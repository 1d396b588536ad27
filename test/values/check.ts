/** Holds the values that a trace shows against those that the program itself prints. */
import { Findings } from "../matrix/findings.ts";
import { compareText } from "./compare.ts";
import { type Call, type Observation, type Value } from "./target.ts";

/** Of all values, at most this part may be unavailable. */
export const MAX_UNAVAILABLE = 0.01;

const WRONG = "WRONG";
const EXAMPLE_LENGTH = 500;

/** Counts `compared`, `equal`, `unavailable` and `wrong`; each wrong value and each reason is a difference. */
export function checkValues({ known, traced, dropped }: Observation): Findings {
  const findings = new Findings();
  for (const counted of ["compared", "equal", "unavailable", "wrong"]) findings.count(counted, 0);
  if (dropped > 0) wrong(findings, "events dropped", String(dropped));
  const seen = byFunction(traced);
  for (const [func, expected] of byFunction(known)) {
    const actual = seen.get(func) ?? [];
    if (actual.length !== expected.length) {
      wrong(findings, "number of calls", `${func}: ${expected.length} made, ${actual.length} seen`);
      continue;
    }
    expected.forEach((call, index) => compareCall(findings, call, actual[index]!));
  }
  return findings;
}

/** Of all values, the part (0 to 1) that is unavailable. */
export function unavailablePart({ counts }: Findings): number {
  return (counts["unavailable"] ?? 0) / Math.max(1, counts["compared"] ?? 0);
}

/** Each value that is wrong: what is true and what was shown. */
export function wrongValues(findings: Findings): string[] {
  return [...findings.kinds()].filter(({ kind }) => kind.startsWith(WRONG)).flatMap(({ details }) => details);
}

/** Counts the values of one call, which is the same in both. */
export function compareCall(findings: Findings, known: Call, traced: Call): void {
  findings.count("calls");
  const { args, results = [] } = known;
  findings.count("compared", args.length + results.length);
  compareValues(findings, known.func, args, traced.args);
  if (traced.results === undefined) wrong(findings, "no return", known.func);
  else if (traced.missingResults === undefined) compareValues(findings, known.func, results, traced.results);
  else {
    const shown = new Set(traced.results.map(({ name }) => name));
    const missing = results.filter(({ name }) => !shown.has(name));
    for (const { name, type } of missing) unavailable(findings, traced.missingResults, `${known.func} ${name} ${type}`);
    findings.count("unavailable", missing.length);
    compareValues(
      findings,
      known.func,
      results.filter(({ name }) => shown.has(name)),
      traced.results,
    );
  }
}

function compareValues(findings: Findings, func: string, known: readonly Value[], traced: readonly Value[]): void {
  const names = (values: readonly Value[]) => values.map(({ name }) => name).join(" ");
  if (names(known) !== names(traced)) wrong(findings, "names", `${func}: ${names(known)}; shown: ${names(traced)}`);
  else known.forEach((value, index) => compareValue(findings, `${func} ${value.name}`, value, traced[index]!));
}

function compareValue(findings: Findings, what: string, known: Value, traced: Value): void {
  const compared = compareText(known.text, traced.text);
  if (compared.verdict === "wrong")
    wrong(
      findings,
      "text",
      `${what} ${known.type}\n        is    ${short(known.text)}\n        shown ${short(traced.text)}`,
    );
  else if (traced.type !== known.type && !traced.type.includes("<unavailable"))
    wrong(findings, "type", `${what}: is ${known.type}, shown ${traced.type}`);
  else findings.count(compared.verdict);
  if (compared.verdict === "unavailable")
    for (const reason of new Set(compared.reasons)) unavailable(findings, reason, `${what} ${known.type}`);
}

function byFunction(calls: readonly Call[]): Map<string, Call[]> {
  const groups = new Map<string, Call[]>();
  for (const call of calls) {
    const group = groups.get(call.func);
    if (group === undefined) groups.set(call.func, [call]);
    else group.push(call);
  }
  return groups;
}

function unavailable(findings: Findings, reason: string, detail: string): void {
  findings.differ(`unavailable: ${reason.replaceAll(/\d+/g, "N")}`, detail);
}

export function wrong(findings: Findings, kind: string, detail: string): void {
  findings.count("wrong");
  findings.differ(`${WRONG} ${kind}`, detail);
}

function short(text: string): string {
  return text.length > EXAMPLE_LENGTH ? `${text.slice(0, EXAMPLE_LENGTH)}… (${text.length})` : text;
}
