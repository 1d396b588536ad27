/** The signals that end a command without being an error. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Nothing is attached (only a trace attaches, and it says so first): the process ends with 0. */
let whatToDo: () => void = () => process.exit(0);

/**
 * Once, before anything else: the process listens for all of its life. A listener that another one replaces loses the
 * signal that has arrived but not been delivered yet, so what changes is only what a signal means.
 */
export function listenToSignals(): void {
  for (const signal of SIGNALS) process.on(signal, () => whatToDo());
}

/** From now on a signal does this instead. */
export function onSignal(act: () => void): void {
  whatToDo = act;
}
