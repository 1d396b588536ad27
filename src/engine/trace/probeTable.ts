/** The probes of one trace: what each is and what the helper is asked to place, in one list. */
import type { CompiledCondition } from "../../condition/compile.ts";
import type { FunctionPlan, InlinedCallPlan, PlannedCapture, PlannedProbe, ProbeSite } from "../../probe/api.ts";
import type { HitCost } from "../../protocol/helperApi.ts";
import type { CallCost } from "../api.ts";
import { followsPointers } from "./hitCost.ts";

type ProbedInlinedCall = Extract<InlinedCallPlan, { site: unknown }>;

/** Of one traced function: its own code, and the calls that were inlined. */
export interface FunctionCondition {
  readonly own: CompiledCondition | undefined;
  readonly inlinedCalls: ReadonlyMap<InlinedCallPlan, CompiledCondition>;
}

/** `fn`: index of the traced function. */
export type ProbeRole =
  | { readonly kind: "entry"; readonly fn: number; readonly plan: FunctionPlan; readonly paired: boolean }
  /** A call that was inlined. */
  | { readonly kind: "inlined"; readonly fn: number; readonly plan: FunctionPlan; readonly inlined: ProbedInlinedCall }
  | { readonly kind: "return"; readonly fn: number; readonly plan: FunctionPlan; readonly site: ProbeSite }
  /** Places in the runtime; the kernel program draws the conclusions. */
  | { readonly kind: "watch"; readonly watch: WatchSite["kind"] };

/**
 * A place in the runtime that ends calls without a `ret` (plan/unwindSites.ts), or where float registers are read
 * (plan/signalSite.ts).
 */
export interface WatchSite {
  readonly kind: "goexit" | "resume" | "sigtrampgo";
  readonly site: Pick<ProbeSite, "offset" | "address" | "expected" | "cfaOffset" | "skipIfBelowOrEqual" | "resume"> &
    Partial<Pick<ProbeSite, "kind">>;
}

export interface TracedProbes {
  readonly plans: readonly FunctionPlan[];
  readonly returns: boolean;
  readonly rate: number | undefined;
  /** One for each plan; absent: every call is sent. */
  readonly conditions?: readonly FunctionCondition[] | undefined;
  readonly watches: readonly WatchSite[];
  /** Adds the probe's own address where the process's load bias is to be known. */
  readonly withProbeAddress: (plan: PlannedCapture) => PlannedCapture;
}

interface Probe {
  readonly role: ProbeRole;
  readonly spec: Omit<PlannedProbe, "id" | "entryId">;
  /** Of a return: how many places before it its entry probe stands. */
  readonly entryBefore?: number;
  readonly reasons?: readonly string[];
}

export class ProbeTable {
  private readonly probes: readonly Probe[];
  /** By function: the places of its probes. Thousands of functions are asked for one by one. */
  private readonly places: readonly (readonly number[])[];
  /** Ids count up from here; given by whoever shares the helper. */
  firstProbe = 0;
  /** On this machine, by the probe's place: known once they are attached. */
  costs: readonly HitCost[] = [];
  /** Whether that is without what is captured of it, which its program measures. */
  measured: readonly boolean[] = [];

  constructor(traced: TracedProbes) {
    const functions = traced.plans.map((plan, fn) => functionProbes(plan, fn, traced));
    this.probes = [...functions.flat(), ...traced.watches.map(watchProbe)];
    let place = 0;
    this.places = functions.map((probes) => probes.map(() => place++));
  }

  get size(): number {
    return this.probes.length;
  }

  /** Words of the reasons for which a probe's condition stays undecided, by the kernel's number. */
  reasonsOf(probe: number): readonly string[] {
    return this.probes[probe - this.firstProbe]?.reasons ?? [];
  }

  roleOf(probe: number): ProbeRole | undefined {
    return this.probes[probe - this.firstProbe]?.role;
  }

  /** What a hit of the probe takes the target: as the helper reckons, else as the site predicts. */
  costOf(probe: number): HitCost {
    const place = probe - this.firstProbe;
    const role = this.probes[place]?.role;
    if (role === undefined || role.kind === "watch") return { hitNs: 0, captureNs: 0 };
    return this.costs[place] ?? { hitNs: siteOf(role)?.predictedNs ?? 0, captureNs: 0 };
  }

  /** What one call of a function takes, where it has code of its own. */
  callCostOf(fn: number): CallCost {
    const costs = (places: readonly number[]): number[] =>
      places.map((place) => {
        const { hitNs, captureNs } = this.costOf(this.firstProbe + place);
        return hitNs + captureNs;
      });
    const entries = this.placesOf(fn, "entry");
    const returns = this.placesOf(fn, "return");
    const [entryNs] = costs(entries);
    return {
      ...(entryNs === undefined ? {} : { entryNs }),
      ...(returns.length === 0 ? {} : { returnNs: Math.max(...costs(returns)) }),
      follows: [...entries, ...returns].some(
        (place) => this.measured[place] === true && followsPointers({ capture: this.probes[place]!.spec.plan }),
      ),
    };
  }

  /** Ids of the probes that see a function's calls. */
  callProbesOf(fn: number): number[] {
    return this.placesOf(fn, "entry", "inlined").map((place) => this.firstProbe + place);
  }

  private placesOf(fn: number, ...kinds: readonly ProbeRole["kind"][]): number[] {
    return (this.places[fn] ?? []).filter((place) => kinds.includes(this.probes[place]!.role.kind));
  }

  specs(): PlannedProbe[] {
    return this.probes.map(({ spec, entryBefore }, index) => {
      const id = this.firstProbe + index;
      return entryBefore === undefined ? { id, ...spec } : { id, entryId: id - entryBefore, ...spec };
    });
  }
}

/**
 * Whether each call's end can be told: it ends by a `ret` or is unwound. A function that jumps on to another one ends
 * in that one's `ret`.
 */
export function endsAreSeen({ entry, jumpsAway }: Pick<FunctionPlan, "entry" | "jumpsAway">): boolean {
  return entry !== undefined && jumpsAway !== true;
}

function functionProbes(plan: FunctionPlan, fn: number, traced: TracedProbes): Probe[] {
  const paired = traced.returns && endsAreSeen(plan);
  const rate = traced.rate === undefined ? {} : { rate: traced.rate };
  const condition = traced.conditions?.[fn];
  const probes: Probe[] = [];
  if (plan.entry !== undefined) {
    const capture = traced.withProbeAddress(plan.call.capture);
    probes.push({
      role: { kind: "entry", fn, plan, paired },
      spec: {
        role: "entry",
        ...placeOf(plan.entry),
        plan: capture,
        ...rate,
        ...entryCondition(condition?.own),
        pairReturns: paired,
      },
      ...(condition?.own === undefined ? {} : { reasons: condition.own.reasons }),
    });
  }
  for (const [index, site] of (paired ? plan.returns : []).entries()) {
    probes.push({
      role: { kind: "return", fn, plan, site },
      spec: {
        role: "return",
        ...placeOf(site),
        plan: traced.withProbeAddress(plan.return.capture),
        pairReturns: false,
        ...(condition?.own?.return === undefined ? {} : { condition: condition.own.return }),
      },
      entryBefore: index + 1,
    });
  }
  for (const inlined of plan.inlinedCalls) {
    if (!("site" in inlined)) continue;
    probes.push({
      role: { kind: "inlined", fn, plan, inlined },
      spec: {
        role: "entry",
        ...placeOf(inlined.site),
        plan: traced.withProbeAddress(inlined.plan.capture),
        ...rate,
        ...entryCondition(condition?.inlinedCalls.get(inlined)),
        pairReturns: false,
      },
      reasons: condition?.inlinedCalls.get(inlined)?.reasons ?? [],
    });
  }
  return probes;
}

function entryCondition(condition: CompiledCondition | undefined): Pick<PlannedProbe, "condition" | "parks"> {
  return condition === undefined ? {} : { condition: condition.entry, parks: condition.return !== undefined };
}

function watchProbe({ kind, site }: WatchSite): Probe {
  const plan = { pieces: [], slots: [], masks: [] };
  return { role: { kind: "watch", watch: kind }, spec: { role: kind, ...placeOf(site), plan, pairReturns: false } };
}

function placeOf(site: WatchSite["site"]) {
  const { kind, offset, address, expected, cfaOffset, skipIfBelowOrEqual, resume } = site;
  return {
    offset,
    address,
    expected,
    cfaOffset,
    skipIfBelowOrEqual,
    ...(kind === undefined ? {} : { trap: kind }),
    ...(resume === undefined ? {} : { resume }),
  };
}

function siteOf(role: Exclude<ProbeRole, { kind: "watch" }>): Pick<ProbeSite, "predictedNs"> | undefined {
  if (role.kind === "return") return role.site;
  return role.kind === "inlined" ? role.inlined.site : role.plan.entry;
}
