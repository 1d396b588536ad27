/** One function's plan: where its values live, where to probe, what to copy on a hit. */
import { ARCHITECTURES } from "../arch/arch.ts";
import type { GoFunction, PlacedVariable } from "../gobinary/api.ts";
import type { FunctionPlan, PlanInput, PlannedCapture, PlanResult } from "./api.ts";
import { planCapture } from "./captureVariables.ts";
import { contextWords } from "./context.ts";
import { findSites } from "./site.ts";

export function planFunction(input: PlanInput): PlanResult {
  const { fn, arch, code, limits } = input;
  if (fn.notTraceable !== undefined) return { ok: false, reason: fn.notTraceable };
  const { noProbes } = ARCHITECTURES[arch];
  if (noProbes !== undefined) return { ok: false, reason: noProbes };
  if (!input.signature.ok) return { ok: false, reason: input.signature.reason };
  const placed = input.signature.signature;
  const context = input.context === undefined ? [] : contextWords(input.context);
  const call = planCapture(shown(placed.params), limits, undefined, context);
  const sites = findSites({
    fn,
    code,
    registers: registersAtEntry(call.capture, fn.convention === "register"),
    ...(placed.spillArea === undefined ? {} : { spillArea: placed.spillArea }),
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
      jumpsAway: sites.jumpsAway,
      call,
      return: planCapture(shown(placed.results), limits),
      copies: [],
    },
  };
}

/** Of a function whose calls were all inlined: the copies are all there is. */
export function planWithoutCode(fn: GoFunction): FunctionPlan {
  const nothing = { capture: { pieces: [], slots: [], masks: [] }, variables: [] };
  return { fn, params: [], results: [], returns: [], call: nothing, return: nothing, copies: [] };
}

function shown(variables: readonly PlacedVariable[]): PlacedVariable[] {
  return variables.filter((variable) => !variable.blank);
}

/** What must not have changed between the first instruction and the site. R14 is g (abi-internal.md), for the goroutine. */
function registersAtEntry(capture: PlannedCapture, registerConvention: boolean): ReadonlySet<string> {
  const registers = new Set<string>(["RSP"]);
  if (registerConvention) registers.add("R14");
  for (const piece of capture.pieces) if (piece.kind === "register") registers.add(piece.register);
  return registers;
}
