/** The last calls of one traced function, its latency and its rate; bounded whatever the target does. */
import type { CallEvent, RenderedValue, ReturnEvent, StatsEvent, UnwoundEvent } from "../../engine/api.ts";
/** One call; the return fills in the rest. */
export interface CallRecord {
  readonly call: CallEvent;
  /** Whose it is. */
  readonly history?: CallHistory;
  results?: readonly RenderedValue[];
  durationNs?: number;
  /** Ended by a panic or Goexit. */
  unwound?: true;
  /** Its end will not be told: there was no room to remember it, or no end of the function's calls is seen. */
  endUnknown?: true;
}

/** Rows of the hover's table. */
const MAX_LAST_CALLS = 20;
/** Calls whose return is still to come; the oldest is forgotten first. */
const MAX_OPEN_CALLS = 1024;
/** Durations that percentiles are taken from: the latest ones. */
const MAX_DURATIONS = 512;
/** The rate is that of this span; shorter ones jump, longer ones lag. */
const RATE_WINDOW_MS = 2_000;

export class CallHistory {
  private readonly last: CallRecord[] = [];
  private readonly open = new Map<number, CallRecord>();
  private readonly durations: number[] = [];
  private nextDuration = 0;
  private readonly samples: { readonly atMs: number; readonly hits: number; readonly spentNs: number }[] = [];
  private readonly endless = new Set<string>();
  private seen = 0;
  private counters = { hits: 0, dropped: 0, throttled: 0 };

  /** Nothing has been counted yet; `nowMs` as in `onStats`. */
  begin(nowMs: number): void {
    this.samples.push({ atMs: nowMs, hits: 0, spentNs: 0 });
  }

  onCall(call: CallEvent): CallRecord {
    const record: CallRecord = { call, history: this };
    if (call.endUnknown === true || this.endless.has(call.func)) record.endUnknown = true;
    this.seen += 1;
    this.last.push(record);
    if (this.last.length > MAX_LAST_CALLS) this.last.shift();
    if (call.inlined === true || record.endUnknown === true) return record;
    this.open.set(call.id, record);
    if (this.open.size > MAX_OPEN_CALLS) {
      const oldest = this.open.keys().next().value;
      if (oldest !== undefined) this.open.delete(oldest);
    }
    return record;
  }

  /** The record of the call, unless it was forgotten or made before tracing began. */
  onEnd(event: ReturnEvent | UnwoundEvent): CallRecord | undefined {
    const record = this.open.get(event.id);
    this.open.delete(event.id);
    // Of a function whose returns have gone, what comes is from before.
    if (event.event === "return" && !this.endless.has(event.func)) {
      this.durations[this.nextDuration] = event.durationNs;
      this.nextDuration = (this.nextDuration + 1) % MAX_DURATIONS;
    }
    if (record === undefined) return undefined;
    if (event.event === "unwound") {
      record.unwound = true;
    } else {
      record.results = event.results;
      record.durationNs = event.durationNs;
    }
    return record;
  }

  /** Kernel counters, one entry for each linker name; `spentNs` as Trace's; `nowMs` of a monotonic clock. */
  onStats(stats: readonly StatsEvent[], spentNs: number, nowMs: number): void {
    const sum = (pick: (s: StatsEvent) => number): number => stats.reduce((total, s) => total + pick(s), 0);
    this.counters = { hits: sum((s) => s.hits), dropped: sum((s) => s.dropped), throttled: sum((s) => s.throttled) };
    this.samples.push({ atMs: nowMs, hits: this.counters.hits, spentNs });
    while (this.samples.length > 2 && (this.samples[1]?.atMs ?? nowMs) <= nowMs - RATE_WINDOW_MS) this.samples.shift();
  }

  /** Newest first. */
  get lastCalls(): readonly CallRecord[] {
    return this.last.toReversed();
  }

  /**
   * The latest call that has returned, else the latest; so that arguments and result shown together belong together. An
   * inlined call has no return to wait for, but takes another's place only where all its arguments are known.
   */
  get shown(): CallRecord | undefined {
    const isWhole = (record: CallRecord): boolean =>
      record.durationNs !== undefined || this.endless.has(record.call.func) || isKnownInlined(record);
    return this.last.findLast(isWhole) ?? this.last.at(-1);
  }

  /** Every call counts, the throttled ones too: the kernel counts them. */
  get calls(): number {
    return Math.max(this.counters.hits, this.seen);
  }

  get dropped(): number {
    return this.counters.dropped;
  }

  get throttled(): number {
    return this.counters.throttled;
  }

  get callsPerSecond(): number {
    return this.perMs(({ hits }) => hits) * 1000;
  }

  /** Percent of one core. */
  get corePercent(): number {
    return (this.perMs(({ spentNs }) => spentNs) / 1e6) * 100;
  }

  private perMs(of: (sample: { readonly hits: number; readonly spentNs: number }) => number): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return (of(last) - of(first)) / (last.atMs - first.atMs);
  }

  /** No end of the function's calls is seen any more: the newest call is shown, and no latency of long ago. */
  withoutEnds(func: string): void {
    this.endless.add(func);
    for (const [id, { call }] of this.open) if (call.func === func) this.open.delete(id);
    this.durations.length = 0;
    this.nextDuration = 0;
  }

  /** Nanoseconds of the latest returns; undefined before the first. */
  percentiles(): { readonly p50: number; readonly p95: number } | undefined {
    if (this.durations.length === 0) return undefined;
    const sorted = [...this.durations].sort((a, b) => a - b);
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
    return { p50: at(0.5), p95: at(0.95) };
  }
}

function isKnownInlined({ call: { inlined, args } }: CallRecord): boolean {
  return inlined === true && !args.some(({ text }) => text.includes("<unavailable: "));
}
