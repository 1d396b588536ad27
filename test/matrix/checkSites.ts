/** The obligations of all probe sites (src/probe/amd64/obligations.ts), as an independent witness sees them. */

import { secretNames } from "../../src/goabi/secretNames.ts";
import type { GoBinary, GoFunction } from "../../src/gobinary/api.ts";
import { findSites } from "../../src/probe/amd64/functionSites.ts";
import { DEFAULT_LIMITS, type ProbeSite } from "../../src/probe/api.ts";
import { planFunction } from "../../src/probe/plan.ts";
import { FLOAT_REGISTERS, type RootPiece } from "../../src/protocol/capture.ts";
import { Findings } from "./findings.ts";
import { type ChosenSites, type Claim, checkChosen } from "./witness/sites.ts";

/** abi-internal.md, amd64: where arguments can be; RBP is the caller's frame pointer, R14 g. */
const ARGUMENT_REGISTERS = ["RAX", "RBX", "RCX", "RDI", "RSI", "R8", "R9", "R10", "R11", ...FLOAT_REGISTERS];
const REGISTER_ABI = ["R14"];

type Choice = Pick<ChosenSites, "registers" | "stack" | "argumentsKnown"> & {
  readonly entry: ProbeSite;
  readonly returns: readonly ProbeSite[];
  readonly jumpsAway: boolean;
};

/** `twin`: a file with symbols and the same code. */
export async function checkSites(binary: GoBinary, file: string, twin: string): Promise<Findings> {
  const findings = new Findings();
  for (const name of ["functions", "emulated", "stepped", "refused", "checked", "failed"]) findings.count(name, 0);
  const chosen = await chosenSites(binary, findings);
  for await (const { name, complaints, notes } of checkChosen(file, twin, chosen)) {
    findings.count("checked");
    if (complaints.length > 0) findings.count("failed");
    for (const complaint of complaints) findings.differ(`broken: ${kindOf(complaint)}`, `${name}: ${complaint}`);
    for (const note of new Set(notes)) findings.differ(`note: ${kindOf(note)}`, name);
  }
  return findings;
}

export async function chosenSites(binary: GoBinary, findings: Findings): Promise<ChosenSites[]> {
  const chosen: ChosenSites[] = [];
  for (const fn of await binary.functions()) {
    if (fn.notTraceable !== undefined) continue;
    findings.count("functions");
    const choice = await choose(binary, fn);
    if ("reason" in choice) {
      findings.count("refused");
      findings.differ(`not planned: ${choice.reason.replace(/[+\d]+/g, "N")}`, fn.name);
      continue;
    }
    const { entry, returns, ...rest } = choice;
    findings.count(entry.kind);
    if (entry.address !== fn.entry) findings.count("behind the first instruction");
    if (entry.skipIfBelowOrEqual) findings.count("at the stack check's branch");
    findings.count("returns", returns.length);
    const { name, entry: start, end, convention } = fn;
    const cameBack = entry.cameBack === undefined ? {} : { cameBack: entry.cameBack };
    const sites = { site: claim(entry), returns: returns.map(claim), ...cameBack };
    chosen.push({ name, entry: start, end, registerABI: convention === "register", ...sites, ...rest });
  }
  return chosen;
}

/** Without DWARF's types, every register that can hold an argument has to be intact. */
async function choose(binary: GoBinary, fn: GoFunction): Promise<Choice | { readonly reason: string }> {
  const code = await binary.code(fn);
  const signature = await binary.signature(fn);
  const always = fn.convention === "register" ? REGISTER_ABI : [];
  if (signature.ok) {
    const context = { stack: true };
    const planned = planFunction({
      fn,
      arch: binary.arch,
      signature,
      code,
      limits: DEFAULT_LIMITS,
      isSecret: secretNames([]),
      context,
    });
    if (!planned.ok) return planned;
    const { entry, returns, jumpsAway = false, call } = planned.plan;
    const { pieces } = call.capture;
    const registers = [...always, ...registersOf(pieces)];
    return { entry, returns, jumpsAway, registers, argumentsKnown: true, stack: stackOf(pieces) };
  }
  const registers = fn.convention === "register" ? [...REGISTER_ABI, ...ARGUMENT_REGISTERS] : [];
  const sites = findSites({ fn, code, registers: new Set(["RSP", ...registers]) });
  if (!sites.ok) return sites;
  const { entry, returns, jumpsAway } = sites;
  return { entry, returns, jumpsAway, registers, argumentsKnown: false, stack: [] };
}

function registersOf(pieces: readonly RootPiece[]): string[] {
  return pieces
    .filter((piece) => piece.kind === "register" || piece.kind === "float")
    .map(({ register }) => register)
    .filter((register) => register !== "LABELS" && register !== "RIP");
}

function stackOf(pieces: readonly RootPiece[]): [offset: number, size: number][] {
  return pieces.filter((piece) => piece.kind === "stack").map(({ offset, size }) => [offset, size]);
}

function claim({ address, expected, kind, cfaOffset, skipIfBelowOrEqual }: ProbeSite): Claim {
  return { address, bytes: expected, emulated: kind === "emulated", cfaOffset, skip: skipIfBelowOrEqual };
}

/** Without its addresses, registers and instructions. */
function kindOf(text: string): string {
  return text
    .replace(/\(.*?\)/g, "(…)")
    .replace(/\+\d+/g, "+N")
    .replace(/\b(R[A-Z0-9]+|X\d+) is not/, "R is not");
}
