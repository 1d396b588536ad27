/**
 * The engine's side of one trace: takes in every event, and writes out only what is looked at. Nothing here waits, so
 * the kernel's buffer is emptied as fast as events are counted.
 */
import type { Removal, StatsEvent, TraceEvent } from "../../engine/api.ts";
import { callTable } from "../views/callTable.ts";
import { shownCall } from "../views/shownCall.ts";
import { CallHistory } from "./callHistory.ts";
import type { EventLog } from "./eventLog.ts";
import type { TraceView } from "./traceView.ts";

export class TraceRecorder {
  private readonly history = new CallHistory();
  private readonly log: EventLog;
  private changed = false;

  /** `log`: that of all traces. */
  constructor(log: EventLog) {
    this.log = log;
  }

  onEvents(events: readonly TraceEvent[]): void {
    const now = performance.now();
    this.changed = true;
    for (const event of events) {
      if (event.event === "call") {
        const record = this.history.onCall(event);
        this.log.started(record, now);
      } else {
        const record = this.history.onEnd(event);
        if (record !== undefined) this.log.ended(record);
      }
    }
  }

  /** Nobody sees how calls of this function end: it jumps on to another, or is traced without its returns. */
  withoutEnds(func: string): void {
    this.history.withoutEnds(func);
  }

  /** The probes are in place. */
  begin(): void {
    this.history.begin(performance.now());
  }

  /** `spentNs`: as Trace's. */
  onStats(stats: readonly StatsEvent[], spentNs: number): void {
    this.changed = true;
    this.history.onStats(stats, spentNs, performance.now());
  }

  /** Calls of functions whose returns are not seen any more wait for nothing. */
  onRemoved(removals: readonly Removal[]): void {
    this.changed = true;
    const ended = removals.filter(({ part }) => part !== "inlined").map(({ event: { func } }) => func);
    for (const func of ended) this.history.withoutEnds(func);
    this.log.close((record) => record.history === this.history && ended.includes(record.call.func));
  }

  onEnd(stats: readonly StatsEvent[], spentNs: number): void {
    this.onStats(stats, spentNs);
    this.log.close((record) => record.history === this.history);
  }

  /** What has changed since it was last taken; undefined where nothing has. */
  takeView(): TraceView | undefined {
    if (!this.changed) return undefined;
    this.changed = false;
    return this.view();
  }

  view(): TraceView {
    const { calls, callsPerSecond, corePercent, dropped, throttled, shown } = this.history;
    const latency = this.history.percentiles();
    return {
      calls,
      callsPerSecond,
      corePercent,
      dropped,
      throttled,
      ...(latency === undefined ? {} : { latency }),
      ...(shown === undefined ? {} : { shown: shownCall(shown) }),
    };
  }

  /** The last calls for the hover, Markdown; empty before the first. */
  lastCalls(): string {
    return callTable(this.history.lastCalls);
  }
}
