/** What a context.Context carries: the chain of package context's own types, walked to its values. */
import type { Entry, Value } from "./api.ts";

export interface ContextChain {
  /** The innermost first, as `ctx.Value` looks them up. */
  readonly entries: readonly Entry[];
  /** The chain ends in Background or TODO; else it goes on where it was not followed, or in a type of others. */
  readonly whole: boolean;
}

/** Go 1.15 to 1.27, src/context/context.go. */
const CONTEXTS =
  /^context\.(valueCtx|cancelCtx|timerCtx|afterFuncCtx|stopCtx|withoutCancelCtx|backgroundCtx|todoCtx|emptyCtx)$/;
/** The field that holds the parent, in every one of these types. */
const PARENTS: ReadonlySet<string> = new Set(["Context", "cancelCtx", "c"]);
const ROOTS: ReadonlySet<string> = new Set(["context.backgroundCtx", "context.todoCtx", "context.emptyCtx"]);

/** Undefined for what is no context of package context. */
export function contextChain(value: Value): ContextChain | undefined {
  const innermost = behind(value);
  if (innermost === undefined || !CONTEXTS.test(innermost.type)) return undefined;
  const entries: Entry[] = [];
  // A tree has no cycles: it ends.
  for (let at: Value | undefined = innermost; at !== undefined && CONTEXTS.test(at.type); at = parentOf(at)) {
    // Before Go 1.21 an emptyCtx was an int.
    if (ROOTS.has(at.type)) return { entries, whole: true };
    const key = fieldOf(at, "key");
    const held = fieldOf(at, "val");
    if (at.type === "context.valueCtx" && key !== undefined && held !== undefined) entries.push({ key, value: held });
  }
  return { entries, whole: false };
}

function parentOf({ fields }: Value): Value | undefined {
  const parent = fields?.find(({ name }) => PARENTS.has(name));
  return parent === undefined ? undefined : behind(parent.value);
}

function fieldOf({ fields }: Value, wanted: string): Value | undefined {
  return fields?.find(({ name }) => name === wanted)?.value;
}

function behind(value: Value): Value | undefined {
  if (value.kind !== "ptr" && value.kind !== "interface") return value;
  return value.elem === undefined ? undefined : behind(value.elem);
}
