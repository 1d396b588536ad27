/** Captured values in texts for people. Pure. */
import type { RenderedValue } from "../../engine/api.ts";
import type { Value } from "../../value/api.ts";
import { contextChain } from "../../value/contextChain.ts";
import { type Named, shortText } from "../../value/shortText.ts";
import type { CallRecord } from "../traces/callHistory.ts";

/** The editor asks for trees with every value. */
export function treeOf({ name, value }: RenderedValue): Value {
  if (value === undefined) throw new Error(`the trace gives no tree of ${name}`);
  return value;
}

/** The whole Go value text where it has no more than so many columns, else shortened. */
export function boundedText(value: RenderedValue, columns: number): string {
  return value.text.length <= columns ? value.text : shortText(treeOf(value), columns);
}

export interface CallValue extends Named {
  /** A receiver or a context: it tells little of a call. */
  readonly aside: boolean;
}

/** Arguments, then results, with what they may take of a line at the most. */
export function callValues({ call, results = [] }: Pick<CallRecord, "call" | "results">): CallValue[] {
  return [...call.args, ...results].map((rendered, index) => {
    const { name } = rendered;
    const value = treeOf(rendered);
    // The reason stands in the hover.
    if (value.unavailable !== undefined) return { name, value, aside: false, atMost: "<unavailable>".length };
    if (index === 0 && call.args.length > 0 && METHOD.test(call.func))
      return { name, value, aside: true, atMost: RECEIVER_COLUMNS };
    if (contextChain(value) !== undefined) return { name, value, aside: true, atMost: CONTEXT_COLUMNS };
    return { name, value, aside: false };
  });
}

const RECEIVER_COLUMNS = 16;
const CONTEXT_COLUMNS = 32;
/** `store.(*Store).Put`, `store.Store.Put`; not `store.Put.func1`, which has no receiver. */
const METHOD = /(?:^|\/)[^/.(]+\.(?:\(\*?\w+(?:\[.*\])?\)|\w+(?:\[.*\])?)\.(?!func\d|gowrap\d|deferwrap\d|\d)\w+$/;

/** Says nothing, or no more than that it is there: `&Store{…}`, `context{…}`. */
export function saysNothing(short: string): boolean {
  return /^&*(…|[\w.]*\{…\})$/.test(short);
}

/** `store.(*Store).Put` of `example.com/store.(*Store).Put`. */
export function withoutPath(func: string): string {
  return func.slice(func.replace(/[[(].*/, "").lastIndexOf("/") + 1);
}

/** The package's name in `example.com/store.(*Store).Put`, as source of the package leaves it out in front of types. */
export function packageOf(func: string): string {
  return /^(\w+)\./.exec(withoutPath(func).replace(/[[(].*/, ""))?.[1] ?? "";
}
