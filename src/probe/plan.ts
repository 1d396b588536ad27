/** One function's plan: where its values live, where to probe, what to copy on a hit. */
import { ARCHITECTURES } from "../arch/arch.ts";
import { refuse } from "../goabi/refusal.ts";
import type { GoFunction, PlacedVariable } from "../gobinary/api.ts";
import { findSites, whyNoSites } from "./amd64/functionSites.ts";
import type {
  EventPlan,
  FunctionPlan,
  PlanInput,
  PlannedCapture,
  PlanResult,
  ProbeSite,
  RegisterRefusal,
} from "./api.ts";
import { FLOATS_OFF, isFloatRegister } from "./capture/captureVariables.ts";
import { type ContextWord, contextWords } from "./capture/context.ts";
import { type GenericEvents, planEvents } from "./capture/instances.ts";
import { LOST, lossWords } from "./capture/lostArguments.ts";

export function planFunction(input: PlanInput): PlanResult {
  const { fn, code, limits, isSecret, noFloats } = input;
  const why = whyNotLookedAt(input);
  if (why !== undefined) return refuse(why);
  if (!input.signature.ok) return refuse(input.signature.reason);
  const placed = input.signature.signature;
  const own = input.context === undefined ? [] : contextWords(input.context);
  const eventsAt = (
    entry: readonly ProbeSite[],
    returns: readonly ProbeSite[],
    context: readonly ContextWord[],
  ): GenericEvents =>
    planEvents({
      params: placed.params,
      shown: shown(placed.params),
      results: shown(placed.results),
      limits,
      isSecret,
      context,
      dictionaries: input.dictionaries,
      refused: { call: refusedAt(entry, noFloats), return: refusedAt(returns, noFloats) },
    });
  const wanted = eventsAt([], [], own);
  const sites = findSites({
    fn,
    code,
    registers: registersAtEntry(wanted.call.capture, fn.convention === "register"),
    ...(placed.spillArea === undefined ? {} : { spillArea: placed.spillArea }),
  });
  if (!sites.ok) return sites;
  const loss = lossWords(sites.entry, wanted.call, placed.params);
  const { cameBack, ...site } = sites.entry;
  const entry: ProbeSite = loss.length === 0 || cameBack === undefined ? site : { ...site, cameBack };
  const events = eventsAt([entry], sites.returns, [...own, ...loss]);
  return {
    ok: true,
    plan: {
      fn,
      params: placed.params,
      results: placed.results,
      ...(placed.missingResults === undefined ? {} : { missingResults: placed.missingResults }),
      entry: withSignal(entry, events.call),
      returns: sites.returns.map((site) => withSignal(site, events.return)),
      jumpsAway: sites.jumpsAway,
      ...events,
      inlinedCalls: [],
    },
  };
}

/** Why `planFunction` refuses a function, a clause; without making the plan, which takes several times as long. */
export function whyNotPlanned(input: Pick<PlanInput, "fn" | "arch" | "signature" | "code">): string | undefined {
  const { fn, code, signature } = input;
  const why = whyNotLookedAt(input);
  if (why !== undefined) return why;
  if (!signature.ok) return signature.reason;
  const { params, spillArea } = signature.signature;
  const registers = new Set(["RSP", ...(fn.convention === "register" ? ["R14"] : [])]);
  for (const { place } of params.flatMap(({ location }) => location))
    if (place.at === "register") registers.add(place.register);
  return whyNoSites({ fn, code, registers, ...(spillArea === undefined ? {} : { spillArea }) });
}

function whyNotLookedAt({ fn, arch }: Pick<PlanInput, "fn" | "arch">): string | undefined {
  return fn.notTraceable ?? ARCHITECTURES[arch].noProbes;
}

/** Of a function whose calls were all inlined: they are all there is. */
export function planWithoutCode(fn: GoFunction): FunctionPlan {
  const nothing = { capture: { pieces: [], slots: [], masks: [] }, variables: [] };
  return { fn, params: [], results: [], returns: [], call: nothing, return: nothing, inlinedCalls: [] };
}

/**
 * The signal frame has a float register where every probed instruction leaves it alone and leads to a known place. What a
 * failed stack check does not bring back is not known to be the caller's, unless each call tells (lostArguments.ts).
 */
function refusedAt(sites: readonly ProbeSite[], noFloats: string | undefined): RegisterRefusal {
  const unknown = sites.some(({ resume }) => resume === undefined);
  const changed = new Set(sites.flatMap(({ changesFloats }) => changesFloats));
  return (register) => {
    if (isFloatRegister(register)) {
      if (noFloats !== undefined) return noFloats;
      if (unknown) return `${FLOATS_OFF}, and the probed instruction leads to no known place`;
      if (changed.has(register)) return `${FLOATS_OFF}, and the probed instruction changes it`;
    }
    const isLost = sites.some(
      ({ restored, cameBack }) => cameBack === undefined && restored?.includes(register) === false,
    );
    return isLost ? LOST : undefined;
  };
}

/** docs/performance.md, "Float registers through SIGURG": what sending the signal and reading its frame adds to a hit. */
const SIGNAL_NS = 4500;

function withSignal(site: ProbeSite, { capture }: EventPlan): ProbeSite {
  const reads = capture.pieces.some(({ kind }) => kind === "float");
  return reads ? { ...site, predictedNs: site.predictedNs + SIGNAL_NS } : site;
}

function shown(variables: readonly PlacedVariable[]): PlacedVariable[] {
  return variables.filter((variable) => !variable.blank);
}

/** What must not have changed between the first instruction and the site. R14 is g (abi-internal.md), for the goroutine. */
function registersAtEntry(capture: PlannedCapture, registerConvention: boolean): ReadonlySet<string> {
  const registers = new Set<string>(["RSP"]);
  if (registerConvention) registers.add("R14");
  for (const piece of capture.pieces)
    if (piece.kind === "register" || piece.kind === "float") registers.add(piece.register);
  return registers;
}
