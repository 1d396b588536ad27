/** What was counted, per function: the kernel's counters, or as long as there are none the events that arrived. */
import type { FunctionPlan } from "../../probe/api.ts";
import type { ProbeCounters } from "../../protocol/counters.ts";
import type { OpenCallCount } from "../../protocol/helperApi.ts";
import type { StatsEvent, TraceEvent, UndecidedReason } from "../api.ts";
import { endsAreSeen, type ProbeRole, type ProbeTable } from "./probeTable.ts";

interface Arrived {
  call: number;
  return: number;
  unwound: number;
}

/** Counters of one probe of a function. */
interface Counted {
  readonly role: Exclude<ProbeRole, { kind: "watch" }>;
  readonly counted: ProbeCounters;
  readonly left?: OpenCallCount | undefined;
}

export class Tallies {
  private readonly plans: readonly FunctionPlan[];
  private readonly table: ProbeTable;
  private readonly arrived: readonly Arrived[];
  /** By function. */
  private counters: readonly (readonly Counted[])[] | undefined;
  /** Whether they are the last ones, with what the table of open calls held at the end. */
  private ended = false;
  private readonly returns: boolean;

  constructor(plans: readonly FunctionPlan[], table: ProbeTable, returns: boolean) {
    this.plans = plans;
    this.table = table;
    this.returns = returns;
    this.arrived = plans.map(() => ({ call: 0, return: 0, unwound: 0 }));
  }

  onEvent(event: TraceEvent["event"], fn: number): void {
    const arrived = this.arrived[fn];
    if (arrived !== undefined) arrived[event] += 1;
  }

  onCounters(counters: readonly ProbeCounters[], left?: readonly OpenCallCount[]): void {
    const open = new Map(left?.map((count) => [count.probe, count]));
    const byFunction = this.plans.map((): Counted[] => []);
    for (const counted of counters) {
      const role = this.table.roleOf(counted.probe);
      if (role === undefined || role.kind === "watch") continue;
      byFunction[role.fn]?.push({ role, counted, left: open.get(counted.probe) });
    }
    this.counters = byFunction;
    this.ended = left !== undefined;
  }

  /** Each call is counted with how it ended: emitted = returns + unwound + unknownEnds + openCalls where ends are seen. */
  summary(): StatsEvent[] {
    return this.plans.map((plan, fn) => {
      const counts =
        this.counters === undefined ? this.fromEvents(plan, fn) : this.fromCounters(this.counters[fn] ?? []);
      return { event: "stats", func: plan.fn.name, ...counts };
    });
  }

  /** Hits of each function's calls, and nanoseconds of the target that all its probes have taken. */
  costs(): { func: string; hits: number; ns: number }[] {
    return this.summary().map(({ func, hits }, fn) => {
      // The trap of a return is paid also where its call was not sent, or not seen.
      const ns = (this.counters?.[fn] ?? []).reduce(
        (sum, { counted: { probe, hits: told, unpaired, emitted, spentNs = 0 } }) => {
          const { hitNs, captureNs } = this.table.costOf(probe);
          return sum + (told + unpaired) * hitNs + emitted * captureNs + spentNs;
        },
        0,
      );
      return { func, hits, ns };
    });
  }

  private fromCounters(own: readonly Counted[]): Omit<StatsEvent, "event" | "func"> {
    const sum = (of: (role: ProbeRole) => boolean, pick: (counters: ProbeCounters) => number): number =>
      own.reduce((total, { role, counted }) => total + (of(role) ? pick(counted) : 0), 0);
    const anyCall = ({ kind }: ProbeRole): boolean => kind === "entry" || kind === "inlined";
    const paired = (role: ProbeRole): boolean => role.kind === "entry" && role.paired;
    const isReturn = ({ kind }: ProbeRole): boolean => kind === "return";
    const left = own.flatMap((probe) => probe.left ?? []);

    const returns = sum(isReturn, ({ emitted }) => emitted);
    const unwound = sum(paired, (entry) => entry.unwound);
    const unknownEnds =
      sum(isReturn, ({ dropped }) => dropped) +
      sum(paired, ({ refused, untold }) => refused + untold) +
      left.reduce((total, { unknown }) => total + unknown, 0);
    // While the trace runs nobody looks into the table of open calls.
    const openCalls = !this.ended
      ? Math.max(0, sum(paired, ({ emitted }) => emitted) - returns - unwound - unknownEnds)
      : left.reduce((total, { open }) => total + open, 0);
    const reasons = this.undecided(own.map(({ counted }) => counted));
    return {
      hits: sum(anyCall, ({ hits }) => hits),
      emitted: sum(anyCall, ({ emitted }) => emitted),
      filtered: sum(anyCall, ({ filtered }) => filtered),
      throttled: sum(anyCall, ({ throttled }) => throttled),
      dropped: sum(anyCall, ({ dropped }) => dropped),
      undecided: reasons.reduce((total, { calls }) => total + calls, 0),
      returns,
      unwound,
      unknownEnds,
      openCalls,
      ...(reasons.length === 0 ? {} : { reasons }),
    };
  }

  /** A function's own code and its inlined calls each have a table of reasons; the same reason has the same words. */
  private undecided(counters: readonly ProbeCounters[]): UndecidedReason[] {
    const calls = new Map<string, number>();
    for (const { probe, undecided = [] } of counters) {
      const texts = this.table.reasonsOf(probe);
      for (const [index, count] of undecided.entries()) {
        const text = texts[index] ?? "something could not be had";
        if (count > 0) calls.set(text, (calls.get(text) ?? 0) + count);
      }
    }
    return Array.from(calls, ([reason, count]) => ({ reason, calls: count })).sort((a, b) => b.calls - a.calls);
  }

  /** A helper that died before it was asked took its counters along: what arrived is all that is known. */
  private fromEvents(plan: FunctionPlan, fn: number): Omit<StatsEvent, "event" | "func"> {
    const { call, return: returns, unwound } = this.arrived[fn] ?? { call: 0, return: 0, unwound: 0 };
    const nothing = { filtered: 0, throttled: 0, dropped: 0, undecided: 0 };
    const openCalls = this.returns && endsAreSeen(plan) ? call - returns - unwound : 0;
    return { hits: call, emitted: call, ...nothing, returns, unwound, unknownEnds: 0, openCalls };
  }
}
