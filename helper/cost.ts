/** What one hit of a probe takes the target, as the holder's bound reckons it: nanoseconds. */
import { USUAL_TRAP_NS } from "../src/protocol/budget.ts";
import type { ProbeSpec } from "../src/protocol/helperApi.ts";

/** By how the kernel carries out the probed instruction. Measured (docs/performance.md); a property of the machine. */
export interface TrapCosts {
  readonly emulatedNs: number;
  readonly steppedNs: number;
}
/** Where they cannot be measured. */
export const USUAL_TRAP_COSTS: TrapCosts = { emulatedNs: USUAL_TRAP_NS.emulated, steppedNs: USUAL_TRAP_NS.stepped };

/** The program of a flat plan, beside one that does nothing. */
const PROGRAM_NS = 200;

/** A signal to the thread, and the reading of its frame. */
const FLOATS_NS = 4500;
/** Following pointers in the thread's own memory; a condition's machine. Beside the trap they matter little. */
const DEEP_NS = 1000;

/** `program`: the one that is run, such as `call_deep`. */
export function costOfHit(
  { trap = "stepped", plan }: Pick<ProbeSpec, "trap" | "plan">,
  program: string,
  traps: TrapCosts,
): number {
  const floats = plan.pieces.some(({ kind }) => kind === "float") ? FLOATS_NS : 0;
  const deep = /_(deep|where|sleepable)$/.test(program) ? DEEP_NS : 0;
  return (trap === "emulated" ? traps.emulatedNs : traps.steppedNs) + PROGRAM_NS + floats + deep;
}
