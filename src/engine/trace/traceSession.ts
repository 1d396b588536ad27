/** The life of one trace: what its probes send is decoded, completed and delivered in order, until its one end. */

import type { EventPlan, FunctionPlan, PlannedProbe } from "../../probe/api.ts";
import { UserError } from "../../protocol/errors.ts";
import { MAX_RECORDS_FRAME_BYTES } from "../../protocol/frames.ts";
import { type HitCost, MAX_UNTAKEN_BYTES, type RemovedParams, TAKEN_STEP_BYTES } from "../../protocol/helperApi.ts";
import { kernelMonotonicNs } from "../../protocol/monotonic.ts";
import type { RawEvent } from "../../protocol/records.ts";
import type { ProgramValues } from "../../value/render.ts";
import type { CallCost, EndReason, Removal, StatsEvent, Trace, TraceEvent, TraceListener } from "../api.ts";
import type { EventSink, SessionLink } from "../helper/link.ts";
import type { Job } from "../job.ts";
import type { CallerTable } from "./callers.ts";
import { eventTime } from "./clock.ts";
import { callerOf, type Decoded, EventDecoder } from "./eventDecoder.ts";
import { FloatJoiner } from "./floatJoiner.ts";
import { type FunctionCondition, type ProbeRole, ProbeTable, type WatchSite } from "./probeTable.ts";
import { Removals, roundedTo3 } from "./removals.ts";
import type { StackTable } from "./stacks.ts";
import { Tallies } from "./tallies.ts";

export interface SessionParts {
  readonly link: SessionLink;
  readonly plans: readonly FunctionPlan[];
  readonly returns: boolean;
  readonly rate: number | undefined;
  /** Percent of one core; undefined: no bound. */
  readonly budget?: number | undefined;
  /** When no call is seen any more: a command is let run to its end. */
  readonly goesOn?: boolean;
  /** One for each plan; absent: every call is sent. */
  readonly conditions?: readonly FunctionCondition[] | undefined;
  /** Decodes what the probes copied. */
  readonly program: ProgramValues;
  /** Each value as a tree beside its text. */
  readonly values: boolean;
  /** Values are decoded when they are looked at. */
  readonly late: boolean;
  readonly callers: CallerTable;
  /** Where stacks are asked for. */
  readonly stacks: StackTable | undefined;
  /** Places in the runtime: those that end calls without a return, and where float registers are read. */
  readonly watches: readonly WatchSite[];
  readonly listener: TraceListener;
  readonly notice: Job["notice"];
  /** Runs once, when every probe is gone, before `onEnd`; gives the reason its last details. */
  readonly onDetached: (reason: EndReason) => Promise<EndReason>;
}

/**
 * How long an event waits for its float registers at least (at most twice this), milliseconds: threads that block the signal never send them, busy
 * machines may leave a thread without a CPU for a while between its hit and the signal.
 */
const FLOATS_WITHIN_MS = 500;

export class TraceSession implements Trace, EventSink {
  readonly plans: readonly FunctionPlan[];
  readonly probes: readonly PlannedProbe[];
  readonly session: number;
  private readonly parts: SessionParts;
  private readonly table: ProbeTable;
  private readonly decoder: EventDecoder;
  private readonly tallies: Tallies;
  private readonly removals: Removals;
  private readonly floats = new FloatJoiner((raw) => this.onWholeEvent(raw));
  private floatTimer: NodeJS.Timeout | undefined;
  private batch: Decoded[] = [];
  private readonly batches: { readonly events: readonly Decoded[]; readonly bytes: number }[] = [];
  /**
   * Bytes of the helper's batches in `batches`, and in the one that is being delivered: what is not taken, the helper
   * does not follow up.
   */
  private waiting = 0;
  private delivering: Promise<void> | undefined;
  private ending: Promise<void> | undefined;
  private defectReported = false;
  private active = true;
  private readonly startedNs = kernelMonotonicNs();

  constructor(parts: SessionParts) {
    const { plans, returns, rate, conditions, watches, callers, program, values, late, link } = parts;
    this.parts = parts;
    this.plans = plans;
    const withProbeAddress: CallerTable["withProbeAddress"] = (plan) => callers.withProbeAddress(plan);
    this.table = new ProbeTable({ plans, returns, rate, conditions, watches, withProbeAddress });
    this.decoder = new EventDecoder({ program, values, late, callers, toText: eventTime });
    this.tallies = new Tallies(plans, this.table, returns);
    this.removals = new Removals({
      functions: plans.map(({ fn }) => fn.name),
      table: this.table,
      budget: parts.budget ?? 0,
      tell: (removals, message) => {
        if (parts.listener.onRemoved !== undefined) parts.listener.onRemoved(removals, message);
        else parts.notice(message);
      },
      tellThinned: (thinned, message) => {
        parts.listener.onThinned?.(thinned);
        parts.notice(message);
      },
      nothingLeft: ({ rate, costPercent }, message) => {
        if (parts.goesOn !== true) void this.finish({ kind: "over-budget", message, rate, costPercent });
        else parts.notice("nothing is traced any more; the command goes on to its end without probes");
      },
    });
    const { session, firstProbe } = link.register(this, this.table.size);
    this.session = session;
    this.table.firstProbe = firstProbe;
    this.probes = this.table.specs();
  }

  /** In the order of `probes`. `measured`: without what its program captures. */
  attached(costs: readonly HitCost[], measured: readonly boolean[]): void {
    this.table.costs = costs;
    this.table.measured = measured;
  }

  get costs(): readonly CallCost[] {
    return this.plans.map((_, fn) => this.table.callCostOf(fn));
  }

  spentNs(): number {
    return this.tallies.costs().reduce((sum, { ns }) => sum + ns, 0);
  }

  onRawEvent(raw: RawEvent): void {
    if (!this.active) return;
    const role = this.table.roleOf(raw.probe);
    if (role !== undefined && role.kind !== "watch") this.floats.take(raw, eventPlanOf(role));
  }

  private onWholeEvent(raw: RawEvent): void {
    const role = this.table.roleOf(raw.probe);
    if (role === undefined || role.kind === "watch") return;
    try {
      const decoded = this.decoder.decode(raw, role);
      if (decoded === undefined) return;
      this.tallies.onEvent(decoded.event.event, role.fn);
      this.batch.push(decoded);
    } catch (error) {
      if (this.defectReported) return;
      this.defectReported = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.parts.notice(`an event of ${role.plan.fn.name} could not be decoded (${reason}); please report it`);
    }
  }

  onBatchEnd(bytes: number): void {
    if (this.floats.holds) {
      this.floats.keep();
      this.startFloatWait();
    } else this.stopFloatWait();
    this.deliverBatch(bytes);
  }

  private deliverBatch(bytes = 0): void {
    if (this.batch.length === 0) return this.take(bytes);
    this.batches.push({ events: this.batch, bytes });
    this.waiting += bytes;
    this.batch = [];
    this.delivering ??= this.deliverAll();
  }

  private take(bytes: number): void {
    if (bytes > 0) this.parts.link.client.taken(this.session, bytes);
  }

  onTargetEnded(pid: number, reason: "exited" | "exec" | "lost"): void {
    if (reason === "lost") {
      const message = `the process in which the privileged helper (pid ${pid}) holds the probes was killed`;
      void this.finish({ kind: "helper-died", message });
      return;
    }
    void this.finish(reason === "exec" ? { kind: "target-exec", pid } : { kind: "target-exited", pid });
  }

  onRemoved(removed: RemovedParams): void {
    if (this.active) this.removals.take(removed);
  }

  onExpired(): void {
    void this.finish({ kind: "expired" });
  }

  onHelperDied(message: string): void {
    void this.finish({ kind: "helper-died", message });
  }

  async stats(): Promise<readonly StatsEvent[]> {
    if (this.active && this.ending === undefined) {
      const { counters } = await this.parts.link.client.counters({ session: this.session });
      if (this.ending === undefined) this.tallies.onCounters(counters);
    }
    return this.tallies.summary();
  }

  async stop(): Promise<void> {
    await this.finish({ kind: "stopped" });
  }

  /** Ends the trace once, for the first reason given. */
  async finish(reason: EndReason): Promise<void> {
    this.ending ??= this.end(reason);
    await this.ending;
  }

  /** Gives back what the constructor took, where attaching failed. */
  abandon(): void {
    this.active = false;
    this.ending ??= Promise.resolve();
    this.parts.link.unregister(this.session);
  }

  private async end(reason: EndReason): Promise<void> {
    const { link } = this.parts;
    let finalReason = reason;
    // The answer to `detach` comes after the last records on the same stream.
    if (link.alive) {
      try {
        const { counters, openCalls } = await link.client.detach({ session: this.session });
        this.tallies.onCounters(counters, openCalls);
      } catch (error) {
        // Without its remedy: the end of every trace whose helper died has the same.
        const message = error instanceof UserError ? `${error.what}: ${error.why}` : String(error);
        finalReason = { kind: "helper-died", message };
      }
    }
    this.stopFloatWait();
    // Those that the end itself cut off are not worth a word more than their own.
    const { missed } = this.floats;
    this.floats.giveUpBefore(this.floats.now);
    this.deliverBatch();
    await this.delivering;
    if (missed > 0)
      this.parts.notice(
        `the float registers of ${missed === 1 ? "one call or return" : `${missed} calls and returns`} could not be read: the signal's frame was lost, or came elsewhere`,
      );
    this.removals.flush();
    this.active = false;
    link.unregister(this.session);
    finalReason = await this.parts.onDetached(finalReason);
    if (finalReason.kind === "expired") this.parts.listener.onRemoved?.(this.removed());
    this.parts.listener.onEnd(finalReason, this.tallies.summary());
  }

  private removed(): Removal[] {
    const now = kernelMonotonicNs();
    const ts = eventTime(now);
    const seconds = Number(now - this.startedNs) / 1e9;
    // Those that went before were told then.
    const left = this.tallies.costs().filter((_, fn) => !this.removals.isGone(fn));
    return left.map(({ func, hits, ns }) => ({
      event: {
        event: "removed",
        func,
        ts,
        reason: "expired",
        rate: roundedTo3(hits / seconds),
        costPercent: roundedTo3(ns / 1e7 / seconds),
      },
      part: "calls",
    }));
  }

  private startFloatWait(): void {
    const point = this.floats.now;
    // What arrived while this process was not running is read before the time is up.
    this.floatTimer ??= setTimeout(() => setImmediate(() => this.endFloatWait(point)), FLOATS_WITHIN_MS);
  }

  private stopFloatWait(): void {
    clearTimeout(this.floatTimer);
    this.floatTimer = undefined;
  }

  private endFloatWait(point: number): void {
    this.stopFloatWait();
    // They may be with the helper, which waits for this trace's reader.
    const rests = this.waiting > MAX_UNTAKEN_BYTES - MAX_RECORDS_FRAME_BYTES - TAKEN_STEP_BYTES;
    if (!rests) this.floats.giveUpBefore(point);
    if (this.floats.holds) this.startFloatWait();
    this.deliverBatch();
  }

  /** One batch after the other; what needs no waiting is done at once. */
  private async deliverAll(): Promise<void> {
    for (let batch = this.batches.shift(); batch !== undefined; batch = this.batches.shift()) {
      await this.loadCallers(batch.events);
      const events: TraceEvent[] = [];
      for (const decoded of batch.events) events.push(await this.withStack(decoded.stack, this.withCaller(decoded)));
      await this.parts.listener.onEvents(events)?.catch(() => undefined);
      this.waiting -= batch.bytes;
      this.take(batch.bytes);
    }
    this.delivering = undefined;
  }

  /** Waits only where a caller is not known yet: most events are from a place seen before. */
  private async loadCallers(batch: readonly Decoded[]): Promise<void> {
    const { callers } = this.parts;
    for (const { callAddress } of batch)
      if (callAddress !== undefined && callers.lookup(callAddress) === undefined) await callers.load(callAddress);
  }

  /** Waits only where a frame's code was not seen before. */
  private withStack(captured: Decoded["stack"], event: TraceEvent): TraceEvent | Promise<TraceEvent> {
    const { stacks } = this.parts;
    if (captured === undefined || stacks === undefined) return event;
    const stack = "stack" in captured ? captured : stacks.unwind(captured);
    if (typeof stack !== "number") return { ...event, ...stack };
    return stacks.load(stack).then(() => this.withStack(captured, event));
  }

  private withCaller({ event, callAddress }: Decoded): TraceEvent {
    const position = callAddress === undefined ? undefined : this.parts.callers.lookup(callAddress);
    if (position === undefined || position === null || event.event !== "call") return event;
    // The contract's field order: the caller stands before the arguments.
    const { args, ...head } = event;
    return { ...head, ...callerOf(position), args };
  }
}

function eventPlanOf(role: Exclude<ProbeRole, { kind: "watch" }>): EventPlan {
  if (role.kind === "inlined") return role.inlined.plan;
  return role.kind === "return" ? role.plan.return : role.plan.call;
}
