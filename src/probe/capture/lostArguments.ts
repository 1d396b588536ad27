/**
 * Calls whose stack check failed. A function that uses none of its register arguments keeps none of them around
 * runtime.morestack (`ProbeSite.restored`), and its site comes behind the check. Such calls are told apart: runtime.gogo
 * jumps back through a register that still has the address at the site (`ProbeSite.cameBack`). That register is captured
 * beside the arguments; where it has the address, they are unknown, else they are the caller's.
 */
import { DICTIONARY } from "../../goabi/shaped.ts";
import type { PlacedVariable } from "../../gobinary/api.ts";
import { type CaptureRegister, MAX_ROOT_PIECES } from "../../protocol/capture.ts";
import type { CapturedPiece, EventPlan, ProbeSite } from "../api.ts";
import type { ContextWord } from "./context.ts";

/** Why an argument cannot be had, a clause. */
export const LOST = "not used by the function, and lost where its stack grows";

/** Pieces that must be free: for the register, and for the probe's own address, which tells where the program is loaded. */
const OWN_PIECES = 2;

/**
 * The words to capture beside the arguments: one where the function may lose some and a call that did can be told. Not of
 * generic functions: there the lost dictionary would be looked up before that is known.
 */
export function lossWords(
  { restored, cameBack }: ProbeSite,
  { capture, variables }: EventPlan,
  params: readonly PlacedVariable[],
): (ContextWord & { readonly register: CaptureRegister })[] {
  if (restored === undefined || cameBack === undefined || params.some(({ name }) => name === DICTIONARY)) return [];
  if (capture.pieces.length + OWN_PIECES > MAX_ROOT_PIECES) return [];
  const lost = variables.some(({ pieces }) =>
    pieces.some((piece) => {
      const register = registerOf(piece, capture);
      return register !== undefined && !restored.includes(register);
    }),
  );
  return lost ? [{ register: cameBack.register }] : [];
}

/**
 * The plan for one call's arguments. `bias`: what the process's addresses are above those of the file; where it is not
 * known, neither is whether the check failed.
 */
export function ofThisCall(
  plan: EventPlan,
  { register, address }: NonNullable<ProbeSite["cameBack"]>,
  root: Uint8Array,
  bias: number | undefined,
): EventPlan {
  const at = plan.context?.get(register);
  if (at === undefined || bias === undefined || at + 8 > root.length) return withoutRegisters(plan);
  const word = new DataView(root.buffer, root.byteOffset, root.byteLength).getBigUint64(at, true);
  return Number(word) - bias === address ? withoutRegisters(plan) : plan;
}

const made = new WeakMap<EventPlan, EventPlan>();

function withoutRegisters(plan: EventPlan): EventPlan {
  let without = made.get(plan);
  if (without === undefined) {
    const variables = plan.variables.map(({ variable, pieces }) => ({
      variable,
      pieces: pieces.map((piece): CapturedPiece => {
        const { offset, size } = piece;
        return registerOf(piece, plan.capture) === undefined ? piece : { offset, size, reason: LOST };
      }),
    }));
    without = { ...plan, variables };
    made.set(plan, without);
  }
  return without;
}

function registerOf({ piece }: CapturedPiece, { pieces }: EventPlan["capture"]): string | undefined {
  const from = piece === undefined ? undefined : pieces[piece];
  return from?.kind === "register" || from?.kind === "float" ? from.register : undefined;
}
