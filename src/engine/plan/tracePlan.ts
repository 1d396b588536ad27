/** From resolved patterns to what the helper is asked to attach. */

import { isRefusal, type Refusal } from "../../goabi/refusal.ts";
import { NO_RESOLVER, type ValueResolver } from "../../goabi/resolver.ts";
import { type RuntimeFacts, runtimeFacts } from "../../goabi/runtime/facts.ts";
import type { IsSecretName } from "../../goabi/secretNames.ts";
import type { Closure, DictionaryData, GoBinary, GoFunction } from "../../gobinary/api.ts";
import { minorVersion } from "../../gosource/packages/buildTags.ts";
import type { CaptureLimits, FunctionPlan } from "../../probe/api.ts";
import type { ContextRequest } from "../../probe/capture/context.ts";
import { pointeesOf } from "../../probe/capture/pointees.ts";
import { CaptureTypes, type DynamicTypes } from "../../probe/capture/sessionTypes.ts";
import type { CaptureTables } from "../../protocol/captureTypes.ts";
import type { UserError } from "../../protocol/errors.ts";
import type { AttachParams, AttachTarget, ProbeSpec } from "../../protocol/helperApi.ts";
import { MAX_PROBES } from "../../protocol/layout.ts";
import { shown } from "../../protocol/shown.ts";
import type { TraceRequest } from "../api.ts";
import { goroutinesNotKnown, labelsNotKnown, notTraceable, tooManyProbes } from "../failures.ts";
import type { Job } from "../job.ts";
import type { TraceSession } from "../trace/traceSession.ts";
import { boundedInlinedCalls, inlinedSummary } from "./inlinedBounds.ts";
import type { ResolvedPattern } from "./resolvePatterns.ts";

/** Names in one notice; the rest is a count. */
const MAX_NAMED = 3;
/** Some milliseconds each at the most: between so many, signals and the editor are heard. */
const FUNCTIONS_AT_ONCE = 16;

/**
 * Plans every function once. A pattern of which nothing can be planned refuses all; of one that names several, those that
 * cannot be traced are left out with a notice.
 */
export async function planGroups(
  job: Job,
  groups: readonly ResolvedPattern[],
  plan: (fn: GoFunction) => Promise<FunctionPlan | Refusal>,
  remedy: string | undefined,
): Promise<FunctionPlan[]> {
  const plans = new Map<string, FunctionPlan>();
  let met = 0;
  for (const { pattern, functions, leftOut } of groups) {
    const refused = leftOut.map((fn) => ({ fn, reason: fn.notTraceable ?? "" }));
    let planned = 0;
    for (const fn of functions) {
      if (++met % FUNCTIONS_AT_ONCE === 0) await new Promise(setImmediate);
      const result = plans.get(functionKey(fn)) ?? (await plan(fn));
      if (isRefusal(result)) {
        refused.push({ fn, reason: result.reason });
        continue;
      }
      if (fn.inlinedEverywhere === true && !result.inlinedCalls.some((inlined) => "site" in inlined)) {
        refused.push({ fn, reason: `it has no code of its own and is ${inlinedSummary(0, result.inlinedCalls)}` });
        continue;
      }
      plans.set(functionKey(fn), result);
      planned += 1;
    }
    const first = refused[0];
    if (first === undefined) continue;
    if (planned === 0) throw notTraceable(first.fn.name, first.reason, remedy);
    const named = refused.slice(0, MAX_NAMED).map(({ fn, reason }) => `${shown(fn.name)} (${reason})`);
    const more = refused.length > MAX_NAMED ? ` and ${refused.length - MAX_NAMED} more` : "";
    job.notice(`${shown(pattern)}: left out, because they cannot be traced: ${named.join(", ")}${more}`);
  }
  return [...plans.values()];
}

/** Functions that have no code of their own have names to be told apart by. */
export function functionKey({ entry, name, inlinedEverywhere }: GoFunction): string {
  return inlinedEverywhere === true ? name : String(entry);
}

/** Without the probes on inlined calls that there is no room for. */
export function withinBounds(job: Job, plans: readonly FunctionPlan[], returns: boolean): FunctionPlan[] {
  const own = plans.reduce(
    (sum, plan) => sum + (plan.entry === undefined ? 0 : 1) + (returns ? plan.returns.length : 0),
    0,
  );
  return boundedInlinedCalls(job, plans, Math.max(0, MAX_PROBES - own - PROBES_OF_RUNTIME));
}

/** Why nothing of a program can be traced. */
function whyNotTraced({ name, runtime, runtimeFacts, buildInfo }: GoBinary): UserError | undefined {
  if (runtime.guessed !== true) return undefined;
  return goroutinesNotKnown(name, runtimeFacts.goMinor === 0 ? undefined : buildInfo.goVersion);
}

/** Why the goroutine that calls the function cannot be told. */
export function whyNoGoroutine(binary: GoBinary, { convention }: GoFunction): string | undefined {
  const why = whyNotTraced(binary)?.why;
  if (why !== undefined || binary.runtime.tlsAtLoad !== true || convention === "register") return why;
  return "the goroutine is in thread-local storage, which a library has at another place in each process";
}

/** What is asked for with each call. Throws a UserError where the program's Go version is not known for it. */
export function contextOf(binary: GoBinary, { stack, labels }: Pick<TraceRequest, "stack" | "labels">): ContextRequest {
  const refusal = whyNotTraced(binary);
  if (refusal !== undefined) throw refusal;
  if (labels !== true) return { stack: stack === true };
  if (binary.runtime.labelsOffset === undefined) throw labelsNotKnown(binary.name, binary.buildInfo.goVersion);
  return { stack: stack === true, labels: binary.runtimeFacts.labels };
}

export function factsOf({ buildInfo: { goVersion } }: GoBinary): RuntimeFacts {
  return runtimeFacts(minorVersion(goVersion), goVersion);
}

async function dynamicTypes(binary: GoBinary, types: CaptureTypes): Promise<DynamicTypes> {
  const { interfaces, funcs } = types.reached();
  const data = interfaces ? await binary.typeData() : undefined;
  const closures = interfaces ? await binary.closures(!funcs) : [];
  const pointees = pointeesOf(closures, await dictionariesFor(binary, closures));
  return { runtimeTypes: both(data?.runtimeTypes() ?? [], pointees), closures };
}

function* both<T>(first: Iterable<T>, second: Iterable<T>): Iterable<T> {
  yield* first;
  yield* second;
}

/** They are looked for where a closure needs one. */
async function dictionariesFor(binary: GoBinary, closures: readonly Closure[]): Promise<DictionaryData | undefined> {
  const needed = closures.some(({ captured }) => captured.some(({ instance }) => instance !== undefined));
  return needed ? await binary.dictionaries() : undefined;
}

/** See unwindSites.ts and signalSite.ts. */
const PROBES_OF_RUNTIME = 3;

/** Throws where the signal comes meanwhile: of thousands of functions, generic ones among them, this takes seconds. */
export async function attachRequest(
  signal: AbortSignal,
  session: Pick<TraceSession, "session" | "probes" | "plans">,
  target: AttachTarget,
  binary: GoBinary,
  limits: CaptureLimits,
  isSecret: IsSecretName,
): Promise<{ params: AttachParams; tables: CaptureTables; resolver: ValueResolver }> {
  const { probes, plans } = session;
  if (probes.length > MAX_PROBES) throw tooManyProbes(plans.length, probes.length, MAX_PROBES);
  const { tlsOffset, goidOffset, stackHiOffset, labelsOffset } = binary.runtime;
  // Since the register ABI g is in R14 in every Go function; before, only thread-local storage has it.
  const inRegister = plans.every((plan) => plan.fn.convention === "register");
  const types = new CaptureTypes(factsOf(binary), { limits, isSecret });
  const planned: ProbeSpec[] = [];
  for (const [index, probe] of probes.entries()) {
    if (index % FUNCTIONS_AT_ONCE === 0) {
      await new Promise(setImmediate);
      signal.throwIfAborted();
    }
    planned.push({ ...probe, plan: types.plan(probe.plan) });
  }
  const params: AttachParams = {
    session: session.session,
    target,
    goroutine: {
      source: inRegister ? "register" : "tls",
      tlsOffset,
      goidOffset,
      stackHiOffset,
      ...(labelsOffset === undefined ? {} : { labelsOffset }),
    },
    probes: planned,
    functions: plans.map((plan) => plan.fn.name),
  };
  const { interfaces, funcs } = types.reached();
  const resolver = interfaces || funcs ? await binary.valueResolver(!funcs) : NO_RESOLVER;
  return { params, tables: types.tables(await dynamicTypes(binary, types)), resolver };
}
