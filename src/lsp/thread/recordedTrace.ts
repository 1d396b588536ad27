/** One trace on the engine's thread: runs it, and keeps what the editor may look at. */
import type { EndReason, Engine, Removal, StatsEvent, Trace, TraceRequest } from "../../engine/api.ts";
import type { Job } from "../../engine/job.ts";
import type { EventLog } from "../traces/eventLog.ts";
import { TraceRecorder } from "../traces/traceRecorder.ts";
import type { TraceView } from "../traces/traceView.ts";
import type { EditorListener, TracedSites } from "./editorEngine.ts";

/** Counters are read this often while tracing. */
const STATS_INTERVAL_MS = 1_000;

export class RecordedTrace {
  private readonly listener: Omit<EditorListener, "onView">;
  private readonly recorder: TraceRecorder;
  private trace: Trace | undefined;
  private ended = false;
  private timer: NodeJS.Timeout | undefined;

  /** `log`: that of all traces. */
  constructor(log: EventLog, listener: Omit<EditorListener, "onView">) {
    this.recorder = new TraceRecorder(log);
    this.listener = listener;
  }

  /** Resolves when every probe is attached, to where they are and what they cost. */
  async start(job: Job, engine: Engine, request: TraceRequest): Promise<TracedSites> {
    const listener = {
      onPlanned: (plans: Trace["plans"]) => {
        for (const { fn, jumpsAway } of plans)
          if (jumpsAway === true || !request.returns) this.recorder.withoutEnds(fn.name);
      },
      onEvents: this.recorder.onEvents.bind(this.recorder),
      onRemoved: (removals: readonly Removal[]) => {
        this.recorder.onRemoved(removals);
        this.listener.onRemoved(removals);
      },
      onEnd: (reason: EndReason, stats: readonly StatsEvent[]) => {
        this.ended = true;
        clearInterval(this.timer);
        this.recorder.onEnd(stats, this.trace?.spentNs() ?? 0);
        this.listener.onEnd(reason, this.recorder.view(), this.recorder.lastCalls());
      },
    };
    this.trace = await engine.trace(job, { ...request, late: true }, listener);
    this.recorder.begin();
    if (!this.ended) this.timer = setInterval(() => void this.readStats(), STATS_INTERVAL_MS);
    return sitesOf(this.trace);
  }

  takeView(): TraceView | undefined {
    return this.recorder.takeView();
  }

  lastCalls(): string {
    return this.recorder.lastCalls();
  }

  async stop(): Promise<void> {
    await this.trace?.stop();
  }

  private async readStats(): Promise<void> {
    try {
      const stats = await this.trace?.stats();
      // The end, which came meanwhile, brought the final ones.
      if (stats !== undefined && !this.ended) this.recorder.onStats(stats, this.trace?.spentNs() ?? 0);
    } catch {
      // The trace ends at this moment; onEnd tells.
    }
  }
}

/** Of several functions (a generic one's instances) the first. */
function sitesOf({ plans: [plan], costs: [cost = { follows: false }] }: Trace): TracedSites {
  const entry = plan?.entry;
  const ret = plan?.returns[0];
  return {
    cost,
    ...(entry === undefined ? {} : { entry: { instruction: entry.instruction, kind: entry.kind } }),
    ...(ret === undefined ? {} : { return: { instruction: ret.instruction, kind: ret.kind } }),
  };
}
