/** Custom LSP messages between the language server and an editor (the VS Code extension is one of them). */

/** Server → editor notification `probelens/live`: coalesced, at most 4 a second per document. */
export interface LiveParams {
  readonly uri: string;
  readonly functions: readonly LiveFunction[];
}
export interface LiveFunction {
  /** Linker name. */
  readonly func: string;
  /** 0-based line of the `func` keyword in the document as the server knows it. */
  readonly line: number;
  readonly state: "attaching" | "waiting" | "live" | "stopped" | "failed";
  /** Why, and what to do, for `failed`; the next step for `waiting`. */
  readonly message?: string;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly dropped: number;
  /** Nanoseconds; absent before the first return. */
  readonly p50Ns?: number;
  readonly p95Ns?: number;
  /** The latest call: one entry per parameter, with the range of its name in the source. */
  readonly values: readonly LiveValue[];
}
export interface LiveValue {
  readonly name: string;
  readonly text: string;
  /** 0-based, UTF-16 columns, of the parameter's name. Absent for results. */
  readonly range?: { readonly line: number; readonly start: number; readonly end: number };
}

/** Server → editor notification `probelens/events`: one line per call for the output channel, bounded per message. */
export interface EventsParams {
  readonly lines: readonly string[];
  /** Lines left out of this message since the last one. */
  readonly skipped: number;
}

/** Server → editor request `probelens/pickProcess`. Resolves to the pid, or null when dismissed. */
export interface PickProcessParams {
  readonly func: string;
  readonly candidates: readonly { readonly pid: number; readonly user: string; readonly binary: string; readonly started: string }[];
}

/** Server → editor request `probelens/askPassword`: a VS Code password box. Resolves to the text, or null when dismissed. */
export interface AskPasswordParams {
  readonly prompt: string;
}

/** Commands of `workspace/executeCommand`. */
export const COMMANDS = {
  /** Arguments: uri, 0-based line of the function. */
  trace: "probelens.server.trace",
  stop: "probelens.server.stop",
  stopAll: "probelens.server.stopAll",
} as const;

export const METHODS = {
  live: "probelens/live",
  events: "probelens/events",
  pickProcess: "probelens/pickProcess",
  askPassword: "probelens/askPassword",
} as const;
