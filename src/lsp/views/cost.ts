/** What tracing takes the process, in words. Pure. */
import { beyondHits } from "../../engine/trace/hitCost.ts";
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
  const { entryNs, returnNs, follows } = sites.cost;
  const parts = [{ what: "at the entry", ns: entryNs, ...sites.entry }];
  if (sites.return !== undefined && returnNs !== undefined && removals.length === 0)
    parts.push({ what: "at the return", ns: returnNs, ...sites.return });
  const callNs = parts.reduce((sum, { ns }) => sum + ns, 0);
  const places = parts.map(({ what, ns, instruction, kind }) => {
    const figure = parts.length > 1 ? `${formatDuration(ns)} ` : "";
    return `${figure}${what} (${codeSpan(instruction)}, ${kind === "emulated" ? "emulated" : "single\\-stepped"} by the kernel)`;
  });
  const colon = parts.length > 1 ? ":" : "";
  const calls = formatNumber(Number(((budget * NS_PER_PERCENT) / callNs).toPrecision(2)));
  const bound =
    budget === 0
      ? "No budget bounds it (probelens.budget is 0)."
      : `${budget} % of a core, the budget of all traces of a process (probelens.budget), is enough for ${follows ? "less than" : "some"} ${calls} calls a second.`;
  return `A traced call costs about ${formatDuration(callNs)}${beyondHits(follows)}${colon} ${places.join(", ")}\\. ${markdownText(bound)}`;
}
