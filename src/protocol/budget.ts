/** What all probes of a trace may cost one process: percent of one core. */

export const DEFAULT_BUDGET = 5;
/** Below it nothing could be traced; above it no machine has as much. */
export const MIN_BUDGET = 0.001;
export const MAX_BUDGET = 1_000_000;
