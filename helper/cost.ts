/** What probes take the target, as the holder's bound reckons it: nanoseconds. */
import { USUAL_TRAP_NS } from "../src/protocol/budget.ts";
import type { CapturePlan } from "../src/protocol/capture.ts";
import type { CaptureTables } from "../src/protocol/captureTypes.ts";
import type { HitCost, ProbeSpec } from "../src/protocol/helperApi.ts";
import { flatReads } from "../src/protocol/planBytes.ts";

/** With a program that does nothing, by how the kernel carries out the probed instruction. Measured (docs/performance.md); a property of the machine. */
export interface TrapCosts {
  readonly emulatedNs: number;
  readonly steppedNs: number;
}
/** Where they cannot be measured. */
export const USUAL_TRAP_COSTS: TrapCosts = { emulatedNs: USUAL_TRAP_NS.emulated, steppedNs: USUAL_TRAP_NS.stepped };

/** What the kernel program does beside the trap, for every hit; and where calls are paired with returns, for each of both. */
const PROGRAM_NS = 250;
const PAIRING_NS = 1000;
/** The condition's machine, beside what a program of a deep plan does: calls that do not pass. */
const CONDITION_NS = 400;
/** Each read of the target's memory by a program whose record is made as one: a string's bytes, a piece of the stack. */
const READ_NS = 90;
/** A signal's delivery and the way back, without the trap at its handler. */
const SIGNAL_NS = 3000;

/** Of a hit that does what every hit does, captured or not. */
export function costOfHit(
  { trap = "stepped", role, pairReturns, condition }: Pick<ProbeSpec, "trap" | "role" | "pairReturns" | "condition">,
  traps: TrapCosts,
): number {
  const pairing = pairReturns || role === "return" ? PAIRING_NS : 0;
  const deciding = condition === undefined ? 0 : CONDITION_NS;
  return (trap === "emulated" ? traps.emulatedNs : traps.steppedNs) + PROGRAM_NS + pairing + deciding;
}

/** What is captured beside that takes; deep programs measure it themselves, in `spent_ns`, and it is 0 here. */
export function costOfCapture(plan: CapturePlan, tables: CaptureTables): number {
  return READ_NS * flatReads(plan, tables);
}

/** The handler's probe stands on an instruction that is emulated. */
export function costOfSignal({ emulatedNs }: TrapCosts): number {
  return SIGNAL_NS + emulatedNs + PROGRAM_NS;
}

/** But for what deep programs follow, which nobody knows before. */
export function predictedCost(probe: ProbeSpec, captureNs: number, traps: TrapCosts): HitCost {
  const floats = probe.plan.pieces.some(({ kind }) => kind === "float");
  return {
    hitNs: Math.round(costOfHit(probe, traps)),
    captureNs: Math.round(captureNs + (floats ? costOfSignal(traps) : 0)),
  };
}
