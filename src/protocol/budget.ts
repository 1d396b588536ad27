/** What probes cost the target, and what all probes of a trace may cost one process: percent of one core. */

/** One hit, by how the kernel carries out the probed instruction: docs/performance.md's medians, no promises. */
export const USUAL_TRAP_NS = { emulated: 900, stepped: 12_600 } as const;

export const DEFAULT_BUDGET = 5;
/** Below it nothing could be traced; above it no machine has as much. */
export const MIN_BUDGET = 0.001;
export const MAX_BUDGET = 1_000_000;

/** With more functions the bound has less patience: they were found by a pattern, not named (helper/governor.h). */
export const FEW_FUNCTIONS = 100;
