/** What the server asks of and tells the editor; for editors other than the extension, in plain LSP. */

import {
  CodeLensRefreshRequest,
  type Connection,
  type MessageActionItem,
  type WorkDoneProgressServerReporter,
} from "vscode-languageserver/node";
import { DEFAULT_BUDGET, MAX_BUDGET, MIN_BUDGET } from "../protocol/budget.ts";
import {
  type AskPasswordParams,
  type ChooseBinaryParams,
  type EditorSettings,
  type EventsParams,
  type LiveParams,
  METHODS,
  type PickProcessParams,
  type ShowSettingParams,
  type StatusParams,
} from "../protocol/editorApi.ts";

export const DEFAULT_SETTINGS: EditorSettings = {
  codeLens: "found",
  inlineValues: true,
  eventsPerSecond: 1000,
  maxStringBytes: 256,
  floats: "signal",
  faultIn: false,
  depth: 3,
  budget: DEFAULT_BUDGET,
  secretNames: [],
  binaries: [],
};
/** Buttons of a plain LSP message. */
const MAX_MESSAGE_ACTIONS = 5;
const MAX_BINARIES = 16;
/** What is over sooner would only flicker. */
const PROGRESS_DELAY_MS = 200;

export class EditorClient {
  private readonly connection: Connection;
  /** The editor is the extension, or understands its messages. */
  private readonly extended: boolean;

  /** It can be told that lenses have changed, and asks again then. */
  readonly takesAnnouncements: boolean;

  constructor(connection: Connection, extended: boolean, takesAnnouncements: boolean) {
    this.connection = connection;
    this.extended = extended;
    this.takesAnnouncements = takesAnnouncements;
  }

  live(params: LiveParams): void {
    if (this.extended) void this.connection.sendNotification(METHODS.live, params);
  }

  events(params: EventsParams): void {
    if (this.extended) void this.connection.sendNotification(METHODS.events, params);
    else for (const line of params.lines) this.connection.console.log(line);
  }

  status(params: StatusParams): void {
    if (this.extended) void this.connection.sendNotification(METHODS.status, params);
  }

  get showsSettings(): boolean {
    return this.extended;
  }

  showSetting(params: ShowSettingParams): void {
    if (this.extended) void this.connection.sendNotification(METHODS.showSetting, params);
  }

  async pickProcess(params: PickProcessParams): Promise<number | undefined> {
    if (this.extended) {
      const pid: unknown = await this.connection.sendRequest(METHODS.pickProcess, params);
      return typeof pid === "number" && params.candidates.some((candidate) => candidate.pid === pid) ? pid : undefined;
    }
    const actions = params.candidates
      .slice(0, MAX_MESSAGE_ACTIONS)
      .map(({ pid, binary }) => ({ title: `pid ${pid} ${binary}`, pid }));
    const chosen = await this.connection.window.showInformationMessage(
      `Trace ${params.func} in which process?`,
      ...actions,
    );
    return chosen?.pid;
  }

  async chooseBinary(params: ChooseBinaryParams): Promise<string | undefined> {
    if (!this.extended) return undefined;
    const file: unknown = await this.connection.sendRequest(METHODS.chooseBinary, params);
    return typeof file === "string" && file.startsWith("/") ? file : undefined;
  }

  async askPassword(params: AskPasswordParams): Promise<string | undefined> {
    if (!this.extended) return undefined;
    const password: unknown = await this.connection.sendRequest(METHODS.askPassword, params);
    return typeof password === "string" ? password : undefined;
  }

  /** Shows a message and resolves to the action that was clicked. */
  async message<T extends string>(
    kind: "error" | "warning" | "info",
    text: string,
    actions: readonly T[],
  ): Promise<T | undefined> {
    const items: MessageActionItem[] = actions.map((title) => ({ title }));
    const { window } = this.connection;
    const show = {
      error: () => window.showErrorMessage(text, ...items),
      warning: () => window.showWarningMessage(text, ...items),
      info: () => window.showInformationMessage(text, ...items),
    };
    const chosen = await show[kind]();
    return actions.find((title) => title === chosen?.title);
  }

  async settings(uri?: string): Promise<EditorSettings> {
    try {
      const given: unknown = await this.connection.workspace.getConfiguration({
        section: "probelens",
        ...(uri === undefined ? {} : { scopeUri: uri }),
      });
      return readSettings(given);
    } catch {
      return DEFAULT_SETTINGS;
    }
  }

  /** Where the editor shows progress, `work` gets a line there (`Probelens: reading prometheus`) when it takes longer. */
  async showProgress<T>(title: string, work: Promise<T>): Promise<T> {
    let shown: Promise<WorkDoneProgressServerReporter | undefined> | undefined;
    const timer = setTimeout(() => {
      shown = this.connection.window.createWorkDoneProgress().catch(() => undefined);
      void shown.then((progress) => progress?.begin(`Probelens: ${title}`));
    }, PROGRESS_DELAY_MS);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
      void shown?.then((progress) => progress?.done());
    }
  }

  /** For the log of the server, not the events. */
  logError(text: string): void {
    this.connection.console.error(text);
  }

  refreshLenses(): void {
    // An editor that cannot refresh asks again by itself.
    void this.connection.sendRequest(CodeLensRefreshRequest.type).catch(() => undefined);
  }
}

/** Settings are typed by people: what is out of range reads as the default, but for names of secrets. */
export function readSettings(given: unknown): EditorSettings {
  if (typeof given !== "object" || given === null) return DEFAULT_SETTINGS;
  const from = given as Record<string, unknown>;
  const lens = from["codeLens"];
  const binaries = from["binaries"];
  return {
    codeLens: lens === "all" || lens === "off" ? lens : "found",
    inlineValues: from["inlineValues"] !== false,
    eventsPerSecond: integerIn(from["eventsPerSecond"], 1, 100_000) ?? DEFAULT_SETTINGS.eventsPerSecond,
    maxStringBytes: integerIn(from["maxStringBytes"], 0, 4096) ?? DEFAULT_SETTINGS.maxStringBytes,
    floats: from["floats"] === "off" ? "off" : "signal",
    faultIn: from["faultIn"] === true,
    depth: integerIn(from["depth"], 0, 16) ?? DEFAULT_SETTINGS.depth,
    budget: budgetIn(from["budget"]) ?? DEFAULT_SETTINGS.budget,
    secretNames: from["secretNames"] ?? DEFAULT_SETTINGS.secretNames,
    binaries: Array.isArray(binaries)
      ? binaries
          .filter((file): file is string => typeof file === "string" && file.startsWith("/"))
          .slice(0, MAX_BINARIES)
      : [],
  };
}

/** 0: no bound. */
function budgetIn(value: unknown): number | undefined {
  return typeof value === "number" && (value === 0 || (value >= MIN_BUDGET && value <= MAX_BUDGET)) ? value : undefined;
}

function integerIn(value: unknown, least: number, most: number): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
}
