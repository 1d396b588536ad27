/** What goes with a request through the engine's rooms, always as the first parameter. */
export interface Job {
  /** Aborted when nobody waits for the answer any more; what is under way then rejects. A trace that runs is stopped instead. */
  readonly signal: AbortSignal;
  /** What the user should read beside the answer, one line each (a caution on stderr, a message in the editor). */
  readonly notice: (message: string) => void;
}

/** Without `signal` nobody gives up, without `notice` nobody reads. */
export function newJob(parts: Partial<Job> = {}): Job {
  return { signal: new AbortController().signal, notice: () => {}, ...parts };
}
