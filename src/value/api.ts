/** What decoding gives: one tree for each value. */
import type { GoType } from "../goabi/type.ts";

/**
 * One value as a tree, the `--values` form; its text is written from it (`text.ts`). Which parts are there depends on
 * the kind.
 */
export interface Value {
  /** As `fmt`'s `%T` prints it. */
  readonly type: string;
  /** reflect.Kind's name. */
  readonly kind: GoType["kind"];
  /** Scalars, times, funcs (the function's name), byte slices that read well as text. Without a cut's mark. */
  readonly text?: string;
  readonly len?: number;
  readonly cap?: number;
  /** Channels. */
  readonly closed?: true;
  readonly nil?: true;
  /** Pointers, hexadecimal. */
  readonly address?: string;
  /** What a pointer points to, what an interface holds, a method value's receiver. */
  readonly elem?: Value;
  /** Slices, arrays, channels in receive order. */
  readonly elems?: readonly Value[];
  /** Structs; a closure's captured variables. */
  readonly fields?: readonly Field[];
  /** Maps, sorted by the key's text, then the value's. */
  readonly entries?: readonly Entry[];
  /** Bytes, elements or entries that are left out because of a limit on their number. */
  readonly cut?: number;
  /** Why the value cannot be shown; beside `elems` or `entries`: why the others of them cannot. */
  readonly unavailable?: string;
  readonly redacted?: true;
}

export interface Field {
  readonly name: string;
  readonly value: Value;
}

export interface Entry {
  readonly key: Value;
  readonly value: Value;
}
