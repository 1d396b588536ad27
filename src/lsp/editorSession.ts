/** The language server's heart: documents, programs, traces, and what is shown of them. */
import type { CodeLens, Hover } from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { EndReason } from "../engine/api.ts";
import type { GoParser } from "../gosource/syntax/parser.ts";
import { COMMANDS } from "../protocol/editorApi.ts";
import { type Candidate, differenceOf } from "./documents/candidates.ts";
import { Catalog } from "./documents/catalog.ts";
import { type EditorFunction, functionAt, isBefore, type Position } from "./documents/editorFunctions.ts";
import { GoDocument, type ProgramMatch } from "./documents/goDocuments.ts";
import { type EditorClient } from "./editorClient.ts";
import { errorText } from "./errorText.ts";
import { LensAnnouncements } from "./lensAnnouncements.ts";
import { TargetChoice } from "./targetChoice.ts";
import type { EditorEngine } from "./thread/editorEngine.ts";
import { formatNotice, MAX_LINES_PER_MESSAGE } from "./traces/eventLog.ts";
import { FunctionTrace } from "./traces/functionTrace.ts";
import { hoverText } from "./views/hover.ts";
import { lensText } from "./views/lens.ts";
import { liveFunction } from "./views/live.ts";
import { removedText } from "./views/removed.ts";

/** While a Go document is visible: a glance at which processes there are, and a whole look when it shows a change. */
const GLANCE_INTERVAL_MS = 200;
/** Where processes come and go all the time, looking takes a small part of the time, but nobody waits long for it. */
const LOOK_SHARE = 0.1;
const MAX_LOOK_PAUSE_MS = 500;
/** A whole look is due this often in any case: a known process may have exec'd another program. */
const LOOK_INTERVAL_MS = 4_000;
/** A process that was just forked execs a moment later: a change is looked at more than once. */
const LOOKS_AFTER_CHANGE = 3;
/**
 * Lenses are answered with what is known by then, and announced when more is: VS Code asks for the next ones only after as
 * long as the last answers took on average, so one that waits for a large program would keep a click's lens waiting, too.
 */
const LENS_ANSWER_MS = 200;
/** How often it is looked whether there is something new to show. */
const LOOK_AT_TRACES_MS = 250;
/** Functions traced at once from the editor; each has probes, history and a place on the screen. */
const MAX_TRACES = 64;

const NO_LINES = { lines: [], skipped: 0 } as const;
const RETRY = "Try Again";
const BUDGET = "Change the Budget…";

export class EditorSession {
  private readonly engine: EditorEngine;
  private readonly client: EditorClient;
  private readonly parser: GoParser;
  private readonly catalog: Catalog;
  private readonly documents = new Map<string, GoDocument>();
  /** By uri and key; ended ones stay for their lens until traced again or closed. */
  private readonly traces = new Map<string, FunctionTrace>();
  /** Lines for the events channel that are not about calls. */
  private notices: string[] = [];
  private looking = false;
  private readonly lensChanges: LensAnnouncements;
  private readonly targets: TargetChoice;
  private readonly dirtyLive = new Set<string>();
  private visible: ReadonlySet<string> | undefined;
  private shownLenses = new Map<string, string>();
  /** Programs that hold a document's functions, as the last look at all of them has found. */
  private readonly foundIn = new WeakMap<GoDocument, readonly ProgramMatch[]>();
  private lastStatus = "";
  private chosenBySession: readonly string[] = [];
  private firstLook: Promise<unknown> | undefined;
  private timers: NodeJS.Timeout[] = [];

  constructor(engine: EditorEngine, client: EditorClient, parser: GoParser) {
    this.engine = engine;
    this.client = client;
    this.parser = parser;
    this.catalog = new Catalog(engine, (title, work) => client.showProgress(title, work));
    this.targets = new TargetChoice(this.catalog, client, {
      again: async () => await this.poll(),
      at: async (file) => {
        this.chosenBySession = [...this.chosenBySession, file];
        await this.readChosen();
        await this.poll();
      },
    });
    this.lensChanges = new LensAnnouncements(
      () => client.refreshLenses(),
      () => this.pushLive(),
    );
  }

  start(): void {
    this.timers = [
      setInterval(() => void this.glance(), GLANCE_INTERVAL_MS),
      setInterval(() => void this.look(), LOOK_AT_TRACES_MS),
    ];
  }

  async dispose(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.engine.dispose();
  }

  opened(text: TextDocument): void {
    this.documents.get(text.uri)?.close();
    this.documents.set(text.uri, new GoDocument(text, this.parser));
    this.markUri(text.uri);
  }

  changed(text: TextDocument): void {
    this.documents.get(text.uri)?.update(text);
    this.markUri(text.uri);
  }

  saved(uri: string): void {
    this.documents.get(uri)?.saved();
  }

  closed(uri: string): void {
    this.documents.get(uri)?.close();
    this.documents.delete(uri);
    if (this.documents.size === 0) this.catalog.cancelReading();
    this.shownLenses.delete(uri);
    for (const [id, trace] of this.traces) if (trace.options.uri === uri && !trace.active) this.traces.delete(id);
  }

  setVisible(uris: readonly string[]): void {
    const before = this.visible;
    this.visible = new Set(uris);
    // A document that comes into view must not wait for the next poll.
    if (uris.some((uri) => before?.has(uri) !== true)) void this.poll();
    for (const uri of uris) this.markUri(uri);
  }

  async settingsChanged(): Promise<void> {
    await this.readChosen();
    await this.catalog.refresh();
    this.lensChanges.announce();
  }

  async lenses(uri: string): Promise<CodeLens[]> {
    this.lensChanges.asked();
    await this.takeViews();
    const lenses = await this.lensesOf(uri);
    this.lensChanges.answered();
    return lenses;
  }

  private async lensesOf(uri: string): Promise<CodeLens[]> {
    const document = this.documents.get(uri);
    if (document === undefined) return [];
    const { codeLens } = await this.client.settings(uri);
    if (codeLens === "off") return [];
    const looking = this.lookFor(document);
    const isComplete = await (this.client.takesAnnouncements
      ? isWithin(looking, LENS_ANSWER_MS)
      : looking.then(() => true));
    const lenses = this.lensList(document, codeLens);
    this.shownLenses.set(uri, this.lensDigest(document));
    if (isComplete) this.pushStatus((this.foundIn.get(document) ?? []).length > 0 ? lenses.length : 0);
    else void this.announceLater(looking, document, codeLens, lenses);
    return lenses;
  }

  private async announceLater(
    looking: Promise<void>,
    document: GoDocument,
    codeLens: "found" | "all",
    shown: readonly CodeLens[],
  ): Promise<void> {
    const answer = JSON.stringify(shown);
    try {
      await looking;
      // Closed, or opened anew, meanwhile: whoever opens it asks.
      if (this.documents.get(document.uri) !== document) return;
      if (JSON.stringify(this.lensList(document, codeLens)) !== answer) this.lensChanges.announce();
    } catch (error) {
      this.client.logError(`the programs of ${document.uri} could not be looked at: ${errorText(error)}`);
    }
  }

  private async lookFor(document: GoDocument): Promise<void> {
    await this.looked();
    const { found } = await document.matches(this.catalog);
    this.foundIn.set(document, found);
  }

  private lensList(document: GoDocument, codeLens: "found" | "all"): CodeLens[] {
    const found = this.foundIn.get(document) ?? [];
    return document.file.functions.flatMap((fn) => {
      const trace = this.traceOf(document, fn);
      const match = bestMatch(found, fn);
      const wanted = fn.kind !== "literal" && fn.hasBody && (codeLens === "all" || match !== undefined);
      if (wanted || trace !== undefined) document.lensKeys.add(fn.key);
      if (!document.lensKeys.has(fn.key)) return [];
      const { title, action, tooltip } = lensText(trace, match === undefined ? "" : differenceOf(match));
      const command = {
        title,
        tooltip,
        command: COMMANDS[action],
        arguments: [document.uri, fn.start.line, fn.start.character],
      };
      return [{ range: { start: fn.start, end: fn.start }, command }];
    });
  }

  async hover(uri: string, position: Position): Promise<Hover | null> {
    const document = this.documents.get(uri);
    const fn = document === undefined ? undefined : functionAt(document.file, position);
    if (document === undefined || fn === undefined || isBefore(fn.signatureEnd, position)) return null;
    const trace = this.traceOf(document, fn);
    if (trace === undefined) return null;
    return { contents: { kind: "markdown", value: hoverText(trace, await trace.lastCalls()) } };
  }

  /** The innermost function at or around a line, for the lens and the command at the cursor. */
  async trace(uri: string, position: Position): Promise<void> {
    const document = this.documents.get(uri);
    const fn = document === undefined ? undefined : functionAt(document.file, position);
    if (document === undefined || fn === undefined) {
      await this.client.message("info", "Probelens: put the cursor into a Go function, then trace it.", []);
      return;
    }
    if (this.traceOf(document, fn)?.active === true) return;
    await this.poll();
    const candidate = await this.targets.find(document, fn);
    if (candidate !== undefined) await this.begin(document, fn, candidate);
  }

  async stop(uri: string, position: Position): Promise<void> {
    const document = this.documents.get(uri);
    if (document === undefined) return;
    const exact = document.file.functions.find(
      (fn) => fn.start.line === position.line && fn.start.character === position.character,
    );
    const clicked = exact === undefined ? undefined : this.traceOf(document, exact);
    if (clicked?.active === true) return await clicked.stop();
    // At the cursor, an inner literal may be untraced while the function around it is traced.
    const inside = document.file.functions.filter(
      (fn) => fn.start.line <= position.line && !isBefore(fn.end, { line: position.line, character: 0 }),
    );
    const trace = inside.map((fn) => this.traceOf(document, fn)).findLast((candidate) => candidate?.active === true);
    await trace?.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.traces.values()].filter(({ active }) => active).map((trace) => trace.stop()));
  }

  private async begin(document: GoDocument, fn: EditorFunction, candidate: Candidate): Promise<void> {
    // A second click while the picker stood open.
    if (this.traceOf(document, fn)?.active === true) return;
    if ([...this.traces.values()].filter(({ active }) => active).length >= MAX_TRACES) {
      const text = `Probelens cannot trace ${fn.label}: ${MAX_TRACES} functions are traced already. Stop some of them first.`;
      await this.client.message("warning", text, []);
      return;
    }
    const { pid, program } = candidate;
    const settings = await this.client.settings(document.uri);
    const trace = new FunctionTrace(
      {
        uri: document.uri,
        key: fn.key,
        label: fn.label,
        names: candidate.names,
        target: pid === undefined ? { kind: "file", file: program.file } : { kind: "process", pid },
        targetLabel: pid === undefined ? `every process that runs ${program.file}` : `pid ${pid} (${program.file})`,
        difference: candidate.difference,
        text: document.textOf(fn),
        source: await document.sourceRoot(),
        eventsPerSecond: settings.eventsPerSecond,
        maxStringBytes: settings.maxStringBytes,
        floats: settings.floats,
        faultIn: settings.faultIn,
        depth: settings.depth,
        budget: settings.budget,
        secretNames: settings.secretNames,
      },
      {
        engine: this.engine,
        changed: (changed) => this.markUri(changed.options.uri),
        notice: (from, message) => this.note(`${from.options.label}: ${message}`),
        thinned: (thinned) => void this.tellRemoval(thinned),
        ended: (ended, reason) => void this.tellEnd(ended, reason),
      },
    );
    this.traces.set(traceId(document.uri, fn.key), trace);
    this.markUri(document.uri);
    this.pushLenses();
    void this.compare(trace, candidate);
    try {
      await trace.start();
      // The lens says "attaching…" until here: do not make the user wait for the next tick.
      this.pushLive();
      this.pushLenses();
    } catch (error) {
      this.pushLenses();
      const again = await this.client.message("error", errorText(error), [RETRY]);
      if (again === RETRY) await this.trace(document.uri, fn.start);
    }
  }

  /** Asks version control, which may take its time: the trace does not wait for it. */
  private async compare(trace: FunctionTrace, { program, names }: Candidate): Promise<void> {
    const root = trace.options.source;
    const answer = await this.catalog.open(program);
    if (root === undefined || !answer.ok) return;
    const match = await answer.opened.compare(names[0] ?? "", root).catch(() => undefined);
    if (match !== undefined) trace.compared(match);
  }

  private async tellEnd(trace: FunctionTrace, reason: EndReason): Promise<void> {
    if (reason.kind === "stopped" || trace.state.kind !== "ended") return;
    // All traces end at once when their process or the helper goes: one message is enough.
    const first = [...this.traces.values()].find(
      ({ state }) => state.kind === "ended" && trace.state.kind === "ended" && state.message === trace.state.message,
    );
    if (first !== trace) return;
    if (reason.kind === "over-budget") return await this.tellRemoval(trace);
    const kind = reason.kind === "helper-died" ? "error" : "info";
    await this.client.message(kind, `Probelens, ${trace.options.label}: ${trace.state.message}`, []);
  }

  private async tellRemoval({ options, removals }: FunctionTrace): Promise<void> {
    const text = removedText(removals, options);
    this.note(text);
    const actions = this.client.showsSettings ? [BUDGET] : [];
    if ((await this.client.message("warning", `Probelens: ${text}`, actions)) === BUDGET)
      this.client.showSetting({ setting: "probelens.budget" });
  }

  private async glance(): Promise<void> {
    if (!this.isWatched() || this.glancing) return;
    this.glancing = true;
    try {
      const changed = await this.catalog.hasChanged();
      this.changes = changed ? LOOKS_AFTER_CHANGE : this.changes;
      const since = performance.now() - this.lastLookMs;
      const pause = this.changes > 0 ? Math.min(this.lookTookMs / LOOK_SHARE, MAX_LOOK_PAUSE_MS) : LOOK_INTERVAL_MS;
      if (since < pause) return;
      this.changes = Math.max(0, this.changes - 1);
      await this.poll();
    } finally {
      this.glancing = false;
    }
  }
  private glancing = false;
  /** Looks that are due because something has changed. */
  private changes = 0;
  private lastLookMs = 0;
  private lookTookMs = 0;

  private async poll(): Promise<void> {
    if (!this.isWatched()) return;
    await this.looked();
    const start = performance.now();
    const changed = await this.catalog.refresh();
    this.lastLookMs = performance.now();
    this.lookTookMs = this.lastLookMs - start;
    if (changed) this.lensChanges.announce();
  }

  private isWatched(): boolean {
    return this.visible === undefined ? this.documents.size > 0 : this.visible.size > 0;
  }

  /** Resolves when processes have been looked at once, so that the first lenses stand where they will stay. */
  private async looked(): Promise<void> {
    this.firstLook ??= this.readChosen().then(() => this.catalog.refresh());
    await this.firstLook;
  }

  private async readChosen(): Promise<void> {
    const { binaries } = await this.client.settings();
    this.catalog.setChosen([...new Set([...binaries, ...this.chosenBySession])]);
  }

  private pushLive(): void {
    for (const uri of this.dirtyLive) {
      const document = this.documents.get(uri);
      if (document === undefined || this.visible?.has(uri) === false) continue;
      this.dirtyLive.delete(uri);
      const functions = this.tracesOf(uri).flatMap((trace) => {
        const fn = document.function(trace.options.key);
        return fn === undefined ? [] : [liveFunction(trace, fn, document.textOf(fn))];
      });
      this.client.live({ uri, version: document.version, functions });
    }
  }

  private note(text: string): void {
    this.notices.push(formatNotice(text));
    if (this.notices.length > MAX_LINES_PER_MESSAGE) this.notices.shift();
  }

  /** Asks the engine's thread what is new, and shows it. */
  private async look(): Promise<void> {
    if (this.looking || this.lensChanges.pending()) return;
    this.looking = true;
    try {
      await this.takeViews();
      this.pushLenses();
      if (!this.lensChanges.pending()) this.pushLive();
    } catch (error) {
      // The engine's thread ends with this process; before that, there is nothing to show.
      this.client.logError(`what is traced could not be looked at: ${errorText(error)}`);
    } finally {
      this.looking = false;
    }
  }

  /** The newest of each trace, and the events channel's lines. */
  private async takeViews(): Promise<void> {
    // Ended traces stay for their lens: their last lines are fetched, too.
    const log = this.traces.size > 0 ? await this.engine.look() : NO_LINES;
    const lines = [...this.notices, ...log.lines];
    this.notices = [];
    if (lines.length > 0 || log.skipped > 0) this.client.events({ lines, skipped: log.skipped });
  }

  private pushLenses(): void {
    for (const document of this.documents.values()) {
      if (this.visible?.has(document.uri) === false) continue;
      // Nothing shown yet is as good as no trace: lenses may be switched off, or be on their way.
      if ((this.shownLenses.get(document.uri) ?? "") === this.lensDigest(document)) continue;
      this.lensChanges.announceAndWait();
      break;
    }
    this.pushStatus(undefined);
  }

  /** What the lenses of traced functions say now. */
  private lensDigest(document: GoDocument): string {
    return this.tracesOf(document.uri)
      .map((trace) => `${trace.options.key}\0${lensText(trace, "").title}`)
      .join("\n");
  }

  private pushStatus(found: number | undefined): void {
    const traced = [...this.traces.values()].filter(({ active }) => active).length;
    const hint = this.catalog.listFailure ?? "";
    if (found !== undefined) this.found = found;
    const status = JSON.stringify([traced, this.found, hint]);
    if (status === this.lastStatus) return;
    this.lastStatus = status;
    this.client.status({ traced, found: this.found, hint });
  }
  private found = 0;

  private markUri(uri: string): void {
    if (this.tracesOf(uri).length > 0) this.dirtyLive.add(uri);
  }

  private tracesOf(uri: string): FunctionTrace[] {
    return [...this.traces.values()].filter(({ options }) => options.uri === uri);
  }

  private traceOf(document: GoDocument, fn: EditorFunction): FunctionTrace | undefined {
    return this.traces.get(traceId(document.uri, fn.key));
  }
}

/** The best that a running or chosen program has of a function: an exact match before a moved one. */
function bestMatch(found: readonly ProgramMatch[], fn: EditorFunction) {
  const matches = found.map(({ functions }) => functions.get(fn.key)).filter((match) => match !== undefined);
  return matches.find(({ kind }) => kind === "exact") ?? matches.find(({ kind }) => kind === "moved");
}

async function isWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  return await Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer));
}

function traceId(uri: string, key: string): string {
  return `${uri}#${key}`;
}
