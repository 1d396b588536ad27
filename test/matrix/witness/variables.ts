/** What a witness says about a function's parameters and results. */

export interface WitnessPiece {
  /** Bytes; undefined: the whole value. */
  readonly size: number | undefined;
  /** `RAX`, `X0`, `CFA+8`; undefined: optimised away; `? …`: an expression of another kind. */
  readonly place: string | undefined;
}
export interface WitnessVariable {
  readonly name: string;
  readonly isResult: boolean;
  readonly typeName: string;
  /** Bytes; undefined where the type has no size. */
  readonly typeSize: number | undefined;
  /** At the entry; undefined: no location list entry holds the entry. */
  readonly location: readonly WitnessPiece[] | undefined;
}
export interface WitnessFunction {
  readonly name: string;
  readonly entry: number;
  readonly declLine: number | undefined;
  readonly variables: readonly WitnessVariable[];
}
