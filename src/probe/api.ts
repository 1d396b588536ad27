/** What the planner gives for one function: where values live, where to probe, what to copy. Pure data. */

import type { Arch } from "../arch/arch.ts";
import type { Refusal } from "../goabi/refusal.ts";
import type { IsSecretName } from "../goabi/secretNames.ts";
import type { DictionaryData, GoFunction, InlinedCall, PlacedVariable, SignatureResult } from "../gobinary/api.ts";
import type { CaptureRegister, RootPiece } from "../protocol/capture.ts";
import type { Mask } from "../protocol/captureTypes.ts";
import type { ProbeSpec } from "../protocol/helperApi.ts";
import type { ContextRequest } from "./capture/context.ts";
import type { ShapeSlot } from "./capture/shape.ts";
import type { CaptureLimits } from "./limits.ts";

export { type CaptureLimits, DEFAULT_LIMITS, RUNE_TAIL } from "./limits.ts";

export interface ProbeSite {
  /** Virtual address in the file. */
  readonly address: number;
  /** File offset. */
  readonly offset: number;
  /** `emulated`: the kernel emulates the instruction (cheap); `stepped`: it is single-stepped out of line. */
  readonly kind: "emulated" | "stepped";
  /** Disassembly, Go-neutral (Intel syntax as iced-x86 formats it). */
  readonly instruction: string;
  /** The instruction's bytes, hex. */
  readonly expected: string;
  /** CFA − RSP at this instruction, bytes. */
  readonly cfaOffset: number;
  /** The stack check's `jbe`: a hit that takes the branch is not a call. */
  readonly skipIfBelowOrEqual: boolean;
  /** Where the thread is behind the instruction (ProbeSpec.resume); absent: not known. */
  readonly resume?: NonNullable<ProbeSpec["resume"]>;
  /** Float registers (`X0`, …) that the instruction writes: the signal frame shows what they are then. */
  readonly changesFloats: readonly string[];
  /**
   * Behind a stack check: of the registers that arguments stand in, those that it brings back after it failed; the others
   * hold the caller's values only in calls whose check did not fail. Absent: all of them do in every call.
   */
  readonly restored?: readonly string[];
  /** Where runtime.morestack comes back to, in the file: this register has it at the site, in calls whose check failed. */
  readonly cameBack?: { readonly register: CaptureRegister; readonly address: number };
  /** Predicted cost of one hit to the target, nanoseconds (docs/performance.md's table). */
  readonly predictedNs: number;
}

/** One variable of an event: which bytes of the root area make it up. */
export interface CapturedVariable {
  readonly variable: PlacedVariable;
  readonly pieces: readonly CapturedPiece[];
}
export interface CapturedPiece {
  /** Bytes from the start of the value. */
  readonly offset: number;
  readonly size: number;
  /** Where in the root area; absent: was not captured, see `reason`. */
  readonly root?: number;
  /** Index of the plan's piece, for `RawEvent.failedPieces`. */
  readonly piece?: number;
  /** `in FP register`, `optimised away`, … */
  readonly reason?: string;
  /** Stands in a float register, which the signal frame has. */
  readonly float?: true;
}

/** What one event copies, before the session numbers the types that its pointers lead to (captureTypes.ts). */
export interface PlannedCapture {
  readonly pieces: readonly RootPiece[];
  /** So many of the slots are followed to their ends before the others: values must leave room for the context. */
  readonly earlySlots?: number;
  /** Pointer words of the root area. */
  readonly slots: readonly ShapeSlot[];
  /** Bytes of the root area that are secret. */
  readonly masks: readonly Mask[];
  /** Of generic functions: slots and masks for calls whose dictionary is known. */
  readonly dictionary?: PlannedDictionary;
}

export interface PlannedDictionary {
  /** Where in the root area its address is. */
  readonly at: number;
  /** By the dictionary's address in the file; their pieces are the same. Finding them takes time. */
  variants(): readonly { readonly address: number; readonly capture: PlannedCapture }[];
}

/** A probe as the helper gets it, but for the types of what it copies. */
export type PlannedProbe = Omit<ProbeSpec, "plan"> & { readonly plan: PlannedCapture };

export interface EventPlan {
  readonly capture: PlannedCapture;
  /** In source order, blank ones left out. */
  readonly variables: readonly CapturedVariable[];
  /** Words of the call's context (context.ts): byte offsets in the root area. */
  readonly context?: ReadonlyMap<CaptureRegister, number>;
}

/** A call of a generic function with the types that its dictionary gives. */
export interface Instance {
  /** Of the dictionary, in the file. */
  readonly address: number;
  readonly call: EventPlan;
  readonly return: EventPlan;
}

export interface GenericPlan {
  /** Where an event has the dictionary's address: absent where it has none. */
  readonly dictionary: { readonly call: WordPlace; readonly return?: WordPlace };
  /** Undefined where this is no dictionary of the function. */
  instance(address: number): Instance | undefined;
}

/** A word of the root area, and its piece among those of the plan. */
export interface WordPlace {
  readonly root: number;
  readonly piece: number;
}

export interface FunctionPlan {
  readonly fn: GoFunction;
  readonly params: readonly PlacedVariable[];
  readonly results: readonly PlacedVariable[];
  /** Why there may be more results than these, a clause. */
  readonly missingResults?: string;
  /** Absent where the function has no code of its own: every call was inlined. */
  readonly entry?: ProbeSite;
  /** Every `ret`; empty for functions that never return. */
  readonly returns: readonly ProbeSite[];
  /** A jump leads out of it (a tail call): such a call ends in the `ret` of another function. */
  readonly jumpsAway?: boolean;
  readonly call: EventPlan;
  readonly return: EventPlan;
  /** Where types are the dictionary's to tell: `call` and `return` are for calls of which it is not known. */
  readonly generic?: GenericPlan;
  /** Calls that were inlined, as far as they were looked at. */
  readonly inlinedCalls: readonly InlinedCallPlan[];
}

/** Of a function with code. */
export interface CodePlan extends FunctionPlan {
  readonly entry: ProbeSite;
}

/** One inlined call, with the probe that sees it or the reason why none can. */
export type InlinedCallPlan =
  | { readonly call: InlinedCall; readonly site: ProbeSite; readonly plan: EventPlan }
  | ({ readonly call: InlinedCall } & Refusal);

/** Why the value of a register (`RAX`, …, `X0`, …) cannot be had, a clause; undefined: a hit or its signal frame has it. */
export type RegisterRefusal = (register: string) => string | undefined;

export interface PlanInput {
  readonly fn: GoFunction;
  readonly arch: Arch;
  readonly signature: SignatureResult;
  /** The function's machine code, from `entry` to `end`. */
  readonly code: Uint8Array;
  readonly limits: CaptureLimits;
  readonly isSecret: IsSecretName;
  /** Copied with each call. */
  readonly context?: ContextRequest;
  /** Why no float register is read; absent: they are. */
  readonly noFloats?: string;
  /** For signatures with types that only a dictionary tells. */
  readonly dictionaries?: DictionaryData;
}
export type PlanResult =
  | { readonly ok: true; readonly plan: CodePlan }
  /** Not traceable; `reason` is a clause for `why`. */
  | Refusal;
