/** The fuzzer's worker thread: runs inputs one by one and writes down, in shared memory, which one it is at. */
import { parentPort, workerData } from "node:worker_threads";
import { Random } from "./random.ts";
import { TARGETS } from "./targets.ts";

export interface WorkerJob {
  readonly target: string;
  /** Inputs `first` … `first + count − 1`; each is its own seed. */
  readonly first: number;
  readonly count: number;
  /** [0]: the seed at work, [1]: inputs done. */
  readonly progress: Int32Array<SharedArrayBuffer>;
  /** Bytes that the process may grow by during one input. */
  readonly growthLimitBytes: number;
}
export type WorkerMessage =
  | { readonly kind: "failed"; readonly seed: number; readonly error: string }
  | { readonly kind: "slowest"; readonly seed: number; readonly ms: number };

const job = workerData as WorkerJob;
const load = TARGETS[job.target];
if (load === undefined) throw new Error(`no target ${job.target}`);
const target = await load();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
const report = (message: WorkerMessage) => parentPort?.postMessage(message);
process.on("unhandledRejection", (error) =>
  report({ kind: "failed", seed: Atomics.load(job.progress, 0), error: `unhandled rejection: ${describe(error)}` }),
);

let slowest = { seed: 0, ms: 0 };
for (let seed = job.first; seed < job.first + job.count; seed++) {
  Atomics.store(job.progress, 0, seed);
  const before = process.memoryUsage.rss();
  const started = performance.now();
  try {
    await target.run(new Random(seed));
    const growth = process.memoryUsage.rss() - before;
    if (growth > job.growthLimitBytes)
      report({ kind: "failed", seed, error: `memory grew by ${Math.round(growth / 2 ** 20)} MiB in one input` });
  } catch (error) {
    report({ kind: "failed", seed, error: describe(error) });
  }
  const ms = performance.now() - started;
  if (ms > slowest.ms) slowest = { seed, ms };
  Atomics.store(job.progress, 1, seed - job.first + 1);
}
report({ kind: "slowest", ...slowest });

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
