/** The text of a function's lens. Always one lens, whose text alone changes, so that the code never jumps. Pure. */
import { formatResults } from "../traces/eventLog.ts";
import type { FunctionTrace } from "../traces/functionTrace.ts";
import { formatCount, formatDuration, formatRate, plainLabel, shorten } from "./format.ts";

/** One value's text; longer ones are for the hover. */
const MAX_VALUE = 32;
/** All values together. */
const MAX_VALUES = 80;
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
  const { state, history, options } = trace;
  if (state.kind === "ended") {
    const title = `○ ${shorten(plainLabel(state.short), MAX_REASON)} · Trace again`;
    return { title, action: "trace", tooltip: state.message };
  }
  const tooltip = `Tracing ${options.names.join(", ")} in ${options.targetLabel}. Click to stop.`;
  if (state.kind === "attaching") return { title: "◌ attaching… · Stop", action: "stop", tooltip };
  if (history.calls === 0) return { title: "● waiting for a call · Stop", action: "stop", tooltip };
  return { title: ["●", liveParts(trace).join(" · ")].join(" "), action: "stop", tooltip };
}

function liveParts({ history, options }: FunctionTrace): string[] {
  const rate = history.callsPerSecond;
  const parts = [rate > 0 ? formatRate(rate) : formatCount(history.calls, "call")];
  const latency = history.percentiles();
  if (latency !== undefined) parts.push(`p95 ${formatDuration(latency.p95)}`);
  if (history.dropped > 0) parts.push(`${formatCount(history.dropped, "call")} lost`);
  const { shown } = history;
  if (shown !== undefined) {
    const args = shown.call.args.map(({ name, text }) => `${name}=${shorten(text, MAX_VALUE)}`).join(", ");
    const readable = (shown.results ?? []).filter(({ text }) => !isUnavailable(text));
    const results = formatResults(readable.map((result) => ({ ...result, text: shorten(result.text, MAX_VALUE) })));
    const values = [args, results === "" ? "" : `→ ${results}`].filter((text) => text !== "").join(" ");
    if (values !== "") parts.push(plainLabel(shorten(values, MAX_VALUES)));
  }
  if (options.difference !== "") parts.push(options.difference);
  parts.push("Stop");
  return parts;
}

/** Wholly unavailable; the reason stands in the hover. */
export function isUnavailable(text: string): boolean {
  return text.startsWith("<unavailable: ");
}
