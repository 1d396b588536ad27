/** A checked condition: every node has its Go type, and every implicit step (dereference, promotion) is a node. */
import type { Location } from "../goabi/location.ts";
import type { RuntimeFacts } from "../goabi/runtime/facts.ts";
import type { IsSecretName } from "../goabi/secretNames.ts";
import type { GoType } from "../goabi/type.ts";
import type { Constant } from "./constant.ts";
import type { Span } from "./mark.ts";

/** A parameter or result that a condition may name: without the blank ones. */
export interface ConditionVariable {
  /** `~r0` for an unnamed result. */
  readonly name: string;
  readonly type: GoType;
  /** A parameter: at the entry site; a result: at the return. */
  readonly location: Location;
}

/** What one function offers to a condition. */
export interface ConditionScope {
  readonly func: string;
  readonly params: readonly ConditionVariable[];
  /** All of them, in order; a blank one has the name `_`. */
  readonly results: readonly ConditionVariable[];
  /** The runtime's structures in the program; `labels`: offset of `runtime.g.labels`, absent where unknown. */
  readonly runtime: { readonly facts: RuntimeFacts; readonly labels?: number };
  readonly isSecret: IsSecretName;
  /**
   * Registers that do not hold the caller's values in calls whose stack check failed (probe/capture/lostArguments.ts), and
   * what RBX − RIP is in these. Absent: every call has its parameters.
   */
  readonly lost?: { readonly registers: readonly string[]; readonly cameBack: number };
  /** Memory that is not resident is waited for. */
  readonly waits?: boolean;
}

export type UntypedKind = "bool" | "int" | "rune" | "float" | "string" | "nil";
/** Untyped constants, comparisons, and shifts of untyped constants (Go spec, "Constant expressions"). */
export interface Untyped {
  readonly kind: "untyped";
  readonly of: UntypedKind;
  readonly name: string;
}

interface Common extends Span {
  readonly type: GoType | Untyped;
  /** Needs a result, the duration or a float register of the entry, of which the hit at the entry knows nothing. */
  readonly late: boolean;
  /** Behind the text of the span, what Go lets the user leave out: the embedded fields on the way to a promoted one. */
  readonly implied?: string;
  /** Absent: it is no constant. */
  readonly constant?: Constant;
}

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "&^";
export type CompareOperator = "==" | "!=" | "<" | "<=" | ">" | ">=";

export type Node = Common &
  (
    | { readonly op: "constant"; readonly constant: Constant }
    | { readonly op: "nil" }
    | { readonly op: "variable"; readonly variable: ConditionVariable }
    /** `offset`: bytes into the operand, a struct. */
    | { readonly op: "field"; readonly operand: Node; readonly offset: number }
    | { readonly op: "deref"; readonly operand: Node }
    /** Of an array, slice or string. */
    | { readonly op: "element"; readonly operand: Node; readonly index: Node }
    | { readonly op: "len"; readonly operand: Node }
    | { readonly op: "goid" | "duration" }
    /** A string; empty where the goroutine has no such label. */
    | { readonly op: "label"; readonly key: Uint8Array }
    | { readonly op: "not"; readonly operand: Node }
    | { readonly op: "arithmetic"; readonly operator: ArithmeticOperator; readonly left: Node; readonly right: Node }
    | { readonly op: "shift"; readonly operator: "<<" | ">>"; readonly left: Node; readonly right: Node }
    | { readonly op: "compare"; readonly operator: CompareOperator; readonly left: Node; readonly right: Node }
    /** Of a pointer, slice, map, channel, function or interface. */
    | { readonly op: "isNil"; readonly operand: Node; readonly negated: boolean }
    | { readonly op: "logic"; readonly operator: "&&" | "||"; readonly left: Node; readonly right: Node }
    | {
        readonly op: "search";
        readonly search: "HasPrefix" | "HasSuffix" | "Contains";
        readonly text: Node;
        readonly needle: Node;
      }
    | { readonly op: "convert"; readonly operand: Node }
  );
