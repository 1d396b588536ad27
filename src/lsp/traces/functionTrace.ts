/** One traced function of one document: from the click to the end, with what the lens, the hover and the log show. */
import { createHash } from "node:crypto";
import type { EndReason, Removal, Target, TraceRequest } from "../../engine/api.ts";
import type { Job } from "../../engine/job.ts";
import { whyNotSecretNames } from "../../goabi/secretNames.ts";
import { matchText, type SourceMatch } from "../../gosource/functions/match.ts";
import { UserError } from "../../protocol/errors.ts";
import type { EditorEngine, EditorListener, EditorTrace, TracedSites } from "../thread/editorEngine.ts";
import { removedShort, removedText } from "../views/removed.ts";
import { NOTHING_SEEN, type TraceView } from "./traceView.ts";

export type TraceState =
  | { readonly kind: "attaching" }
  | { readonly kind: "attached" }
  /** Stopped by the user; the lens reads `Trace` again. */
  | { readonly kind: "stopped" }
  /** Ended by itself; `short` for the lens, `message` for the hover. */
  | { readonly kind: "ended"; readonly short: string; readonly message: string };

export interface TraceOptions {
  readonly uri: string;
  /** EditorFunction's key and label. */
  readonly key: string;
  readonly label: string;
  /** Linker names: several for a generic function. */
  readonly names: readonly string[];
  readonly target: Target;
  /** `pid 42 (/srv/app)`. */
  readonly targetLabel: string;
  /** How source and binary differ; empty where they match. */
  readonly difference: string;
  /** The function's source text when the trace began. */
  readonly text: string;
  /** Folder of the source's go.mod, for binaries without DWARF. */
  readonly source: string | undefined;
  readonly eventsPerSecond: number;
  readonly maxStringBytes: number;
  readonly floats: "signal" | "off";
  readonly faultIn: boolean;
  readonly depth: number;
  /** Percent of one core; 0: no bound. */
  readonly budget: number;
  /** The setting, as it was typed. */
  readonly secretNames: unknown;
}

export interface TraceOwner {
  readonly engine: EditorEngine;
  /** Something that is shown has changed. */
  changed(trace: FunctionTrace): void;
  /** Some of its probes were removed, because they cost the process too much, and it goes on without them. */
  thinned(trace: FunctionTrace): void;
  /** Things to tell the user once. */
  notice(trace: FunctionTrace, message: string): void;
  ended(trace: FunctionTrace, reason: EndReason): void;
}

/** The rest of a function's probes often goes a moment after the first; then that is told, and nothing before. */
const SETTLED_AFTER_MS = 2_000;
/** Design: probes expire unless extended. */
const EXPIRE_AFTER_MS = 60 * 60_000;

export class FunctionTrace {
  options: TraceOptions;
  /** How the source and the binary's revision compare, a sentence for the hover; empty until it is known. */
  comparison = "";
  /** What was seen of its calls so far. */
  view: TraceView = NOTHING_SEEN;
  readonly notices: string[] = [];
  /** Probes that went because they cost the process too much. */
  readonly removals: Removal[] = [];
  state: TraceState = { kind: "attaching" };
  private readonly owner: TraceOwner;
  private readonly textHash: string;
  private trace: EditorTrace | undefined;
  /** Ends what is done before the probes are attached. */
  private readonly preparing = new AbortController();
  private expiry: NodeJS.Timeout | undefined;
  private settling: NodeJS.Timeout | undefined;
  /** The hover's, once the trace has ended. */
  private finalCalls = "";
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: TraceOptions, owner: TraceOwner) {
    this.options = options;
    this.owner = owner;
    this.textHash = hash(options.text);
  }

  get active(): boolean {
    return this.state.kind === "attaching" || this.state.kind === "attached";
  }

  /** The function's text is no longer the one that was traced, or never was the binary's. */
  isStale(textNow: string): boolean {
    return this.options.difference !== "" || hash(textNow) !== this.textHash;
  }

  /** What version control says, after the trace has begun. */
  compared(match: SourceMatch): void {
    this.comparison = matchText(match);
    if (match.kind === "different-revision" && this.options.difference === "") {
      this.options = { ...this.options, difference: "source differs from the binary (different revision)" };
      this.owner.notice(this, match.message);
    }
    this.owner.changed(this);
  }

  /** Where the probes are and what they cost; undefined before they are in place. */
  get sites(): TracedSites | undefined {
    return this.trace?.sites;
  }

  /** Its last calls for the hover, Markdown; empty before the first. */
  async lastCalls(): Promise<string> {
    const live = this.state.kind === "attached" ? await this.trace?.lastCalls() : undefined;
    // It may have ended while it was asked.
    return live === undefined || live === "" ? this.finalCalls : live;
  }

  /** Resolves when the probes are in place; rejects with what the engine says. */
  async start(): Promise<void> {
    const starting = this.begin();
    this.starting = starting.catch(() => undefined);
    await starting;
  }

  private async begin(): Promise<void> {
    try {
      this.trace = await this.owner.engine.trace(this.job(), this.request(), this.listener());
    } catch (error) {
      if (this.preparing.signal.aborted) return;
      if (this.state.kind === "attaching") this.state = { kind: "ended", ...failureText(error) };
      this.owner.changed(this);
      throw error;
    }
    // Stop may have been clicked, or the target may have gone, while the probes went in.
    if (this.state.kind !== "attaching") {
      await this.trace.stop();
      return;
    }
    this.state = { kind: "attached" };
    this.expiry = setTimeout(() => void this.expire(), EXPIRE_AFTER_MS);
    this.owner.changed(this);
  }

  private request(): TraceRequest {
    const { target, names, eventsPerSecond, maxStringBytes, floats, faultIn, depth, budget, source } = this.options;
    return {
      target,
      functions: names,
      returns: true,
      rate: eventsPerSecond,
      maxBytes: maxStringBytes,
      floats,
      faultIn,
      depth,
      secretNames: checkedNames(this.options.secretNames),
      ...(budget === 0 ? {} : { budget }),
      ...(source === undefined ? {} : { source }),
    };
  }

  /** Resolves when the probes are gone. */
  async stop(): Promise<void> {
    if (this.active) this.state = { kind: "stopped" };
    this.preparing.abort();
    clearTimeout(this.expiry);
    this.owner.changed(this);
    // Probes that go in at this moment are taken out where the start ends.
    this.stopping ??= this.trace?.stop() ?? this.starting;
    await this.stopping;
  }

  private async expire(): Promise<void> {
    await this.stop();
    const message = "Tracing stopped by itself after 60 minutes, so that no probe is forgotten. Click to trace again.";
    this.state = { kind: "ended", short: "expired after 60 min", message };
    this.owner.changed(this);
  }

  private job(): Job {
    return {
      signal: this.preparing.signal,
      notice: (message) => {
        this.notices.push(message);
        this.owner.notice(this, message);
      },
    };
  }

  private listener(): EditorListener {
    return {
      onView: (view) => {
        this.view = view;
        this.owner.changed(this);
      },
      onRemoved: (removals) => this.onRemoved(removals),
      onEnd: (reason, view, lastCalls) => this.onEnd(reason, view, lastCalls),
    };
  }

  private onRemoved(removals: readonly Removal[]): void {
    this.removals.push(...removals);
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      if (this.active) this.owner.thinned(this);
    }, SETTLED_AFTER_MS);
    this.owner.changed(this);
  }

  private onEnd(reason: EndReason, view: TraceView, lastCalls: string): void {
    clearTimeout(this.expiry);
    clearTimeout(this.settling);
    this.view = view;
    this.finalCalls = lastCalls;
    if (this.active) this.state = endState(reason, this);
    this.owner.changed(this);
    this.owner.ended(this, reason);
  }
}

function endState(reason: EndReason, { options, removals }: FunctionTrace): TraceState {
  const target = options.targetLabel;
  switch (reason.kind) {
    case "target-exited": {
      const { exitStatus, signal } = reason;
      const status =
        exitStatus === undefined ? "" : signal === undefined ? ` with status ${exitStatus}` : ` by ${signal}`;
      return {
        kind: "ended",
        short: `process ${reason.pid} ended`,
        message: `The traced process, ${target}, has ended${status}. Start it again and click Trace.`,
      };
    }
    case "target-exec":
      return {
        kind: "ended",
        short: `process ${reason.pid} runs another program now`,
        message: `The traced process, ${target}, runs another program now (exec). Trace that one from its own source.`,
      };
    case "helper-died":
      return { kind: "ended", short: "the helper ended", message: `${reason.message} Click Trace to start it again.` };
    case "over-budget":
      return { kind: "ended", short: removedShort(removals, options.budget), message: removedText(removals, options) };
    default:
      return { kind: "stopped" };
  }
}

/** The setting's; throws where it holds something else than names. */
function checkedNames(given: unknown): readonly string[] {
  const why = whyNotSecretNames(given);
  if (why === undefined) return given as readonly string[];
  throw new UserError({
    code: "bad-setting",
    what: "cannot keep the names of probelens.secretNames secret",
    why,
    remedy: "Correct that setting, and trace again",
  });
}

function failureText(error: unknown): { short: string; message: string } {
  if (error instanceof UserError) return { short: error.why, message: error.message };
  return { short: "it failed", message: error instanceof Error ? error.message : String(error) };
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
