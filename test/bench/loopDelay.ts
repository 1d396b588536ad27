/** Loaded into a process before its program: tells its parent, when asked, how long the event loop was held up at most. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

/** Of the timer that watches; what it sleeps itself is no delay. */
const RESOLUTION_MS = 1;

if (isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  process.on("message", () => {
    process.send?.(delay.max / 1e6 - RESOLUTION_MS);
    // Not before the first question: a timer of a millisecond takes one twentieth of a core by itself.
    delay.enable();
    delay.reset();
  });
  process.channel?.unref();
}
