/** The types that a condition needs besides the program's own, and what may be done with values of a type. */
import { SCALAR_LAYOUTS } from "../goabi/layout.ts";
import type { GoType, ScalarKind } from "../goabi/type.ts";
import { integerType } from "./constant.ts";
import type { Span } from "./mark.ts";
import type { Node, Untyped, UntypedKind } from "./tree.ts";

export function predeclared(kind: ScalarKind): GoType {
  return { kind, name: kind, named: false, ...SCALAR_LAYOUTS[kind] };
}
export function untyped(of: UntypedKind): Untyped {
  return { kind: "untyped", of, name: of === "nil" ? "untyped nil" : `untyped ${of}` };
}
export const BOOL = predeclared("bool");
export const INT = predeclared("int");
export const STRING = predeclared("string");
export const DURATION: GoType = { ...predeclared("int64"), name: "time.Duration", named: true };
export function at({ start, end }: Span): Span {
  return { start, end };
}
export function isUntyped(type: GoType | Untyped, of: UntypedKind): boolean {
  return type.kind === "untyped" && type.of === of;
}
export function isBoolean(type: GoType | Untyped): boolean {
  return type.kind === "bool" || isUntyped(type, "bool");
}
export function isInteger(type: GoType | Untyped): boolean {
  return type.kind === "untyped" ? type.of === "int" || type.of === "rune" : integerType(type) !== undefined;
}
export function isNumeric(type: GoType | Untyped): boolean {
  return (
    isInteger(type) || isUntyped(type, "float") || ["float32", "float64", "complex64", "complex128"].includes(type.kind)
  );
}
/** By name: the program's types come from one binary, where a linker name is one type. */
export function identical(a: GoType, b: GoType): boolean {
  return a.kind === b.kind && (a.linkName ?? a.name) === (b.linkName ?? b.name);
}
export function describe({ type, constant }: Node): string {
  if (type.kind === "untyped")
    return type.of === "nil" ? "nil" : `${article(type.name)} ${constant === undefined ? "value" : "constant"}`;
  return `a value of type ${type.name}`;
}
function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}
