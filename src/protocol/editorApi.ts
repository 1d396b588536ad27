/** Custom LSP messages between the language server and an editor (the VS Code extension is one of them). */

/** Server → editor notification `probelens/live`: coalesced, at most 4 a second per document. */
export interface LiveParams {
  readonly uri: string;
  /** Version of the document that the lines and ranges belong to. */
  readonly version: number;
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
  /** The function's text has changed since it was traced, or the binary was built from another text. */
  readonly stale: boolean;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly dropped: number;
  /** Nanoseconds; absent before the first return. */
  readonly p50Ns?: number;
  readonly p95Ns?: number;
  /** The latest call: one entry per parameter, with the range of its name in the source; then the results. */
  readonly values: readonly LiveValue[];
}
export interface LiveValue {
  readonly name: string;
  /** Go value text, of 2 000 columns at the most. */
  readonly text: string;
  /** Shortened to its share of a line that all values of the call are on; empty where that would say nothing. */
  readonly short: string;
  readonly role: "argument" | "result";
  /**
   * 0-based, UTF-16 columns: where the value belongs in the source, the parameter's name or the end of the signature.
   * Absent where the source has no such place (unnamed parameters).
   */
  readonly range?: { readonly line: number; readonly start: number; readonly end: number };
}

/** Server → editor notification `probelens/events`: one line per call for the output channel, bounded per message. */
export interface EventsParams {
  readonly lines: readonly string[];
  /** Lines left out of this message since the last one. */
  readonly skipped: number;
}

/** Server → editor notification `probelens/status`: what the status bar shows; sent when it changes. */
export interface StatusParams {
  /** Functions traced now. */
  readonly traced: number;
  /** Functions of visible documents that a running process or chosen binary contains. */
  readonly found: number;
  /** What keeps functions from being found, a sentence for the user; empty where nothing does. */
  readonly hint: string;
}

/** Server → editor request `probelens/pickProcess`. Resolves to the pid, or null when dismissed. */
export interface PickProcessParams {
  readonly func: string;
  readonly candidates: readonly {
    readonly pid: number;
    readonly user: string;
    readonly binary: string;
    readonly started: string;
    /** How well the source matches this process's binary, where it does not match exactly. */
    readonly note?: string;
  }[];
}

/** Server → editor request `probelens/chooseBinary`: a file dialog. Resolves to the absolute path, or null. */
export interface ChooseBinaryParams {
  readonly title: string;
}

/** Server → editor request `probelens/askPassword`: a VS Code password box. Resolves to the text, or null when dismissed. */
export interface AskPasswordParams {
  readonly prompt: string;
  /** From 1; later ones mean that the password before was not accepted. */
  readonly attempt: number;
}

/** Server → editor notification `probelens/showSetting`: opens the settings there. */
export interface ShowSettingParams {
  readonly setting: "probelens.budget";
}

/** Editor → server notification `probelens/visible`: Go documents that the user sees now. Others are not polled for. */
export interface VisibleParams {
  readonly uris: readonly string[];
}

/** `initializationOptions`: what the editor can do beyond LSP. */
export interface EditorOptions {
  /** It answers `probelens/pickProcess`, `chooseBinary` and `askPassword`, takes `probelens/showSetting`, and sends `probelens/visible`. */
  readonly probelens: true;
}

/** Settings, section `probelens`; defaults in package.json. */
export interface EditorSettings {
  readonly codeLens: "found" | "all" | "off";
  readonly inlineValues: boolean;
  readonly eventsPerSecond: number;
  readonly maxStringBytes: number;
  readonly floats: "signal" | "off";
  readonly faultIn: boolean;
  readonly depth: number;
  /** Percent of one core; 0: no bound. */
  readonly budget: number;
  /** As they were typed, whatever that is: a trace refuses what cannot be used, because a default would show secrets. */
  readonly secretNames: unknown;
  readonly binaries: readonly string[];
}

/** Commands of `workspace/executeCommand`. Arguments of the first two: uri, 0-based line of the function. */
export const COMMANDS = {
  trace: "probelens.server.trace",
  stop: "probelens.server.stop",
  stopAll: "probelens.server.stopAll",
} as const;

export const METHODS = {
  live: "probelens/live",
  events: "probelens/events",
  status: "probelens/status",
  visible: "probelens/visible",
  pickProcess: "probelens/pickProcess",
  chooseBinary: "probelens/chooseBinary",
  askPassword: "probelens/askPassword",
  showSetting: "probelens/showSetting",
} as const;
