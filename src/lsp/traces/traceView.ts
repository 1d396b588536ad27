/** What the editor's side is told of one trace: plain data, small whatever the target does. */

export interface TraceView {
  /** Every call counts, the throttled ones too. */
  readonly calls: number;
  readonly callsPerSecond: number;
  /** What its probes take of a core of the process, percent. */
  readonly corePercent: number;
  /** Lost, because there was no room in the buffer. */
  readonly dropped: number;
  /** Counted, but over the limit of calls per second. */
  readonly throttled: number;
  /** Nanoseconds of the latest returns; absent before the first. */
  readonly latency?: { readonly p50: number; readonly p95: number };
  /** The call that stands beside the code; absent before the first. */
  readonly shown?: ShownCall;
}

export interface ShownCall {
  /** Arguments and results in a line's worth: `o=&Order{ID:7, …}, discount=0.1 → (9.5, nil)`. */
  readonly line: string;
  readonly args: readonly ShownValue[];
  /** All results in one; absent while the call runs and where none is known. */
  readonly results?: ShownValue;
}

export interface ShownValue {
  readonly name: string;
  /** Go value text, bounded. */
  readonly text: string;
  /** Its share of a line that all values of the call are on; empty where that has no room to say anything. */
  readonly short: string;
}

export const NOTHING_SEEN: TraceView = { calls: 0, callsPerSecond: 0, corePercent: 0, dropped: 0, throttled: 0 };
