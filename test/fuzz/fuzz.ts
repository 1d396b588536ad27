/** Runs one target's inputs in a worker thread and watches it: a hang, a crash and a wrong answer all name their seed. */
import { Worker } from "node:worker_threads";
import type { WorkerJob, WorkerMessage } from "./worker.ts";

export interface Failure {
  readonly target: string;
  readonly seed: number;
  readonly error: string;
}
export interface FuzzResult {
  readonly done: number;
  readonly failures: readonly Failure[];
  readonly slowest: { readonly seed: number; readonly ms: number };
}

/** An input takes milliseconds; a busy machine may stretch that a hundredfold. */
export const INPUT_LIMIT_MS = 10_000;
/** The seeds are files of 2 MB; parsers may hold a few copies, and the collector is lazy. */
const GROWTH_LIMIT_BYTES = 256 << 20;
const HEAP_LIMIT_MB = 1024;
/** Building and reading the seeds. */
const START_LIMIT_MS = 5 * 60_000;
/** More failures than anyone looks at: the target is broken. */
const MAX_FAILURES = 20;

export async function fuzz(target: string, first: number, count: number): Promise<FuzzResult> {
  const failures: Failure[] = [];
  let done = 0;
  let slowest = { seed: first, ms: 0 };
  while (done < count && failures.length < MAX_FAILURES) {
    const round = await runWorker(target, first + done, count - done);
    failures.push(...round.failures);
    if (round.slowest.ms > slowest.ms) slowest = round.slowest;
    done += round.done;
    // A round that ended before its time hung or died at the input after those done: go on behind it.
    if (done < count && round.stuck) done += 1;
  }
  return { done, failures, slowest };
}

function runWorker(target: string, first: number, count: number): Promise<FuzzResult & { stuck: boolean }> {
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const job: WorkerJob = { target, first, count, progress, growthLimitBytes: GROWTH_LIMIT_BYTES };
  const failures: Failure[] = [];
  let slowest = { seed: first, ms: 0 };
  return new Promise((resolve) => {
    const worker = new Worker(new URL("worker.ts", import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    });
    let ended = false;
    const end = (stuck: boolean) => {
      if (ended) return;
      ended = true;
      clearInterval(watch);
      void worker.terminate();
      resolve({ done: Atomics.load(progress, 1), failures, slowest, stuck });
    };
    const seedNow = () => Atomics.load(progress, 0) || first;
    let seen = { done: -1, started: false, at: performance.now() };
    const watch = setInterval(() => {
      const done = Atomics.load(progress, 1);
      const started = Atomics.load(progress, 0) !== 0;
      if (done !== seen.done || started !== seen.started) seen = { done, started, at: performance.now() };
      const limit = started ? INPUT_LIMIT_MS : START_LIMIT_MS;
      if (performance.now() - seen.at < limit) return;
      failures.push({ target, seed: seedNow(), error: `no answer within ${limit} ms` });
      end(true);
    }, 100);
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "slowest") slowest = message;
      else failures.push({ target, seed: message.seed, error: message.error });
      if (failures.length >= MAX_FAILURES) end(false);
    });
    worker.on("error", (error) => {
      failures.push({ target, seed: seedNow(), error: `the worker died: ${error.stack ?? error.message}` });
      end(true);
    });
    worker.on("exit", () => end(Atomics.load(progress, 1) < count));
  });
}
