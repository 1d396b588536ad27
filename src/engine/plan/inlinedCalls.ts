/** The calls of a function that were inlined: which of them can be probed, and what can be shown of each. */
import { ARCHITECTURES } from "../../arch/arch.ts";
import { refuse } from "../../goabi/refusal.ts";
import type { IsSecretName } from "../../goabi/secretNames.ts";
import type { GoBinary, GoFunction, InlinedCall, PlacedVariable, Variable } from "../../gobinary/api.ts";
import { minorVersion } from "../../gosource/packages/buildTags.ts";
import { EnclosingFunction, type InlinedSite } from "../../probe/amd64/inlinedSite.ts";
import type { CaptureLimits, InlinedCallPlan, RegisterRefusal } from "../../probe/api.ts";
import { isFloatRegister, planCapture } from "../../probe/capture/captureVariables.ts";
import { type ContextRequest, contextWords, NO_CONTEXT } from "../../probe/capture/context.ts";
import { inlinedLocation } from "../../probe/capture/inlinedArguments.ts";
import { withoutShapes } from "../../probe/capture/instances.ts";
import type { SourcedBinary } from "../programs/sourceCompletion.ts";

/** Inlined calls of one function that are looked at: sync.(*Mutex).Lock has some thousand in a large server. */
const MAX_INLINED_CALLS = 2000;

/** The frame of a signal has them, but nothing shows that the mark's thread is at a place where it may be sent one. */
const IN_FLOAT_REGISTER = "in FP register of an inlined call";
const noFloats: RegisterRefusal = (register) => (isFloatRegister(register) ? IN_FLOAT_REGISTER : undefined);

export async function planInlinedCalls(
  binary: SourcedBinary,
  fn: GoFunction,
  limits: CaptureLimits,
  isSecret: IsSecretName,
  context: ContextRequest = NO_CONTEXT,
): Promise<InlinedCallPlan[]> {
  const calls = await binary.inlinedCalls(fn, MAX_INLINED_CALLS);
  if (calls.length === 0) return [];
  const deferReturn = (await binary.functionsNamed("runtime.deferreturn")).map(({ entry }) => entry);
  const enclosing = new EnclosingFunctions(binary, deferReturn);
  const found: { call: InlinedCall; site: InlinedSite }[] = [];
  for (const call of calls) found.push({ call, site: await siteOf(binary, fn, call, enclosing) });
  const first = found.find(({ site }) => site.ok)?.call;
  const argumentsOf = first === undefined ? undefined : await knownArguments(binary, fn, first);
  const inlinedCalls: InlinedCallPlan[] = [];
  for (const { call, site } of found) {
    if (!site.ok) inlinedCalls.push({ call, ...site });
    else {
      const known = (await argumentsOf?.(call)) ?? [];
      const plan = planCapture(known, limits, isSecret, contextWords(context), noFloats);
      inlinedCalls.push({ call, site: site.site, plan: withoutShapes(plan) });
    }
  }
  return inlinedCalls;
}

async function siteOf(
  binary: GoBinary,
  fn: GoFunction,
  call: InlinedCall,
  enclosing: EnclosingFunctions,
): Promise<InlinedSite> {
  const { noProbes } = ARCHITECTURES[binary.arch];
  if (noProbes !== undefined) return refuse(noProbes);
  if (fn.name.includes("[...]")) return refuse("instances of the generic function share its name");
  const around = await enclosing.at(call.enclosing);
  return around?.siteOf(call) ?? refuse("the code around it is not known");
}

type ArgumentsOf = (call: InlinedCall) => Promise<readonly PlacedVariable[]>;

/**
 * DWARF alone proves no argument: it has the place of any value that was ever assigned to the parameter. Where the
 * source shows that there is only one, that one is the argument.
 */
async function knownArguments(binary: SourcedBinary, fn: GoFunction, first: InlinedCall): Promise<ArgumentsOf> {
  const signature = fn.inlinedEverywhere === true ? undefined : await binary.signature(fn);
  const listed =
    signature?.ok === true
      ? signature.signature.params
      : ((await binary.inlinedParams(fn, first)) ?? []).map(
          ({ name, type }): Variable => ({ name, type, blank: /^(_|~.*|\..*)?$/.test(name) }),
        );
  const params = listed.filter(({ blank }) => !blank);
  const unchanged = await binary.unchangedParams?.(fn, params);
  return async (call) => {
    const there = unchanged === undefined || unchanged.size === 0 ? undefined : await binary.inlinedParams(fn, call);
    return params.map(({ name, type }): PlacedVariable => {
      const same = (there ?? []).filter((param) => param.name === name);
      const location = inlinedLocation(type, same.length === 1 ? same[0] : undefined, unchanged?.has(name));
      return { name, type, blank: false, location };
    });
  };
}

/** Decoded once for all calls in them. */
class EnclosingFunctions {
  readonly #binary: GoBinary;
  readonly #deferReturn: readonly number[];
  readonly #known = new Map<number, EnclosingFunction | undefined>();

  constructor(binary: GoBinary, deferReturn: readonly number[]) {
    this.#binary = binary;
    this.#deferReturn = deferReturn;
  }

  async at(fn: GoFunction): Promise<EnclosingFunction | undefined> {
    if (this.#known.has(fn.entry)) return this.#known.get(fn.entry);
    const map = await this.#binary.inlineMap(fn);
    const made =
      map === undefined
        ? undefined
        : new EnclosingFunction({
            fn,
            code: await this.#binary.code(fn),
            map,
            goMinor: compilerOf(this.#binary),
            deferReturn: this.#deferReturn,
          });
    this.#known.set(fn.entry, made);
    return made;
  }
}

/**
 * Minor version of the compiler. Where it is guessed (a file without build info gets `go1.25`, while releases since 1.21
 * have a third number) the newest known one's rules hold, which are the strictest.
 */
function compilerOf({ buildInfo: { goVersion } }: GoBinary): number {
  const minor = minorVersion(goVersion);
  return minor === 0 || (minor > 20 && goVersion === `go1.${minor}`) ? Number.POSITIVE_INFINITY : minor;
}
