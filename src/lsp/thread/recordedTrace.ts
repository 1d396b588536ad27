/** One trace on the engine's thread: runs it, and keeps what the editor may look at. */
import type { EndReason, Engine, Trace, TraceRequest } from "../../engine/api.ts";
import type { Job } from "../../engine/job.ts";
import type { EventLog } from "../traces/eventLog.ts";
import { TraceRecorder } from "../traces/traceRecorder.ts";
import type { TraceView } from "../traces/traceView.ts";
import type { EditorListener } from "./editorEngine.ts";

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

  /** Resolves when every probe is attached, to the instruction at which calls are seen, for the user. */
  async start(job: Job, engine: Engine, request: TraceRequest): Promise<string | undefined> {
    const listener = {
      onEvents: this.recorder.onEvents.bind(this.recorder),
      onEnd: (reason: EndReason, stats: Parameters<TraceRecorder["onEnd"]>[0]) => {
        this.ended = true;
        clearInterval(this.timer);
        this.recorder.onEnd(stats);
        this.listener.onEnd(reason, this.recorder.view(), this.recorder.lastCalls());
      },
    };
    this.trace = await engine.trace(job, { ...request, late: true }, listener);
    if (!this.ended) this.timer = setInterval(() => void this.readStats(), STATS_INTERVAL_MS);
    const entry = this.trace.plans[0]?.entry;
    return entry === undefined ? undefined : `${entry.instruction} (${entry.kind})`;
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
      if (stats !== undefined && !this.ended) this.recorder.onStats(stats);
    } catch {
      // The trace ends at this moment; onEnd tells.
    }
  }
}
