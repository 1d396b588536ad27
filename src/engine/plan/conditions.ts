/** `--where`: one text, a program for each traced function. */
import { type CompiledCondition, compileCondition, parseCondition } from "../../condition/compile.ts";
import type { ConditionScope, ConditionVariable } from "../../condition/tree.ts";
import type { RuntimeFacts } from "../../goabi/runtime/facts.ts";
import type { IsSecretName } from "../../goabi/secretNames.ts";
import type { PlacedVariable } from "../../gobinary/api.ts";
import type { EventPlan, FunctionPlan, InlinedCallPlan, ProbeSite } from "../../probe/api.ts";
import { neverReturns } from "../failures.ts";
import type { Job } from "../job.ts";
import { endsAreSeen, type FunctionCondition } from "../trace/probeTable.ts";

export interface ConditionProgramFacts {
  readonly facts: RuntimeFacts;
  readonly isSecret: IsSecretName;
  /** Offset of `runtime.g.labels`. */
  readonly labels: number | undefined;
  /** Memory that is not resident is waited for. */
  readonly waits: boolean;
}

/**
 * The plans, without the inlined calls of which the condition cannot be had, and their conditions in the same order. Each
 * function must know all names; throws a UserError (status 2) for the first that does not.
 */
export function conditionsOf(
  job: Job,
  text: string,
  plans: readonly FunctionPlan[],
  returns: boolean,
  program: ConditionProgramFacts,
): { plans: FunctionPlan[]; conditions: FunctionCondition[] } {
  const expr = parseCondition(text);
  const compile = (
    plan: FunctionPlan,
    call: EventPlan,
    params: readonly PlacedVariable[],
    results: readonly PlacedVariable[],
  ): CompiledCondition => compileCondition(text, expr, scopeOf(plan, call, params, results, program), returns);
  let leftOut = 0;
  const conditions: FunctionCondition[] = [];
  const kept = plans.map((plan): FunctionPlan => {
    const own = plan.entry === undefined ? undefined : compile(plan, plan.call, plan.params, plan.results);
    if (own?.return !== undefined && (plan.returns.length === 0 || !endsAreSeen(plan)))
      throw neverReturns(plan.fn.name);
    const inlinedCalls = new Map<InlinedCallPlan, CompiledCondition>();
    let failure: unknown;
    for (const inlined of plan.inlinedCalls) {
      if (!("site" in inlined)) continue;
      try {
        // An inlined call has no return that a probe could sit on.
        inlinedCalls.set(
          inlined,
          compileCondition(
            text,
            expr,
            scopeOf(
              plan,
              inlined.plan,
              inlined.plan.variables.map(({ variable }) => variable),
              [],
              program,
            ),
            false,
          ),
        );
      } catch (error) {
        failure = error;
        leftOut += 1;
      }
    }
    if (own === undefined && inlinedCalls.size === 0) throw failure;
    conditions.push({ own, inlinedCalls });
    return {
      ...plan,
      inlinedCalls: plan.inlinedCalls.filter((inlined) => !("site" in inlined) || inlinedCalls.has(inlined)),
    };
  });
  if (leftOut > 0)
    job.notice(`${leftOut} inlined calls are left out: the condition cannot be decided where they stand`);
  return { plans: kept, conditions };
}

function scopeOf(
  { fn, entry, call: own, return: returns }: FunctionPlan,
  call: EventPlan,
  params: readonly PlacedVariable[],
  results: readonly PlacedVariable[],
  { facts, isSecret, labels, waits }: ConditionProgramFacts,
): ConditionScope {
  const lost = call === own && entry !== undefined ? lostAt(entry, call) : undefined;
  return {
    func: fn.name,
    params: params.filter(({ blank }) => !blank).map((param) => atSite(param, call)),
    results: results.map((result) => ({ ...floatsAt(result, returns), name: result.blank ? "_" : result.name })),
    runtime: { facts, ...(labels === undefined ? {} : { labels }) },
    isSecret,
    waits,
    ...(lost === undefined ? {} : { lost }),
  };
}

/** What calls lose whose stack check failed, where each call tells whether it did. */
function lostAt({ address, restored, cameBack }: ProbeSite, { capture }: EventPlan): ConditionScope["lost"] {
  if (cameBack === undefined || restored === undefined) return undefined;
  const captured = capture.pieces.flatMap((piece) => ("register" in piece ? [piece.register] : []));
  return {
    registers: captured.filter((register) => !restored.includes(register)),
    cameBack: cameBack.address - address,
  };
}

/** The site was chosen so that the registers of what is captured hold their values there: no other is looked at. */
function atSite(variable: PlacedVariable, plan: EventPlan): ConditionVariable {
  return onlyCaptured(variable, plan, () => true);
}

/** At every return its other registers hold what the ABI says. */
function floatsAt(variable: PlacedVariable, plan: EventPlan): ConditionVariable {
  return onlyCaptured(variable, plan, (register) => register.startsWith("X"));
}

function onlyCaptured(
  { name, type, location }: PlacedVariable,
  { capture, variables }: EventPlan,
  asked: (register: string) => boolean,
): ConditionVariable {
  const registers = new Set<string>(
    capture.pieces.map((piece) => (piece.kind === "register" || piece.kind === "float" ? piece.register : "")),
  );
  const pieces = variables.find(({ variable }) => variable.name === name)?.pieces;
  const reasonOf = (at: number): string => pieces?.find(({ offset }) => offset === at)?.reason ?? "it is not captured";
  return {
    name,
    type,
    location: location.map((piece) =>
      piece.place.at !== "register" || !asked(piece.place.register) || registers.has(piece.place.register)
        ? piece
        : { ...piece, place: { at: "unknown", reason: reasonOf(piece.offset) } },
    ),
  };
}
