/** Functions of which DWARF lists nothing: those that have neither parameters nor results, and those that it leaves out. */
import type { Witnesses } from "./completeness.ts";

/** What the debug information says of a function and of the unit (its package) around it. */
export interface Described {
  readonly params: readonly unknown[];
  readonly results: readonly unknown[];
  readonly producer: string | undefined;
  /** Some function of the unit has parameters or results. */
  readonly unitHasVariables: () => boolean;
}

/**
 * Why nothing is known of a function's parameters and results although it stands in DWARF, a clause; undefined where
 * what is listed may be all. `complete`: other witnesses confirm the list, with what the compiler hides.
 *
 * A package that was compiled with `-dwarf=false` keeps its functions' names and code there, without their variables.
 */
export function whyUndescribed(
  { params, results, producer, unitHasVariables }: Described,
  complete: boolean,
  { argsSize, name }: Pick<Witnesses, "argsSize" | "name">,
): string | undefined {
  if (params.length > 0 || results.length > 0) return undefined;
  // Since Go 1.17 the producer has the flags that differ from their defaults (cmd/compile, base.RecordFlags).
  if (/[; ]-dwarf=false\b/.test(producer ?? "")) {
    return "its package was compiled without debug information (-dwarf=false)";
  }
  // Blank parameters and receivers are not listed up to Go 1.21, so that one such function alone says nothing.
  const takesSomething = argsSize > 0 || /\(\*[^()]*\)\.[^.()]+$/.test(name);
  if (complete || !takesSomething || unitHasVariables()) return undefined;
  // Assembly has units of its own, without a producer.
  if (producer?.startsWith("Go cmd/compile") !== true) return "it was not compiled from Go";
  return "the debug information lists no variables of any function of its package: it was compiled without (-dwarf=false)";
}
