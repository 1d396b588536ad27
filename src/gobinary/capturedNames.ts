/**
 * The source's names for what a closure object holds. They are believed where there are as many of them, each that the
 * binary knows too is the same, and the declared types can be those of what is held. Where the source is proved to be the
 * program's, they also tell which variables DWARF leaves out, and that there are no others.
 */
import type { ClosureVariable, FuncInfo } from "../goabi/resolver.ts";
import type { GoType } from "../goabi/type.ts";
import type { CapturedList, CapturedName } from "./api.ts";
import { type CaptureMode, UNLISTED, unknownVariable } from "./debuginfo/closureVariables.ts";

type Func = Extract<FuncInfo, { captured: unknown }>;

export function withNames(info: Func, list: CapturedList | undefined): Func {
  if (list === undefined) return info;
  const { names } = list;
  const { captured } = info;
  const isTold = captured.every(({ name, held }) => name !== "" || held !== undefined);
  if (list.proved && (!isTold || info.missing !== undefined)) return completed(info, names) ?? info;
  if (info.missing !== undefined || names.length !== captured.length || !isTold) return info;
  // Up to Go 1.20 the object's type has the names; the compiler met the variables in another order than today's.
  const hasNames = captured.every(({ name }) => name !== "");
  const own = hasNames ? captured.map(({ name }) => names.find((other) => other.name === name)) : names;
  const agrees = captured.every(({ name, held }, index) => {
    const other = own[index];
    if (other === undefined || (name !== "" && name !== other.name)) return false;
    return held === undefined || !contradicts(held, other.type);
  });
  return agrees ? { ...info, captured: captured.map((variable, index) => named(variable, own[index]!)) } : info;
}

/**
 * With the variables that DWARF leaves out, at their places in the order; these are not known otherwise. Undefined where
 * the two lists do not fit: each that DWARF has stands in the source's list, in the same order, and others stand where
 * there is a hole, and nowhere else. That they are `missing` says that there may be one at the end.
 */
function completed({ name, captured, missing }: Func, names: readonly CapturedName[]): Func | undefined {
  const all: ClosureVariable[] = [];
  let hole: ClosureVariable | undefined;
  const fill = (left: readonly CapturedName[], offset: number): boolean => {
    if (left.length > 0 !== (hole !== undefined)) return false;
    for (const unlisted of left) all.push({ name: unlisted.name, type: UNLISTED, offset, byReference: false });
    hole = undefined;
    return true;
  };
  if (captured.length === 0 || new Set(names.map((each) => each.name)).size < names.length) return undefined;
  let next = 0;
  for (const variable of captured) {
    if (variable.held !== undefined) return undefined;
    if (variable.name === "") {
      hole = variable;
      continue;
    }
    const at = names.findIndex((each, index) => index >= next && each.name === variable.name);
    if (at < 0 || !fill(names.slice(next, at), hole?.offset ?? 0)) return undefined;
    all.push(variable);
    next = at + 1;
  }
  const rest = names.slice(next);
  const end = hole?.offset ?? all.at(-1)?.offset ?? 0;
  if (missing !== undefined && rest.length > 0) hole ??= { name: "", type: UNLISTED, offset: end, byReference: false };
  return fill(rest, end) ? { name, captured: all } : undefined;
}

function named(variable: ClosureVariable, { name, type }: CapturedName): ClosureVariable {
  const { held, offset } = variable;
  if (held === undefined) return variable;
  const mode = modeOf(held, type);
  if (mode === "value") return { name, type: held, offset, byReference: false };
  if (mode === "reference" && held.kind === "ptr") return { name, type: held.elem, offset, byReference: true };
  const reason = "neither the binary nor its source tells whether it is captured by reference";
  return { ...variable, name, type: unknownVariable(reason) };
}

/** Types that are written out and are no pointers, whatever stands in them: their kinds. */
const COMPOSITE: Readonly<Record<string, GoType["kind"]>> = {
  array_type: "array",
  slice_type: "slice",
  map_type: "map",
  channel_type: "chan",
  function_type: "func",
  interface_type: "interface",
  struct_type: "struct",
};

/** Names of types that are their kinds', unless somebody declares them anew. */
const PREDECLARED = /^(?:u?int(?:8|16|32|64)?|uintptr|float(?:32|64)|complex(?:64|128)|string|bool)$/;

/** Whether neither a variable of the declared type nor its address can be what is held. */
function contradicts(held: GoType, declared: CapturedName["type"]): boolean {
  if (declared === undefined) return false;
  const { text, syntax } = declared;
  if (syntax === "pointer_type") return held.kind !== "ptr";
  const kind = PREDECLARED.test(text) ? text : COMPOSITE[syntax];
  return kind !== undefined && held.kind !== kind && !(held.kind === "ptr" && held.elem.kind === kind);
}

/**
 * Whether the object holds the variable or its address. Only an unnamed pointer can be an address; whether it is one, the
 * declared type tells, if it is that of the variable: a name may stand for a pointer type.
 */
function modeOf(held: GoType, declared: CapturedName["type"]): CaptureMode | undefined {
  if (held.kind !== "ptr" || held.named) return "value";
  if (declared === undefined) return undefined;
  if (COMPOSITE[declared.syntax] !== undefined) return "reference";
  const { elem } = held;
  if (declared.syntax === "pointer_type") {
    const target = declared.text.slice(1).trim();
    if (elem.kind === "ptr" && !elem.named) return isCalled(elem.elem, target) ? "reference" : undefined;
    return isCalled(elem, target) ? "value" : undefined;
  }
  return isCalled(elem, declared.text) ? "reference" : undefined;
}

/** `main.Point` is called `Point` in its package. */
function isCalled({ name }: GoType, text: string): boolean {
  return name === text || name.slice(name.lastIndexOf(".") + 1) === text.slice(text.lastIndexOf(".") + 1);
}
