/** One call as the lens and the signature show it. Pure. */
import type { RenderedValue } from "../../engine/api.ts";
import { shortTexts } from "../../value/shortText.ts";
import type { CallRecord } from "../traces/callHistory.ts";
import type { ShownCall, ShownValue } from "../traces/traceView.ts";
import { boundedText, type CallValue, callValues, packageOf, saysNothing, treeOf } from "./values.ts";

/** All values in the lens. */
const LENS_COLUMNS = 100;
/** All values beside the code: the signature stands on the same line. */
const BESIDE_COLUMNS = 72;
/** In the lens: `=` and `, ` or ` → `. */
const SEPARATOR = 3;
/** The value's own hover. */
const TEXT_COLUMNS = 2_000;

export function shownCall({ call, results = [] }: CallRecord): ShownCall {
  const own = packageOf(call.func);
  // Results of which none can be known say nothing beside the code; the hover gives the reason.
  const known = results.every((result) => treeOf(result).unavailable !== undefined) ? [] : results;
  const count = call.args.length;
  const values = callValues({ call, results: known });
  const beside = besideTexts(values, own);
  const args = call.args.map((arg, index): ShownValue => {
    const short = beside[index] ?? "";
    return { name: arg.name, text: boundedText(arg, TEXT_COLUMNS), short: saysNothing(short) ? "" : short };
  });
  return {
    line: lensLine(values, count, own),
    args,
    ...(known.length === 0 ? {} : { results: together(known, tuple(beside.slice(count))) }),
  };
}

/** Receivers and contexts have what the others leave. */
function besideTexts(values: readonly CallValue[], ownPackage: string): string[] {
  const texts = new Map<CallValue, string>();
  let left = BESIDE_COLUMNS;
  for (const aside of [false, true]) {
    const group = values.filter((value) => value.aside === aside);
    const unnamed = group.map((value) => ({ ...value, name: "" }));
    for (const [index, text] of shortTexts(unnamed, left, 0, ownPackage).entries()) {
      texts.set(group[index]!, text);
      left -= text.length;
    }
  }
  return values.map((value) => texts.get(value) ?? "");
}

/**
 * `values`: the arguments, `count` of them, then the results. Receivers and contexts only where there is room for all
 * that is there.
 */
function lensLine(values: readonly CallValue[], count: number, ownPackage: string): string {
  const line = (shown: readonly CallValue[], args: number): string => {
    const named = shown.map((value, index) => (index < args ? value : { ...value, name: "" }));
    const texts = shortTexts(named, LENS_COLUMNS, SEPARATOR, ownPackage);
    const argTexts = named.slice(0, args).map(({ name }, index) => `${name}=${texts[index]}`);
    const results = tuple(texts.slice(args));
    return [argTexts.join(", "), results === "" ? "" : `→ ${results}`].filter((text) => text !== "").join(" ");
  };
  const all = line(values, count);
  if (!all.includes("…")) return all;
  const telling = values.filter(({ aside }, index) => index >= count || !aside);
  return line(telling, count - (values.length - telling.length));
}

function together(results: readonly RenderedValue[], short: string): ShownValue {
  const texts = results.map((result) => {
    const text = boundedText(result, TEXT_COLUMNS);
    return result.name.startsWith("~") ? text : `${result.name}=${text}`;
  });
  return { name: "", text: tuple(texts), short };
}

function tuple(texts: readonly string[]): string {
  return texts.length > 1 ? `(${texts.join(", ")})` : (texts[0] ?? "");
}
