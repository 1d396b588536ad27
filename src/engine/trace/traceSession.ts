/** One trace: raw events of its probes to rendered events, open calls, counters, and its one end. */

import type { RuntimeLayout } from "../../gobinary/api.ts";
import type { EventPlan, FunctionPlan, PlannedCapture, PlannedCopy, PlannedProbe, ProbeSite } from "../../probe/api.ts";
import type { ProbeCounters } from "../../protocol/counters.ts";
import type { RawEvent } from "../../protocol/records.ts";
import { type ProgramValues, renderVariables } from "../../value/render.ts";
import type { CallEvent, EndReason, StatsEvent, Trace, TraceEvent, TraceListener } from "../api.ts";
import type { EventSink, HelperLink } from "../helper/link.ts";
import type { CallerTable } from "./callers.ts";
import { EventClock } from "./clock.ts";
import { type OpenCall, OpenCalls } from "./openCalls.ts";
import { UnwindWatch, type WatchKind, type WatchSite } from "./unwindWatch.ts";

export interface SessionParts {
  readonly link: HelperLink;
  readonly plans: readonly FunctionPlan[];
  readonly returns: boolean;
  readonly rate: number | undefined;
  /** Decodes what the probes copied. */
  readonly program: ProgramValues;
  /** Each value as a tree beside its text. */
  readonly values: boolean;
  readonly callers: CallerTable;
  readonly runtime: RuntimeLayout;
  /** Where the runtime shows that calls end without a return; only with `returns`. */
  readonly watches: readonly WatchSite[];
  readonly listener: TraceListener;
  /** Runs once, when every probe is gone, before `onEnd`; gives the reason its last details. */
  readonly onDetached: (reason: EndReason) => Promise<EndReason>;
}

type ProbeRole =
  /** `fn`: index in `plans`. */
  | { readonly role: "entry"; readonly fn: number }
  /** A call that was inlined. */
  | { readonly role: "copy"; readonly fn: number; readonly copy: ProbedCopy }
  | { readonly role: "return"; readonly fn: number; readonly site: ProbeSite }
  | { readonly role: "watch"; readonly watch: WatchKind };

/** Events that arrived; `calls`: of the function's own code. */
interface Tally {
  calls: number;
  inlined: number;
  returns: number;
  unwound: number;
}

type ProbedCopy = Extract<PlannedCopy, { site: unknown }>;

interface PendingCall {
  readonly kind: "call";
  readonly event: CallEvent;
  /** The file's address of the call; absent where it cannot be known. */
  readonly callAddress: number | undefined;
}
/** What a batch turns into before callers and doubtful ends are looked up. */
type Pending =
  | PendingCall
  | { readonly kind: "done"; readonly event: TraceEvent }
  | { readonly kind: "gone"; readonly call: OpenCall; readonly ts: string };

export class TraceSession implements Trace, EventSink {
  readonly plans: readonly FunctionPlan[];
  readonly probes: readonly PlannedProbe[];
  readonly session: number;
  private readonly parts: SessionParts;
  private readonly roles: ProbeRole[];
  private readonly firstProbe: number;
  private readonly clock = new EventClock();
  private readonly open = new OpenCalls();
  private readonly tallies: Tally[];
  private readonly losses: ReturnLosses;
  private readonly watch: UnwindWatch;
  private nextId = 1;
  private pending: Pending[] = [];
  /** Batches are looked up and delivered one after the other. */
  private tail: Promise<void> = Promise.resolve();
  private ending: Promise<void> | undefined;
  private lastCounters: readonly ProbeCounters[] = [];
  private defectReported = false;
  private active = true;

  constructor(parts: SessionParts) {
    this.parts = parts;
    this.plans = parts.plans;
    this.tallies = parts.plans.map(() => ({ calls: 0, inlined: 0, returns: 0, unwound: 0 }));
    this.roles = parts.plans.flatMap((plan, fn): ProbeRole[] => [
      ...(plan.entry === undefined ? [] : [{ fn, role: "entry" as const }]),
      ...(parts.returns ? plan.returns.map((site) => ({ fn, role: "return" as const, site })) : []),
      ...probedCopies(plan).map((copy) => ({ fn, role: "copy" as const, copy })),
    ]);
    this.roles.push(...parts.watches.map(({ kind }) => ({ role: "watch" as const, watch: kind })));
    this.watch = new UnwindWatch(parts.runtime);
    const { session, firstProbe } = parts.link.register(this, this.roles.length);
    this.session = session;
    this.firstProbe = firstProbe;
    this.probes = probeSpecs(parts, firstProbe);
    this.losses = new ReturnLosses(this.roles, firstProbe);
  }

  onRawEvent(raw: RawEvent): void {
    if (!this.active) return;
    const role = this.roles[raw.probe - this.firstProbe];
    if (role === undefined) return;
    try {
      if (role.role === "entry") this.onCall(raw, role.fn);
      else if (role.role === "copy") this.onInlinedCall(raw, role.fn, role.copy);
      else if (role.role === "return") this.onReturn(raw, role.fn, role.site);
      else this.pushGone(this.watch.onEvent(role.watch, raw, this.open), this.clock.toRfc3339(raw.timeNs));
    } catch (error) {
      if (this.defectReported) return;
      this.defectReported = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.parts.listener.onNotice(
        `an event of ${role.role === "watch" ? role.watch : this.planOf(role.fn).fn.name} could not be decoded (${reason}); please report it`,
      );
    }
  }

  onBatchEnd(): void {
    if (this.pending.length === 0) return;
    const batch = this.pending;
    this.pending = [];
    this.tail = this.tail.then(() => this.deliver(batch));
  }

  onTargetEnded(pid: number, reason: "exited" | "exec" | "lost"): void {
    if (reason === "lost") {
      const message = `the process in which the privileged helper (pid ${pid}) holds the probes was killed`;
      void this.finish({ kind: "helper-died", message });
      return;
    }
    void this.finish(reason === "exec" ? { kind: "target-exec", pid } : { kind: "target-exited", pid });
  }

  onHelperDied(message: string): void {
    void this.finish({ kind: "helper-died", message });
  }

  async stats(): Promise<readonly StatsEvent[]> {
    if (this.active && this.ending === undefined) {
      this.lastCounters = (await this.parts.link.client.counters({ session: this.session })).counters;
    }
    return this.summary();
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
    this.parts.link.unregister(this.session, this.firstProbe, this.roles.length);
  }

  private async end(reason: EndReason): Promise<void> {
    // The answer to `detach` comes after the last records on the same stream, so a paused stream must run again.
    this.parts.link.resume();
    let finalReason = reason;
    if (this.parts.link.alive) {
      try {
        this.lastCounters = (await this.parts.link.client.detach({ session: this.session })).counters;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        finalReason = { kind: "helper-died", message };
      }
    }
    await this.tail;
    this.active = false;
    this.parts.link.unregister(this.session, this.firstProbe, this.roles.length);
    finalReason = await this.parts.onDetached(finalReason);
    this.parts.listener.onEnd(finalReason, this.summary());
  }

  private onCall(raw: RawEvent, fn: number): void {
    const plan = this.planOf(fn);
    const id = this.nextId;
    this.nextId += 1;
    this.tallyOf(fn).calls += 1;
    const ts = this.clock.toRfc3339(raw.timeNs);
    // A function without `ret` (it jumps on to another or never returns) has no return to wait for.
    if (this.parts.returns && plan.returns.length > 0) {
      const call = {
        id,
        fn,
        callId: raw.callId,
        pid: raw.pid,
        tid: raw.tid,
        goid: raw.goid,
        depth: raw.depth,
        timeNs: raw.timeNs,
      };
      this.pushGone(this.open.enter(call), ts);
    }
    const { entry: site } = plan;
    const event: CallEvent = {
      event: "call",
      id,
      ts,
      pid: raw.pid,
      tid: raw.tid,
      goid: Number(raw.goid),
      func: plan.fn.name,
      file: plan.fn.file,
      line: plan.fn.line,
      args: this.render(plan.call, raw, site),
    };
    this.pending.push({
      kind: "call",
      event,
      callAddress: this.parts.callers.callAddress(raw, plan.call.capture, site?.address ?? 0),
    });
  }

  /** Has no return, and its caller stands where it was inlined. */
  private onInlinedCall(raw: RawEvent, fn: number, { call, site, plan }: ProbedCopy): void {
    const { name, file, line } = this.planOf(fn).fn;
    const id = this.nextId;
    this.nextId += 1;
    this.tallyOf(fn).inlined += 1;
    const event: CallEvent = {
      event: "call",
      id,
      ts: this.clock.toRfc3339(raw.timeNs),
      pid: raw.pid,
      tid: raw.tid,
      goid: Number(raw.goid),
      func: name,
      file,
      line,
      caller: call.func,
      ...(call.line > 0 ? { callerLine: call.line } : {}),
      args: this.render(plan, raw, site),
      inlined: true,
    };
    this.pending.push({ kind: "done", event });
  }

  private onReturn(raw: RawEvent, fn: number, site: ProbeSite): void {
    const plan = this.planOf(fn);
    const ts = this.clock.toRfc3339(raw.timeNs);
    const { call, gone } = this.open.leave(raw);
    this.pushGone(gone, ts);
    // The call was throttled, dropped or evicted: a return alone joins nothing.
    if (call === undefined) return;
    this.tallyOf(fn).returns += 1;
    this.pending.push({
      kind: "done",
      event: {
        event: "return",
        id: call.id,
        ts,
        pid: raw.pid,
        tid: raw.tid,
        goid: Number(raw.goid),
        func: plan.fn.name,
        results: this.render(plan.return, raw, site),
        ...(plan.missingResults === undefined ? {} : { missingResults: plan.missingResults }),
        durationNs: Number(raw.durationNs),
      },
    });
  }

  private pushGone(calls: readonly OpenCall[], ts: string): void {
    for (const call of calls) this.pending.push({ kind: "gone", call, ts });
  }

  private render(plan: EventPlan, raw: RawEvent, site: ProbeSite | undefined): CallEvent["args"] {
    const { callers, program, values } = this.parts;
    return renderVariables(plan, raw, program, callers.loadBias(raw, plan.capture, site?.address ?? 0), values);
  }

  private async deliver(batch: readonly Pending[]): Promise<void> {
    if (batch.some((item) => item.kind === "gone")) await this.refreshLosses();
    const events: TraceEvent[] = [];
    for (const item of batch) {
      if (item.kind === "done") events.push(item.event);
      else if (item.kind === "call") {
        // Waits only where the caller is not known yet: most events are from a place seen before.
        const { callAddress } = item;
        const { callers } = this.parts;
        if (callAddress !== undefined && callers.lookup(callAddress) === undefined) await callers.load(callAddress);
        events.push(this.withCaller(item));
      } else this.resolveGone(item.call, item.ts, events);
    }
    if (events.length === 0) return;
    const wait = this.parts.listener.onEvents(events);
    if (wait === undefined) return;
    const pausing = this.ending === undefined;
    if (pausing) this.parts.link.pause();
    await wait.catch(() => undefined);
    if (pausing) this.parts.link.resume();
  }

  private withCaller({ event, callAddress }: PendingCall): CallEvent {
    const position = callAddress === undefined ? undefined : this.parts.callers.lookup(callAddress);
    if (position === undefined || position === null) return event;
    // The contract's field order: the caller stands before the arguments.
    const { id, ts, pid, tid, goid, func, file, line, args } = event;
    const caller = position.func;
    const head = { event: "call", id, ts, pid, tid, goid, func, file, line, caller } as const;
    return position.line > 0 ? { ...head, callerLine: position.line, args } : { ...head, args };
  }

  private resolveGone(call: OpenCall, ts: string, events: TraceEvent[]): void {
    if (!this.losses.isCertain(call)) return;
    this.tallyOf(call.fn).unwound += 1;
    const { id, pid, tid, goid } = call;
    events.push({ event: "unwound", id, ts, pid, tid, goid: Number(goid), func: this.planOf(call.fn).fn.name });
  }

  private async refreshLosses(): Promise<void> {
    if (this.ending === undefined) {
      try {
        this.lastCounters = (await this.parts.link.client.counters({ session: this.session })).counters;
      } catch {
        // The helper is gone: what is known stays as it is, and the end of the trace is on its way.
      }
    }
    this.losses.update(this.lastCounters);
  }

  private summary(): StatsEvent[] {
    return this.plans.map((plan, fn) => {
      const counted = this.countersOf(fn);
      const { calls, inlined, returns, unwound } = this.tallyOf(fn);
      const sum = (pick: (counters: ProbeCounters) => number): number =>
        counted.reduce((total, counters) => total + pick(counters), 0);
      const known = counted.length > 0;
      return {
        event: "stats",
        func: plan.fn.name,
        // A helper that died took its counters along: then what arrived is all that is known.
        hits: known ? sum((counters) => counters.hits) : calls + inlined,
        emitted: known ? sum((counters) => counters.emitted) : calls + inlined,
        filtered: sum((counters) => counters.filtered),
        throttled: sum((counters) => counters.throttled),
        dropped: sum((counters) => counters.dropped),
        returns,
        openCalls: this.parts.returns && plan.returns.length > 0 ? Math.max(0, calls - returns - unwound) : 0,
      };
    });
  }

  /** Of the probes that count a function's calls. */
  private countersOf(fn: number): ProbeCounters[] {
    return this.lastCounters.filter(({ probe }) => {
      const role = this.roles[probe - this.firstProbe];
      return (role?.role === "entry" || role?.role === "copy") && role.fn === fn;
    });
  }

  private planOf(fn: number): FunctionPlan {
    const plan = this.plans[fn];
    if (plan === undefined) throw new RangeError(`no plan ${fn}`);
    return plan;
  }

  private tallyOf(fn: number): Tally {
    const tally = this.tallies[fn];
    if (tally === undefined) throw new RangeError(`no tally ${fn}`);
    return tally;
  }
}

/**
 * Whether a call that left no return was unwound, or its return found no room in the ring buffer. It is certain only
 * when no return of its function was dropped since the call.
 */
class ReturnLosses {
  private readonly roles: readonly ProbeRole[];
  private readonly firstProbe: number;
  private readonly byFunction = new Map<number, { dropped: number; cleanSinceNs: bigint }>();

  constructor(roles: readonly ProbeRole[], firstProbe: number) {
    this.roles = roles;
    this.firstProbe = firstProbe;
  }

  update(counters: readonly ProbeCounters[]): void {
    const dropped = new Map<number, number>();
    for (const probe of counters) {
      const role = this.roles[probe.probe - this.firstProbe];
      if (role?.role === "return") dropped.set(role.fn, (dropped.get(role.fn) ?? 0) + probe.dropped);
    }
    for (const [fn, count] of dropped) {
      if (count === (this.byFunction.get(fn)?.dropped ?? 0)) continue;
      this.byFunction.set(fn, { dropped: count, cleanSinceNs: process.hrtime.bigint() });
    }
  }

  isCertain(call: OpenCall): boolean {
    return call.timeNs >= (this.byFunction.get(call.fn)?.cleanSinceNs ?? 0n);
  }
}

function probedCopies({ copies }: FunctionPlan): ProbedCopy[] {
  return copies.filter((copy): copy is ProbedCopy => "site" in copy);
}

function probeSpecs({ plans, returns, rate, watches, callers }: SessionParts, firstProbe: number): PlannedProbe[] {
  const specs: PlannedProbe[] = [];
  for (const plan of plans) {
    const entryId = firstProbe + specs.length;
    const entry = (site: ProbeSite, capture: PlannedCapture, pairReturns: boolean): void => {
      const { offset, address, expected, cfaOffset, skipIfBelowOrEqual } = site;
      specs.push({
        id: firstProbe + specs.length,
        role: "entry",
        offset,
        address,
        expected,
        cfaOffset,
        skipIfBelowOrEqual,
        plan: capture,
        ...(rate === undefined ? {} : { rate }),
        pairReturns,
      });
    };
    if (plan.entry !== undefined)
      entry(plan.entry, callers.withProbeAddress(plan.call.capture), returns && plan.returns.length > 0);
    for (const site of returns ? plan.returns : []) {
      specs.push({
        id: firstProbe + specs.length,
        role: "return",
        entryId,
        offset: site.offset,
        address: site.address,
        expected: site.expected,
        cfaOffset: site.cfaOffset,
        skipIfBelowOrEqual: false,
        plan: callers.withProbeAddress(plan.return.capture),
        pairReturns: false,
      });
    }
    for (const copy of probedCopies(plan)) entry(copy.site, callers.withProbeAddress(copy.plan.capture), false);
  }
  for (const { spec } of watches)
    specs.push({ id: firstProbe + specs.length, role: "entry", pairReturns: false, ...spec });
  return specs;
}
