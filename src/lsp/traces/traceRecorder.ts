/**
 * The engine's side of one trace: takes in every event, and writes out only what is looked at. Nothing here waits, so
 * the kernel's buffer is emptied as fast as events are counted.
 */
import type { StatsEvent, TraceEvent } from "../../engine/api.ts";
import { callTable } from "../views/callTable.ts";
import { shownCall } from "../views/shownCall.ts";
import { CallHistory, type CallRecord } from "./callHistory.ts";
import type { EventLog } from "./eventLog.ts";
import type { TraceView } from "./traceView.ts";

export class TraceRecorder {
  private readonly history = new CallHistory();
  private readonly log: EventLog;
  private readonly mine = new WeakSet<CallRecord>();
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
        this.mine.add(record);
        this.log.started(record, now);
      } else {
        const record = this.history.onEnd(event);
        if (record !== undefined) this.log.ended(record);
      }
    }
  }

  onStats(stats: readonly StatsEvent[]): void {
    this.changed = true;
    this.history.onStats(stats, performance.now());
  }

  onEnd(stats: readonly StatsEvent[]): void {
    this.onStats(stats);
    this.log.close((record) => this.mine.has(record));
  }

  /** What has changed since it was last taken; undefined where nothing has. */
  takeView(): TraceView | undefined {
    if (!this.changed) return undefined;
    this.changed = false;
    return this.view();
  }

  view(): TraceView {
    const { calls, callsPerSecond, dropped, throttled, shown } = this.history;
    const latency = this.history.percentiles();
    return {
      calls,
      callsPerSecond,
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
