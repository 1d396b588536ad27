/**
 * What every probe site owes, and what an instruction must keep so that the site may stand behind it:
 *
 * - **once per call**: nothing before it can leave the function: no branch, call or trap, and no access through a
 *   pointer that may be nil. A call that faults before the site would be the one call that is missing;
 * - **arguments intact**: no register that is captured is written, and no store can reach an argument in memory; behind a
 *   stack check only the registers that it brings back are known (`ProbeSite.restored`), the others are the caller's
 *   where the call tells so (`lostArguments.ts`), else not captured;
 * - **CFA known**: the stack pointer moves by constants only;
 * - **instruction boundary**: sites are starts of decoded instructions, see `decode.ts`.
 */
import { effectsOf, type Instruction, mayFault, mayTrap } from "./decode.ts";

/** What a function's caller put somewhere and the probe wants to find there. */
export interface EntryState {
  readonly code: Uint8Array;
  /** Registers that must still hold the caller's values at the entry site: `RAX`, …; RSP is always among them. */
  readonly registers: ReadonlySet<string>;
  /**
   * Bytes from the CFA to the area where the function may save its register parameters (abi-internal.md, "spill
   * area"), above all stack parameters and results; absent: not known.
   */
  readonly spillArea?: number;
}

/** At a function's first instruction and at its `ret`, RSP points to the return address: CFA − RSP, bytes. */
export const CFA_AT_ENTRY = 8;

/** Whether the next instruction follows in every run of this one: the function cannot be left here. */
export function alwaysFallsThrough(code: Uint8Array, { at, flow }: Instruction): boolean {
  return flow === "next" && !mayFault(code, at) && !mayTrap(code, at);
}

/** CFA − RSP behind the instruction, bytes; undefined where it breaks one of the obligations. */
export function cfaBehind(state: EntryState, instruction: Instruction, cfaOffset: number): number | undefined {
  const { code, registers, spillArea } = state;
  if (!alwaysFallsThrough(code, instruction)) return undefined;
  const effects = effectsOf(code, instruction.at);
  if (effects.rspChange === undefined || effects.rspChange > 0) return undefined;
  if (effects.writes.some((register) => register !== "RSP" && registers.has(register))) return undefined;
  for (const { fromRsp, size } of effects.stores) {
    // Memory below the return address and the spill area hold nothing at the entry; other memory may be an argument's.
    if (fromRsp === undefined) return undefined;
    const fromCfa = fromRsp - cfaOffset;
    const inOwnFrame = fromCfa + size <= -CFA_AT_ENTRY;
    const inSpillArea = spillArea !== undefined && fromCfa >= spillArea;
    if (!inOwnFrame && !inSpillArea) return undefined;
  }
  return cfaOffset - effects.rspChange;
}
