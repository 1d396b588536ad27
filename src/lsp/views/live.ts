/** What the editor draws beside the code for one traced function. Pure. */
import type { LiveFunction, LiveValue } from "../../protocol/editorApi.ts";
import type { EditorFunction } from "../documents/editorFunctions.ts";
import { formatResults } from "../traces/eventLog.ts";
import type { FunctionTrace } from "../traces/functionTrace.ts";
import { isUnavailable } from "./lens.ts";

/** `fn`: the function as the document has it now; `text`: its source text now. */
export function liveFunction(trace: FunctionTrace, fn: EditorFunction, text: string): LiveFunction {
  const { history, options, state } = trace;
  const latency = history.percentiles();
  return {
    func: options.names[0] ?? options.label,
    line: fn.line,
    state: liveState(trace),
    ...(state.kind === "ended" ? { message: state.message } : {}),
    stale: trace.isStale(text),
    calls: history.calls,
    callsPerSecond: history.callsPerSecond,
    dropped: history.dropped,
    ...(latency === undefined ? {} : { p50Ns: latency.p50, p95Ns: latency.p95 }),
    values: liveValues(trace, fn),
  };
}

function liveState({ state, history }: FunctionTrace): LiveFunction["state"] {
  if (state.kind === "attached") return history.calls === 0 ? "waiting" : "live";
  return state.kind === "ended" ? "failed" : state.kind;
}

function liveValues({ history }: FunctionTrace, fn: EditorFunction): LiveValue[] {
  const { shown } = history;
  if (shown === undefined) return [];
  const values: LiveValue[] = shown.call.args.map(({ name, text }) => {
    const param = fn.params.find((candidate) => candidate.name === name);
    const value = { name, text, role: "argument" as const };
    // A name that spans lines is none; a missing one was renamed since the binary was built.
    return param === undefined
      ? value
      : { ...value, range: { line: param.start.line, start: param.start.character, end: param.end.character } };
  });
  const results = (shown.results ?? []).filter(({ text }) => !isUnavailable(text));
  if (results.length > 0) {
    const { line, character } = fn.signatureEnd;
    values.push({
      name: "",
      text: formatResults(results),
      role: "result",
      range: { line, start: character, end: character },
    });
  }
  return values;
}
