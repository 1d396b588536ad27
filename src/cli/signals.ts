/** The signals that end a command without being an error. */
export const TRACE_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Nothing is attached (only a trace attaches, and it listens itself then): they end the process with 0. */
export function quitOnSignals(): void {
  for (const signal of TRACE_SIGNALS) process.on(signal, () => process.exit(0));
}

/** Whoever calls this listens from now on. */
export function stopQuitting(): void {
  for (const signal of TRACE_SIGNALS) process.removeAllListeners(signal);
}
