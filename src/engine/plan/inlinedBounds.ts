/** How many inlined calls one trace probes, and how that is told. */
import type { FunctionPlan, InlinedCallPlan } from "../../probe/api.ts";
import type { Job } from "../job.ts";

/** Probes of one trace on inlined calls: each costs some microseconds when they are placed and taken away. */
const MAX_INLINED_PROBES = 4000;

/** Within the bound on probes; each inlined call belongs to one plan, though functions may share a name. */
export function boundedInlinedCalls(job: Job, plans: readonly FunctionPlan[], room: number): FunctionPlan[] {
  const seen = new Set<number>();
  const most = Math.min(MAX_INLINED_PROBES, room);
  let left = most;
  let beyond = 0;
  const bounded = plans.map((plan) => {
    const inlinedCalls = plan.inlinedCalls.filter((inlined) => {
      if (!("site" in inlined)) return true;
      if (seen.has(inlined.site.address)) return false;
      seen.add(inlined.site.address);
      if (left === 0) beyond += 1;
      else left -= 1;
      return beyond === 0;
    });
    return { ...plan, inlinedCalls };
  });
  if (beyond > 0) job.notice(`${beyond} inlined calls are left out: this trace has room for ${most} probes on them`);
  return bounded;
}

/** `inlined in 7 places, 5 traceable`; `counted`: how many the binary says that it holds. */
export function inlinedSummary(counted: number, inlinedCalls: readonly InlinedCallPlan[]): string {
  const inlined = Math.max(counted, inlinedCalls.length);
  const traceable = inlinedCalls.filter((call) => "site" in call).length;
  return `inlined in ${inlined} ${inlined === 1 ? "place" : "places"}, ${traceable} traceable`;
}
