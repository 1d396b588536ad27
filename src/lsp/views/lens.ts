/** The text of a function's lens. Always one lens, whose text alone changes, so that the code never jumps. Pure. */
import type { FunctionTrace } from "../traces/functionTrace.ts";
import { shareShort } from "./cost.ts";
import { formatCount, formatDuration, formatRate, plainLabel, shorten } from "./format.ts";
import { missingShort } from "./removed.ts";

const MAX_REASON = 60;

export interface LensText {
  readonly title: string;
  readonly action: "trace" | "stop";
  readonly tooltip: string;
}

/** `difference`: how source and binary differ, empty where they match or nothing is known. */
export function lensText(trace: FunctionTrace | undefined, difference: string): LensText {
  if (trace === undefined || trace.state.kind === "stopped") {
    const title = difference === "" ? "Trace" : `Trace · ${difference}`;
    return { title, action: "trace", tooltip: "Show the arguments of live calls beside the code" };
  }
  const { state, view, options } = trace;
  if (state.kind === "ended") {
    const title = `○ ${shorten(plainLabel(state.short), MAX_REASON)} · Trace again`;
    return { title, action: "trace", tooltip: state.message };
  }
  const tooltip = `Tracing ${options.names.join(", ")} in ${options.targetLabel}. Click to stop.`;
  if (state.kind === "attaching") return { title: "◌ attaching… · Stop", action: "stop", tooltip };
  if (view.calls === 0) return { title: "● waiting for a call · Stop", action: "stop", tooltip };
  return { title: ["●", liveParts(trace).join(" · ")].join(" "), action: "stop", tooltip };
}

function liveParts(trace: FunctionTrace): string[] {
  const { view, options, removals } = trace;
  const { calls, callsPerSecond, dropped, latency, shown } = view;
  const parts = [callsPerSecond > 0 ? formatRate(callsPerSecond) : formatCount(calls, "call")];
  parts.push(...[shareShort(trace), missingShort(removals)].filter((part) => part !== ""));
  if (latency !== undefined) parts.push(`p95 ${formatDuration(latency.p95)}`);
  if (dropped > 0) parts.push(`${formatCount(dropped, "call")} lost`);
  if (shown !== undefined && shown.line !== "") parts.push(plainLabel(shown.line));
  if (options.difference !== "") parts.push(options.difference);
  parts.push("Stop");
  return parts;
}
