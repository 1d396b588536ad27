/** Where a value's bytes stand at one instruction: the common language of DWARF expressions, the ABI and the planner. */

/** `register`: Go ABIInternal (amd64 since 1.17, arm64 since 1.18); `stack`: ABI0, every value in memory. */
export type CallingConvention = "register" | "stack";

export type Place =
  /** Go assembler's name: `RAX`…`R15`, `X0`…`X14` on amd64; `R0`, `F0` on arm64. The low bytes of the register. */
  | { readonly at: "register"; readonly register: string }
  /** Bytes from the CFA; CFA = address just above the return address on amd64, SP at entry on arm64. */
  | { readonly at: "cfa"; readonly offset: number }
  | { readonly at: "unknown"; readonly reason: string };

/** One contiguous run of a value's bytes. */
export interface Piece {
  /** Bytes from the start of the value: padding between fields is skipped, never filled. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly place: Place;
}

/** A value's pieces in memory order; empty for a zero-sized value. */
export type Location = readonly Piece[];
