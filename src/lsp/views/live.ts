/** What the editor draws beside the code for one traced function. Pure. */
import type { LiveFunction, LiveValue } from "../../protocol/editorApi.ts";
import type { EditorFunction } from "../documents/editorFunctions.ts";
import type { FunctionTrace } from "../traces/functionTrace.ts";

/** `fn`: the function as the document has it now; `text`: its source text now. */
export function liveFunction(trace: FunctionTrace, fn: EditorFunction, text: string): LiveFunction {
  const { view, options, state } = trace;
  const { latency } = view;
  return {
    func: options.names[0] ?? options.label,
    line: fn.line,
    state: liveState(trace),
    ...(state.kind === "ended" ? { message: state.message } : {}),
    stale: trace.isStale(text),
    calls: view.calls,
    callsPerSecond: view.callsPerSecond,
    dropped: view.dropped,
    ...(latency === undefined ? {} : { p50Ns: latency.p50, p95Ns: latency.p95 }),
    values: liveValues(trace, fn),
  };
}

function liveState({ state, view }: FunctionTrace): LiveFunction["state"] {
  if (state.kind === "attached") return view.calls === 0 ? "waiting" : "live";
  return state.kind === "ended" ? "failed" : state.kind;
}

function liveValues({ view: { shown } }: FunctionTrace, fn: EditorFunction): LiveValue[] {
  if (shown === undefined) return [];
  const values: LiveValue[] = shown.args.map((arg) => {
    const param = fn.params.find((candidate) => candidate.name === arg.name);
    const value = { ...arg, role: "argument" as const };
    // A name that spans lines is none; a missing one was renamed since the binary was built.
    return param === undefined
      ? value
      : { ...value, range: { line: param.start.line, start: param.start.character, end: param.end.character } };
  });
  if (shown.results !== undefined) {
    const { line, character } = fn.signatureEnd;
    values.push({ ...shown.results, role: "result", range: { line, start: character, end: character } });
  }
  return values;
}
