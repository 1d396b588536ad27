/** A function as `list` and `inspect` show it. */

import { ARCHITECTURES } from "../arch/arch.ts";
import { whyNoGoroutine } from "../engine/plan/tracePlan.ts";
import { formatLocation } from "../goabi/format.ts";
import type { GoBinary, GoFunction, PlacedSignature, PlacedVariable, SignatureResult } from "../gobinary/api.ts";
import { UserError } from "../protocol/errors.ts";

export interface VariableRow {
  readonly name: string;
  readonly type: string;
  readonly location: readonly string[];
}

/** The contract's JSON object, its fields in the contract's order. */
export interface FunctionRow {
  readonly func: string;
  readonly file: string;
  readonly line: number;
  readonly entry: string;
  readonly offset: string;
  readonly size: number;
  readonly params?: readonly VariableRow[];
  readonly results?: readonly VariableRow[];
  /** Beyond the contract: why `results` is left out although `params` is there. */
  readonly missingResults?: string;
  readonly inlined: number;
  readonly traceable: boolean;
  readonly why?: string;
}

export async function functionRow(binary: GoBinary, fn: GoFunction): Promise<FunctionRow> {
  const signature = await binary.signature(fn);
  const why = await whyNotTraceable(binary, fn, signature);
  return {
    func: fn.name,
    file: fn.file,
    line: fn.line,
    entry: hex(fn.entry),
    offset: hex(fn.offset),
    size: fn.end - fn.entry,
    ...(signature.ok ? { params: rows(signature.signature.params), ...resultRows(signature.signature) } : {}),
    inlined: await binary.inlinedCallCount(fn),
    traceable: why === undefined,
    ...(why === undefined ? {} : { why }),
  };
}

/** Why `trace` refuses it, a clause. */
async function whyNotTraceable(
  binary: GoBinary,
  fn: GoFunction,
  signature: SignatureResult,
): Promise<string | undefined> {
  const { noProbes } = ARCHITECTURES[binary.arch];
  const known = fn.notTraceable ?? noProbes ?? (signature.ok ? undefined : signature.reason);
  if (known !== undefined || fn.inlinedEverywhere === true) return known;
  // Here, because the disassembler takes long to load.
  const { whyNotPlanned } = await import("../probe/plan.ts");
  try {
    return (
      whyNoGoroutine(binary, fn) ?? whyNotPlanned({ fn, arch: binary.arch, signature, code: await binary.code(fn) })
    );
  } catch (error) {
    if (error instanceof UserError) return error.why;
    throw error;
  }
}

/** `(iterations int64) float64`; empty where the types are not known. */
export function signatureText({ params, results }: Pick<FunctionRow, "params" | "results">): string {
  if (params === undefined) return "";
  const list = (variables: readonly VariableRow[]): string =>
    variables.map(({ name, type }) => (/^~r\d+$/.test(name) ? type : `${name} ${type}`)).join(", ");
  if (results === undefined) return `(${list(params)}) …`;
  const single = results.length === 1 && /^~r\d+$/.test(results[0]?.name ?? "");
  const after = results.length === 0 ? "" : single ? ` ${list(results)}` : ` (${list(results)})`;
  return `(${list(params)})${after}`;
}

function resultRows({ results, missingResults }: PlacedSignature): Pick<FunctionRow, "results" | "missingResults"> {
  return missingResults === undefined ? { results: rows(results) } : { missingResults };
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function rows(variables: readonly PlacedVariable[]): VariableRow[] {
  return variables
    .filter((variable) => !variable.blank)
    .map(({ name, type, location }) => ({ name, type: type.name, location: formatLocation(location) }));
}
