/** What tracing takes the process, in words. Pure. */
import type { FunctionTrace } from "../traces/functionTrace.ts";
import { codeSpan, formatDuration, formatNumber, formatShare, markdownText } from "./format.ts";

/** What is below it is shown in the hover only: a lens has little room. */
const TELLING_PERCENT = 0.1;
/** `budget`: percent of a core, which is so many nanoseconds of each second for each percent. */
const NS_PER_PERCENT = 1e7;

/** For the lens; empty where it is next to nothing. */
export function shareShort({ view: { corePercent } }: FunctionTrace): string {
  return corePercent >= TELLING_PERCENT ? `${formatShare(corePercent)} of a core` : "";
}

/** What one call takes, where, and how many the budget is enough for: Markdown; empty before the probes are in place. */
export function costText({ sites, options: { budget }, removals }: FunctionTrace): string {
  if (sites?.entry === undefined || sites.cost.entryNs === undefined) return "";
  const { entryNs, returnNs } = sites.cost;
  const seesReturns = sites.return !== undefined && returnNs !== undefined && removals.length === 0;
  const entry = `${formatDuration(entryNs)} at the entry (${codeSpan(sites.entry.instruction)}, ${HOW[sites.entry.kind]})`;
  const atReturn = seesReturns
    ? ` and ${formatDuration(returnNs)} at the return (${codeSpan(sites.return.instruction)}, ${HOW[sites.return.kind]})`
    : "";
  const callNs = entryNs + (seesReturns ? returnNs : 0);
  const bound =
    budget === 0
      ? "There is no bound on it (probelens.budget)."
      : `The budget, ${budget} % of a core for all traces of a process (probelens.budget), is enough for some ${formatNumber(
          Number(((budget * NS_PER_PERCENT) / callNs).toPrecision(2)),
        )} calls a second.`;
  return `A traced call takes the process about ${entry}${atReturn}\\. ${markdownText(bound)}`;
}

const HOW = { emulated: "emulated by the kernel", stepped: "single\\-stepped by the kernel" } as const;
