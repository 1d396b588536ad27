/** The hover of a traced function: how it fares, then its last calls, in Markdown. Pure. */
import type { FunctionTrace } from "../traces/functionTrace.ts";
import { costText } from "./cost.ts";
import { codeSpan, formatCount, formatDuration, formatRate, formatShare, markdownText } from "./format.ts";
import { removedText } from "./removed.ts";

/** Notices of the engine, the latest ones. */
const MAX_NOTICES = 3;

/** `lastCalls`: Markdown of `callTable`, empty before the first call. What changes with each call stands first. */
export function hoverText(trace: FunctionTrace, lastCalls: string): string {
  const { options, state } = trace;
  const lines = [`**Probelens** ${codeSpan(options.names[0] ?? options.label)} · ${statusLine(trace)}`, ""];
  if (options.difference !== "") lines.push(`⚠ ${markdownText(options.difference)}`, "");
  if (state.kind === "ended") lines.push(`⚠ ${markdownText(state.message)}`, "");
  else if (trace.removals.length > 0) lines.push(`⚠ ${markdownText(removedText(trace.removals, options))}`, "");
  for (const notice of trace.notices.slice(-MAX_NOTICES)) lines.push(`ⓘ ${markdownText(notice)}`, "");
  if (lastCalls !== "") lines.push(lastCalls, "");
  if (options.names.length > 1) lines.push(`${options.names.length} instances are traced together\\.`, "");
  const cost = costText(trace);
  if (cost !== "") lines.push(cost, "");
  lines.push(`In ${markdownText(options.targetLabel)}`, "");
  if (trace.comparison !== "") lines.push(`Source: ${markdownText(trace.comparison)}`, "");
  return lines.join("\n");
}

function statusLine({ view, state }: FunctionTrace): string {
  if (state.kind === "attaching") return "Attaching…";
  const parts: string[] = [];
  if (view.calls === 0 && state.kind === "attached") {
    // Calls that were inlined and cannot be traced are told by a notice of the engine.
    parts.push("The probe is in place; no call so far.");
  } else {
    parts.push(formatCount(view.calls, "call"));
  }
  // Of one that has ended they would be those of its last seconds.
  if (view.calls > 0 && state.kind === "attached")
    parts.push(formatRate(view.callsPerSecond), `${formatShare(view.corePercent)} of a core`);
  const { latency } = view;
  if (latency !== undefined) parts.push(`p50 ${formatDuration(latency.p50)}`, `p95 ${formatDuration(latency.p95)}`);
  if (view.throttled > 0)
    parts.push(`${formatCount(view.throttled, "call")} counted but not shown (limit of calls per second)`);
  if (view.dropped > 0) parts.push(`${formatCount(view.dropped, "call")} lost (no room in the buffer)`);
  return markdownText(parts.join(" · "));
}
