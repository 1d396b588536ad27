/** `probelens trace`. */

import type {
  EndReason,
  Floats,
  Removal,
  StatsEvent,
  Target,
  ThinnedEvent,
  Trace,
  TraceEvent,
  TraceListener,
} from "../engine/api.ts";
import { createEngine, type FullEngine } from "../engine/engine.ts";
import { newJob } from "../engine/job.ts";
import { findCommand } from "../engine/processes/command.ts";
import { beyondHits } from "../engine/trace/hitCost.ts";
import { whyNotSecretNames } from "../goabi/secretNames.ts";
import { DEFAULT_BUDGET, FEW_FUNCTIONS } from "../protocol/budget.ts";
import type { UserError } from "../protocol/errors.ts";
import { shown } from "../protocol/shown.ts";
import { COMMANDS } from "./commands.ts";
import { endedEarly, usage } from "./failures.ts";
import { exactlyOne, type ParsedOptions } from "./options.ts";
import { Output } from "./output.ts";
import { onSignal } from "./signals.ts";
import { neverBlockOnTerminal, say } from "./terminal.ts";
import { formatBatch, formatDuration, formatStats, removedText, thinnedText, undecidedText } from "./textFormat.ts";

/** After the last call of `--limit`, its return is waited for this long (design: at most 5 s). */
const RETURN_GRACE_MS = 5000;
/** An interrupted attach ends within this time, unless sudo still waits for a password. */
const ATTACH_GRACE_MS = 3000;
/** Who waits longer for the end wants to know for what. */
const PATIENCE_MS = 3000;
/** Ending takes as long as detaching and a stubborn command (5 s) do; then the process ends anyway, and with it the probes. */
const FORCED_EXIT_MS = 15_000;

/** One Ctrl-C can come several times (from the terminal, npm and sudo); only a signal after this time is a second one. */
const SAME_SIGNAL_MS = 1000;

interface TraceOptions {
  readonly target: Target;
  readonly functions: readonly string[];
  readonly returns: boolean;
  readonly stack: boolean;
  readonly labels: boolean;
  readonly limit: number;
  readonly durationMs: number | undefined;
  /** Undefined: never. */
  readonly expireMs: number | undefined;
  /** Percent of one core; undefined: no bound. */
  readonly budget: number | undefined;
  readonly where: string | undefined;
  readonly secretNames: readonly string[];
  readonly rate: number | undefined;
  readonly maxBytes: number | undefined;
  readonly depth: number | undefined;
  readonly values: boolean;
  readonly floats: Floats;
  readonly faultIn: boolean;
  readonly format: "text" | "jsonl";
  readonly output: string | undefined;
  readonly source: string | undefined;
}

export function traceOptions(parsed: ParsedOptions): TraceOptions {
  const spec = COMMANDS.trace;
  const pid = parsed.numbers.get("--pid");
  const binary = parsed.texts.get("--binary");
  const { command } = parsed;
  const given = [
    pid === undefined ? "" : "--pid",
    binary === undefined ? "" : "--binary",
    command === undefined ? "" : "-- CMD",
  ];
  exactlyOne(
    spec,
    given.filter((name) => name !== ""),
    "--pid PID, --binary FILE or -- CMD",
  );
  if (command?.length === 0) throw usage(spec, "--", "a command is needed after it");
  if (command?.some((word) => word.includes("\0")) === true) throw usage(spec, "--", "the command holds a NUL byte");
  const secretNames = parsed.names.get("--secret") ?? [];
  const whyNot = whyNotSecretNames(secretNames);
  if (whyNot !== undefined) throw usage(spec, `--secret ${secretNames.join(",")}`, whyNot);
  const seconds = parsed.numbers.get("--duration");
  return {
    target:
      pid !== undefined
        ? { kind: "process", pid }
        : binary !== undefined
          ? { kind: "file", file: binary }
          : { kind: "command", argv: command ?? [] },
    functions: parsed.positionals,
    returns: parsed.flags.has("--returns"),
    stack: parsed.flags.has("--stack"),
    labels: parsed.flags.has("--labels"),
    limit: parsed.numbers.get("--limit") ?? Number.POSITIVE_INFINITY,
    durationMs: seconds === undefined ? undefined : Math.ceil(seconds * 1000),
    expireMs: parsed.texts.get("--expire") === "off" ? undefined : expiry(parsed.numbers.get("--expire"), seconds),
    budget: parsed.texts.get("--budget") === "off" ? undefined : (parsed.numbers.get("--budget") ?? DEFAULT_BUDGET),
    where: parsed.texts.get("--where"),
    secretNames,
    rate: parsed.numbers.get("--rate"),
    maxBytes: parsed.numbers.get("--max-bytes"),
    depth: parsed.numbers.get("--depth"),
    values: parsed.flags.has("--values"),
    floats: parsed.texts.get("--floats") === "off" ? "off" : "signal",
    faultIn: parsed.flags.has("--fault-in"),
    format: parsed.texts.get("--format") === "jsonl" ? "jsonl" : "text",
    output: parsed.texts.get("--output"),
    source: parsed.texts.get("--source"),
  };
}

/** Resolves with the exit status. */
export async function runTrace(
  options: TraceOptions,
  engine: FullEngine = createEngine({ terminal: true, source: options.source }),
): Promise<number> {
  neverBlockOnTerminal();
  const run = new TraceRun(options, engine);
  try {
    return await run.toEnd();
  } finally {
    await engine.dispose();
  }
}

class TraceRun implements TraceListener {
  private readonly options: TraceOptions;
  private readonly engine: FullEngine;
  private output: Output | undefined;
  private trace: Trace | undefined;
  private stopping = false;
  private detached = false;
  /** By a signal: the end is the user's wish, whatever the same Ctrl-C at the terminal did to the command. */
  private interrupted = false;
  private printed = 0;
  /** Bounded by the number of functions. */
  private readonly removals: Removal[] = [];
  private readonly thinned: ThinnedEvent[] = [];
  /** Ids of printed calls whose end is to come; only with `--limit`, which bounds it. */
  private readonly awaited = new Set<number>();
  /** What is prepared when the signal comes is given up. */
  private readonly preparing = new AbortController();
  private grace: NodeJS.Timeout | undefined;
  private readonly ending = new Set<string>();
  private readonly end: Promise<{ reason: EndReason; stats: readonly StatsEvent[] }>;
  private ended: (end: { reason: EndReason; stats: readonly StatsEvent[] }) => void = () => {};
  private failure: UserError | undefined;

  constructor(options: TraceOptions, engine: FullEngine) {
    this.options = options;
    this.engine = engine;
    this.end = new Promise((resolve) => {
      this.ended = resolve;
    });
  }

  async toEnd(): Promise<number> {
    const interrupted = this.listenToSignals();
    const {
      target,
      functions,
      returns,
      stack,
      labels,
      where,
      secretNames,
      rate,
      maxBytes,
      depth,
      values,
      floats,
      faultIn,
      durationMs,
      expireMs,
      budget,
    } = this.options;
    const request = {
      target,
      functions,
      returns,
      stack,
      labels,
      floats,
      faultIn,
      secretNames,
      ...(where === undefined ? {} : { where }),
      ...(expireMs === undefined ? {} : { expireMs }),
      ...(budget === undefined ? {} : { budget }),
      ...(rate === undefined ? {} : { rate }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(depth === undefined ? {} : { depth }),
      ...(values ? { values } : {}),
    };
    const { signal } = this.preparing;
    const started = this.unlessInterrupted(this.engine.trace(newJob({ notice: say, signal }), request, this));
    started.catch(() => {});
    // An attach that is under way ends by itself; then there is something to detach and to total.
    const trace = await Promise.race([started, interrupted.then(() => this.lastMoment(started))]);
    if (trace === undefined) return 0;
    this.trace = trace;
    if (!this.stopping) say(attachedText(trace, this.options));
    if (this.stopping) void trace.stop();
    const timer = durationMs === undefined ? undefined : setTimeout(() => this.stop(), durationMs);
    const { reason, stats } = await this.end;
    clearTimeout(timer);
    clearTimeout(this.grace);
    return await this.finish(reason, stats);
  }

  async onPlanned(): Promise<void> {
    const { output } = this.options;
    this.output = output === undefined ? Output.stdout() : await Output.file(output, programOf(this.options.target));
    void this.output.over.then((failure) => {
      this.failure = failure;
      this.stop();
    });
  }

  onEvents(events: readonly TraceEvent[]): void | Promise<void> {
    const wanted = Number.isFinite(this.options.limit) ? events.filter((event) => this.takes(event)) : events;
    if (wanted.length === 0 || this.output === undefined) return undefined;
    const { format, returns } = this.options;
    const lines = format === "jsonl" ? wanted.map((event) => JSON.stringify(event)) : formatBatch(wanted, returns);
    const wait = this.output.write(`${lines.join("\n")}\n`);
    return this.stopping ? undefined : wait;
  }

  onRemoved(removals: readonly Removal[], message?: string): void {
    const { format } = this.options;
    if (message !== undefined) say(message);
    this.removals.push(...removals);
    const lines = format === "jsonl" ? removals.map(({ event }) => JSON.stringify(event)) : removals.map(removedText);
    void this.output?.write(`${lines.join("\n")}\n`);
  }

  onThinned(thinned: readonly ThinnedEvent[]): void {
    const { format } = this.options;
    this.thinned.push(...thinned);
    const lines = thinned.map((event) => (format === "jsonl" ? JSON.stringify(event) : thinnedText(event)));
    void this.output?.write(`${lines.join("\n")}\n`);
  }

  onEnd(reason: EndReason, stats: readonly StatsEvent[]): void {
    this.detached = true;
    this.ended({ reason, stats });
  }

  /** Interrupted before the trace ran: `undefined` where nothing was attached. */
  private async lastMoment(started: Promise<Trace | undefined>): Promise<Trace | undefined> {
    if (this.output === undefined) return undefined;
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, ATTACH_GRACE_MS, undefined).unref());
    return await Promise.race([started, late]);
  }

  /** What is given up because of the signal fails, sooner or later than the signal is dealt with: no failure of its own. */
  private async unlessInterrupted(started: Promise<Trace>): Promise<Trace | undefined> {
    try {
      return await started;
    } catch (error) {
      if (this.interrupted) return undefined;
      throw error;
    }
  }

  private takes(event: TraceEvent): boolean {
    const { limit, returns } = this.options;
    if (event.event === "call") {
      if (this.printed >= limit) return false;
      this.printed += 1;
      if (returns && event.inlined !== true && event.endUnknown !== true && this.canEnd(event.func))
        this.awaited.add(event.id);
      if (this.printed >= limit) this.onLimit();
      return true;
    }
    if (!this.awaited.delete(event.id)) return false;
    if (this.printed >= limit && this.awaited.size === 0) this.stop();
    return true;
  }

  private onLimit(): void {
    if (this.awaited.size === 0) this.stop();
    else this.grace = setTimeout(() => this.stop(), RETURN_GRACE_MS);
  }

  /** Of a function that jumps on to another one no end is seen. */
  private canEnd(func: string): boolean {
    if (this.ending.size === 0) {
      for (const plan of this.trace?.plans ?? []) if (plan.jumpsAway !== true) this.ending.add(plan.fn.name);
    }
    return this.trace === undefined || this.ending.has(func);
  }

  private stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.output?.hurry();
    void this.trace?.stop();
  }

  private async finish(reason: EndReason, stats: readonly StatsEvent[]): Promise<number> {
    const { format, returns } = this.options;
    if (reason.kind === "helper-died") {
      this.failure ??= endedEarly(reason.message);
    } else if (reason.kind === "expired") {
      say("the time of this trace is up (--expire), so its probes were removed; --expire MIN or off gives it more");
    } else if (reason.kind === "over-budget") {
      say("no probe is left that sees calls; the trace ends");
    } else if (reason.kind !== "stopped" && !this.interrupted) {
      say(
        reason.kind === "target-exec"
          ? `process ${reason.pid} now runs another program, or its own from the start (exec); the trace ends`
          : `process ${reason.pid} ${exitText(reason)}; the trace ends`,
      );
    }
    const lines = format === "jsonl" ? stats.map(statsLine) : formatStats(stats, returns, this.removals, this.thinned);
    if (lines.length > 0) void this.output?.write(`${lines.join("\n")}\n`);
    await this.output?.close();
    // The JSON lines carry the count alone.
    if (format === "jsonl")
      for (const one of stats) if (one.reasons !== undefined) say(`${one.func}: ${undecidedText(one)}`);
    if (this.failure !== undefined) throw this.failure;
    return reason.kind === "target-exited" && !this.interrupted ? (reason.exitStatus ?? 0) : 0;
  }

  private sayWhatFor(): void {
    if (this.detached || this.output === undefined) return;
    const command = this.options.target.kind === "command" ? " and the command has ended" : "";
    say(`waiting until the probes are gone${command}; another Ctrl-C ends this at once, and they go all the same`);
  }

  /** Whatever is not done yet, this process ends now. */
  private giveUp(): never {
    if (this.detached || this.output === undefined) {
      this.output?.sayMissing();
      process.exit(0);
    }
    say(
      "the privileged helper has not removed its probes yet; they are gone when it ends (`pgrep -f probelens-holder`)",
    );
    process.exit(1);
  }

  /** Resolves when a signal comes before the trace runs; later ones stop it. A second one ends the process at once. */
  private listenToSignals(): Promise<undefined> {
    return new Promise((resolve) => {
      let firstAt: number | undefined;
      onSignal(() => {
        const now = performance.now();
        if (firstAt !== undefined) {
          if (now - firstAt > SAME_SIGNAL_MS) process.exit(0);
          return;
        }
        firstAt = now;
        this.interrupted = true;
        setTimeout(() => this.sayWhatFor(), PATIENCE_MS).unref();
        setTimeout(() => this.giveUp(), FORCED_EXIT_MS).unref();
        this.preparing.abort();
        this.stop();
        resolve(undefined);
      });
    });
  }
}

/** The path of the program file that is traced; what cannot be looked at there cannot be replaced by accident either. */
function programOf(target: Target): string {
  if (target.kind === "process") return `/proc/${target.pid}/exe`;
  return target.kind === "file" ? target.file : findCommand(target.argv[0] ?? "");
}

function statsLine(stats: StatsEvent): string {
  return JSON.stringify({ ...stats, reasons: undefined });
}

function exitText({ exitStatus, signal }: Extract<EndReason, { kind: "target-exited" }>): string {
  if (signal !== undefined) return `was killed by ${signal} (status ${exitStatus})`;
  return exitStatus === undefined ? "exited" : `exited with status ${exitStatus}`;
}

/** Silence until the first call would leave the user to wonder whether anything happens. */
function attachedText(trace: Trace, { expireMs, budget }: TraceOptions): string {
  const [first] = trace.plans;
  const what =
    trace.plans.length === 1 && first !== undefined ? shown(first.fn.name) : `${trace.plans.length} functions`;
  const end = expireMs === undefined ? "" : `, or ${minutes(expireMs)} min do (--expire)`;
  return `attached to ${what}; Ctrl-C ends the trace${end}${budget === undefined ? "" : costText(trace, budget)}`;
}

/** Of one function what a call costs, and how many calls a second the budget is enough for; of many, the budget. */
function costText({ costs }: Trace, budget: number): string {
  const bound = `budget ${budget} % of a core (--budget)`;
  if (costs.length > FEW_FUNCTIONS) return `; ${bound}; with so many functions, those that break it go at once`;
  const [cost] = costs;
  if (costs.length !== 1 || cost?.entryNs === undefined) return `; ${bound}`;
  const { entryNs, returnNs = 0, follows } = cost;
  const ns = entryNs + returnNs;
  const rate = Number(((budget * 1e7) / ns).toPrecision(2));
  const calls = `${follows ? "less than " : ""}${rate} calls/s`;
  return `; a call costs about ${formatDuration(ns)}${beyondHits(follows)}, ${bound}: enough for ${calls}`;
}

/** As it was given, but for a fraction that nobody would miss. */
function minutes(ms: number): number {
  const exact = ms / 60_000;
  return exact < 100 ? Number(exact.toPrecision(3)) : Math.round(exact);
}

const DEFAULT_EXPIRE_MIN = 60;

/** `minutes`, `seconds`: as given with --expire and --duration. */
function expiry(minutes: number | undefined, seconds: number | undefined): number {
  return Math.ceil(Math.max((minutes ?? DEFAULT_EXPIRE_MIN) * 60_000, (seconds ?? 0) * 1000));
}
