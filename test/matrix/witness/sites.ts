/**
 * Probe sites checked by a program that shares no code with the chooser (see sites/main.go): it decodes with
 * golang.org/x/arch, follows every way from the entry to the site with what registers and stack hold, and every way on.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProbeSite } from "../../../src/probe/api.ts";
import { buildProgram } from "../build.ts";
import { linesOf } from "./lines.ts";

/** Go that builds the witness. */
const WITNESS = "1.27.4";

/** What was chosen for a function, and what is claimed of it; addresses are the file's. */
export interface ChosenSites {
  readonly name: string;
  readonly entry: number;
  readonly end: number;
  readonly registerABI: boolean;
  readonly site: Claim;
  /** Registers that are read at the site as the caller's. */
  readonly registers: readonly string[];
  /** These are arguments: what the stack check saves must bring all of them back. */
  readonly argumentsKnown: boolean;
  /** Tells of calls whose stack check failed: no argument in a register is believed there. */
  readonly cameBack?: ProbeSite["cameBack"];
  /** Stack bytes that are: offset from the CFA and size. */
  readonly stack: readonly (readonly [offset: number, size: number])[];
  readonly returns: readonly Claim[];
  readonly jumpsAway: boolean;
}
export interface Claim {
  readonly address: number;
  readonly bytes: string;
  readonly emulated: boolean;
  readonly cfaOffset: number;
  readonly skip: boolean;
}

export interface SiteVerdict {
  readonly name: string;
  /** Obligations that are broken. */
  readonly complaints: readonly string[];
  /** What the witness could not check, or what is more careful than it need be. */
  readonly notes: readonly string[];
  /** Instructions that can run in a call before its site counts it. */
  readonly before: number;
}

/** `twin` has symbols, and the same code as `file`: the stack check's call is known by its name. */
export async function* checkChosen(
  file: string,
  twin: string,
  chosen: readonly ChosenSites[],
): AsyncIterable<SiteVerdict> {
  const program = await buildProgram({
    folder: "test/matrix/witness/sites",
    module: "example.com/sites",
    version: WITNESS,
    name: "default",
    flags: [],
    hasRequirements: true,
  });
  const folder = mkdtempSync(join(tmpdir(), "probelens-sites-"));
  try {
    const claims = join(folder, "claims.jsonl");
    writeFileSync(claims, chosen.map((sites) => `${JSON.stringify(sites)}\n`).join(""));
    for await (const line of linesOf(program, [file, twin, claims])) yield JSON.parse(line) as SiteVerdict;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
