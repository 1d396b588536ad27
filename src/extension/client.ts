/** The language client: starts dist/server.js, starts it again when it dies, and tells it which documents are visible. */
import * as vscode from "vscode";
import {
  CloseAction,
  type CloseHandlerResult,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type ServerOptions,
  State,
  TransportKind,
} from "vscode-languageclient/node";
import {
  type AskPasswordParams,
  type ChooseBinaryParams,
  type EditorOptions,
  type EventsParams,
  type LiveParams,
  METHODS,
  type PickProcessParams,
  type ShowSettingParams,
  type StatusParams,
} from "../protocol/editorApi.ts";

interface Notifications {
  [METHODS.live]: LiveParams;
  [METHODS.events]: EventsParams;
  [METHODS.status]: StatusParams;
  [METHODS.showSetting]: ShowSettingParams;
}
interface Requests {
  [METHODS.pickProcess]: [PickProcessParams, number | null];
  [METHODS.chooseBinary]: [ChooseBinaryParams, string | null];
  [METHODS.askPassword]: [AskPasswordParams, string | null];
}

/** Stopping detaches every probe; a server that needs longer is ended, which detaches them too. */
const STOP_TIMEOUT_MS = 5_000;
/** A server that dies this often within the window has a reason that a restart does not mend. */
const MAX_RESTARTS = 3;
const RESTART_WINDOW_MS = 180_000;

export class Client implements vscode.Disposable {
  private readonly client: LanguageClient;
  private readonly subscriptions: vscode.Disposable[] = [];
  private readonly endedAt: number[] = [];
  private lost: (willRestart: boolean) => void = () => {};

  constructor(serverModule: string) {
    const server: ServerOptions = {
      run: { module: serverModule, transport: TransportKind.stdio },
      debug: {
        module: serverModule,
        transport: TransportKind.stdio,
        options: { execArgv: ["--nolazy", "--inspect=0"] },
      },
    };
    const options: LanguageClientOptions = {
      documentSelector: [{ scheme: "file", language: "go" }],
      initializationOptions: { probelens: true } satisfies EditorOptions,
      synchronize: { configurationSection: "probelens" },
      // Hovers hold captured text: never commands, HTML or images.
      errorHandler: { error: () => ({ action: ErrorAction.Continue }), closed: () => this.serverEnded() },
      markdown: { isTrusted: false, supportHtml: false },
    };
    this.client = new LanguageClient("probelens", "Probelens", server, options);
  }

  onNotification<M extends keyof Notifications>(method: M, handle: (params: Notifications[M]) => void): void {
    this.subscriptions.push(this.client.onNotification(method, handle));
  }

  onRequest<M extends keyof Requests>(method: M, handle: (params: Requests[M][0]) => Promise<Requests[M][1]>): void {
    const answer = async (params: Requests[M][0]): Promise<string | number | null> => await handle(params);
    this.subscriptions.push(this.client.onRequest<string | number | null, void>(method, answer));
  }

  /** The server ended without being asked to. `handle` learns whether it is started again. */
  onLost(handle: (willRestart: boolean) => void): void {
    this.lost = handle;
  }

  async start(): Promise<void> {
    this.subscriptions.push(
      vscode.window.onDidChangeVisibleTextEditors(() => this.sendVisible()),
      vscode.window.onDidChangeWindowState(() => this.sendVisible()),
    );
    // Also after a restart: the new server knows nothing yet.
    this.subscriptions.push(this.client.onDidChangeState(() => this.sendVisible()));
    await this.client.start();
  }

  /** Resolves when the server takes commands, also while it is being started again. */
  async ready(): Promise<void> {
    await this.client.start();
  }

  showLog(): void {
    this.client.outputChannel.show(true);
  }

  async stop(): Promise<void> {
    if (this.client.needsStop()) await this.client.stop(STOP_TIMEOUT_MS);
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private serverEnded(): CloseHandlerResult {
    const now = performance.now();
    this.endedAt.push(now);
    const recent = this.endedAt.filter((at) => now - at < RESTART_WINDOW_MS);
    const restart = recent.length <= MAX_RESTARTS;
    this.lost(restart);
    return { action: restart ? CloseAction.Restart : CloseAction.DoNotRestart, handled: true };
  }

  private sendVisible(): void {
    if (this.client.state !== State.Running) return;
    const uris = vscode.window.visibleTextEditors
      .map(({ document }) => document)
      .filter(({ languageId, uri }) => languageId === "go" && uri.scheme === "file")
      .map(({ uri }) => uri.toString());
    void this.client.sendNotification(METHODS.visible, { uris: [...new Set(uris)] });
  }
}
