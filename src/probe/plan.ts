/** One function's plan: where its values live, where to probe, what to copy on a hit. */
import type { GoFunction } from "../gobinary/api.ts";
import type { CapturePlan } from "../protocol/capture.ts";
import type { FunctionPlan, PlacedVariable, PlanInput, PlanResult } from "./api.ts";
import { planCapture } from "./captureVariables.ts";
import { noProbesIn, type PlacedSignature, placeVariables } from "./locate.ts";
import { findSites } from "./site.ts";

export function planFunction(input: PlanInput): PlanResult {
  const { fn, arch, code, limits } = input;
  if (fn.notTraceable !== undefined) return { ok: false, reason: fn.notTraceable };
  const unsupported = noProbesIn(arch);
  if (unsupported !== undefined) return { ok: false, reason: unsupported };
  const placed = placeVariables(input);
  if ("reason" in placed) return { ok: false, reason: placed.reason };

  const call = planCapture(shown(placed.params), limits);
  const spillArea = fn.convention === "register" && isComplete(input) ? spillAreaOf(placed) : undefined;
  const sites = findSites({
    fn,
    code,
    registers: registersAtEntry(call.capture, fn.convention === "register"),
    ...(spillArea === undefined ? {} : { spillArea }),
  });
  if (!sites.ok) return sites;
  return {
    ok: true,
    plan: {
      fn,
      params: placed.params,
      results: placed.results,
      ...(placed.missingResults === undefined ? {} : { missingResults: placed.missingResults }),
      entry: sites.entry,
      returns: sites.returns,
      call,
      return: planCapture(shown(placed.results), limits),
      copies: [],
    },
  };
}

/** Of a function whose calls were all inlined: the copies are all there is. */
export function planWithoutCode(fn: GoFunction): FunctionPlan {
  const nothing = { capture: { pieces: [], slots: [] }, variables: [] };
  return { fn, params: [], results: [], returns: [], call: nothing, return: nothing, copies: [] };
}

function shown(variables: readonly PlacedVariable[]): PlacedVariable[] {
  return variables.filter((variable) => !variable.blank);
}

/** What must not have changed between the first instruction and the site. R14 is g (abi-internal.md), for the goroutine. */
function registersAtEntry(capture: CapturePlan, registerConvention: boolean): ReadonlySet<string> {
  const registers = new Set<string>(["RSP"]);
  if (registerConvention) registers.add("R14");
  for (const piece of capture.pieces) if (piece.kind === "register") registers.add(piece.register);
  return registers;
}

function isComplete({ signature }: PlanInput): boolean {
  return signature.ok && signature.signature.complete;
}

/** The end of all stack parameters and results, bytes from the CFA; undefined where one of them has no known place. */
function spillAreaOf({ params, results }: PlacedSignature): number | undefined {
  let end = 0;
  for (const { size, place } of [...params, ...results].flatMap((variable) => variable.location)) {
    if (place.at === "unknown") return undefined;
    if (place.at === "cfa") end = Math.max(end, place.offset + size);
  }
  return end;
}
