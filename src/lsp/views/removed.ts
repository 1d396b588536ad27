/** Probes that were removed because they cost the process too much: in a lens's few words, and explained. Pure. */
import type { Removal } from "../../engine/api.ts";
import { clockTime, formatNumber, formatShare } from "./format.ts";

export interface TracedFunction {
  readonly label: string;
  /** Linker names: several for a generic function. */
  readonly names: readonly string[];
  /** Percent of one core. */
  readonly budget: number;
}

/** `removals`: not empty, of one function; the trace has ended. */
export function removedShort(removals: readonly Removal[], budget: number): string {
  return `removed: ${formatShare(dearest(removals).costPercent)} of a core, budget ${budget} %`;
}

/** What is not seen any more while the trace goes on; empty where nothing was removed. */
export function missingShort(removals: readonly Removal[]): string {
  const parts = new Set(removals.map(({ part }) => part));
  if (parts.has("calls")) return "some calls removed";
  if (parts.has("returns")) return "returns removed";
  return parts.has("inlined") ? "some inlined calls removed" : "";
}

/**
 * What was removed, at what rate and cost, when, and how to go on: for hover, message and channel. `removals`: not
 * empty. Of one function's instances, or of what went one after the other, the dearest stands for all.
 */
export function removedText(removals: readonly Removal[], { label, names, budget }: TracedFunction): string {
  const { rate, costPercent, ts } = dearest(removals);
  const parts = new Set(removals.map(({ part }) => part));
  const some = names.length > 1 ? `some instances of ${label}` : label;
  const what = parts.has("calls")
    ? `the probes of ${some} were removed; calls since then are not counted.`
    : parts.has("returns")
      ? `the probes at the returns of ${some} were removed; its calls are traced on, without results and durations.`
      : parts.has("inlined")
        ? `the probes of inlined calls of ${some} were removed; its other calls are traced on.`
        : "what tells at once that calls end by a panic was removed; its calls are traced on, and such ends are told later, or not.";
  return (
    `Tracing ${label} took about ${formatShare(costPercent)} of a core from the process: its probes were hit ` +
    `${formatNumber(Math.round(rate))} times a second. All traces of a process together may take ${budget} % ` +
    `(probelens.budget), so at ${clockTime(ts).slice(0, "22:10:03".length)} ${what} Trace a function that is called ` +
    "less often, or allow more; a condition or a limit would not make a hit cheaper."
  );
}

function dearest(removals: readonly Removal[]): Removal["event"] {
  return removals
    .map(({ event }) => event)
    .reduce((most, event) => (event.costPercent > most.costPercent ? event : most));
}
