/**
 * Integer constant expressions, for array lengths. What is not plainly understood has no value: the caller then knows
 * that it does not know the length.
 */

import { SCALAR_LAYOUTS } from "../../goabi/layout.ts";
import { isRefusal, type Refusal, refuse } from "../../goabi/refusal.ts";
import type { ScalarKind } from "../../goabi/type.ts";
import type { ConstExpr, TypeExpr } from "../syntax/syntax.ts";

/** Typed constants wrap checks and `^` differ by type; `type` is undefined for an untyped one. */
export interface ConstValue {
  readonly value: bigint | number;
  readonly type: ScalarKind | undefined;
  /** For `len`. */
  readonly stringBytes?: number;
}

export type ConstResult = ConstValue | Refusal;

/** What a name inside a constant expression means. */
export interface ConstScope {
  /** The value of a named constant. */
  constant(qualifier: string | undefined, name: string, depth: number): ConstResult | undefined;
  /** The basic kind underlying a type that a constant is converted to. */
  basicKind(type: TypeExpr): ScalarKind | undefined;
  /** For `unsafe.Sizeof`. */
  sizeOf(type: TypeExpr): number | undefined;
  /** For `len` of an array literal. */
  arrayLength(type: TypeExpr): number | undefined;
  isUnsafe(qualifier: string): boolean;
}

/** Chains of constants that name each other are short; a cycle is not valid Go. */
const MAX_DEPTH = 60;
/** No array is longer than 2^50 bytes; intermediate values may be wider, as in `1<<64 - 1`. */
const MAX_BITS = 512n;
const MAX_VALUE = 1n << MAX_BITS;

export function evaluateConst(expr: ConstExpr, iota: number | undefined, scope: ConstScope, depth = 0): ConstResult {
  if (depth > MAX_DEPTH) return refuse("constants refer to each other");
  const sub = (inner: ConstExpr): ConstResult => evaluateConst(inner, iota, scope, depth + 1);
  switch (expr.kind) {
    case "int":
      return bounded(expr.value, undefined);
    case "float":
      return untypedNumber(expr.value);
    case "string":
      return { value: 0n, type: "string", stringBytes: expr.bytes };
    case "iota":
      return iota === undefined ? refuse("iota outside a constant") : { value: BigInt(iota), type: undefined };
    case "name":
      return (
        scope.constant(expr.qualifier, expr.name, depth + 1) ??
        refuse(`${expr.qualifier === undefined ? "" : `${expr.qualifier}.`}${expr.name} is no known constant`)
      );
    case "unary": {
      const operand = sub(expr.operand);
      return isRefusal(operand) ? operand : unary(expr.operator, operand);
    }
    case "binary": {
      const left = sub(expr.left);
      if (isRefusal(left)) return left;
      const right = sub(expr.right);
      return isRefusal(right) ? right : binary(expr.operator, left, right);
    }
    case "call":
      return call(expr.callee, expr.args, sub, scope);
    case "literal":
      return refuse("a composite literal is no constant");
    case "bad":
      return refuse(expr.reason);
  }
}

/** The value converted to a named or basic type, as `const X T = …` does. */
export function convertConst(value: ConstResult, kind: ScalarKind | undefined): ConstResult {
  if (isRefusal(value)) return value;
  if (kind === undefined) return refuse("its type is not known");
  if (kind === "string") {
    return value.stringBytes === undefined ? refuse("a number made a string") : value;
  }
  if (value.stringBytes !== undefined) return refuse("a string made a number");
  if (kind === "float32" || kind === "float64") return { value: Number(value.value), type: kind };
  if (!isInteger(kind)) return refuse(`a constant of type ${kind}`);
  const integer = toInteger(value.value);
  return integer === undefined ? refuse("a fraction made an integer") : ranged(integer, kind);
}

/** An array length: a non-negative integer. */
export function toLength(value: ConstResult): number | Refusal {
  if (isRefusal(value)) return value;
  const integer = value.stringBytes === undefined ? toInteger(value.value) : undefined;
  if (integer === undefined || integer < 0n || integer > BigInt(Number.MAX_SAFE_INTEGER)) {
    return refuse("it is no valid length");
  }
  return Number(integer);
}

function call(
  callee: ConstExpr,
  args: readonly ConstExpr[],
  sub: (inner: ConstExpr) => ConstResult,
  scope: ConstScope,
): ConstResult {
  const argument = args[0];
  if (callee.kind !== "name" || argument === undefined || args.length !== 1) return refuse("a call");
  if (callee.qualifier !== undefined && scope.isUnsafe(callee.qualifier)) {
    const type = callee.name === "Sizeof" ? typeOfOperand(argument) : undefined;
    const size = type === undefined ? undefined : scope.sizeOf(type);
    return size === undefined ? refuse(`unsafe.${callee.name}`) : { value: BigInt(size), type: "uintptr" };
  }
  if (callee.qualifier === undefined && callee.name === "len") {
    if (argument.kind === "literal") {
      const length = scope.arrayLength(argument.type);
      return length === undefined ? refuse("len") : { value: BigInt(length), type: "int" };
    }
    const text = sub(argument);
    if (isRefusal(text)) return text;
    return text.stringBytes === undefined ? refuse("len") : { value: BigInt(text.stringBytes), type: "int" };
  }
  const kind = scope.basicKind({ kind: "name", qualifier: callee.qualifier, name: callee.name, args: [] });
  return kind === undefined ? refuse(`a call of ${callee.name}`) : convertConst(sub(argument), kind);
}

/** `T{…}` and `T(x)`: the expressions whose type stands in the text. */
function typeOfOperand(expr: ConstExpr): TypeExpr | undefined {
  if (expr.kind === "literal") return expr.type;
  if (expr.kind !== "call" || expr.callee.kind !== "name" || expr.args.length !== 1) return undefined;
  return { kind: "name", qualifier: expr.callee.qualifier, name: expr.callee.name, args: [] };
}

function unary(operator: string, { value, type, stringBytes }: ConstValue): ConstResult {
  if (stringBytes !== undefined) return refuse(`${operator} of a string`);
  if (operator === "+") return { value, type };
  if (operator === "-") return typeof value === "number" ? { value: -value, type } : bounded(-value, type);
  if (operator !== "^" || typeof value === "number") return refuse(`the operator ${operator}`);
  // Of an unsigned type: all bits of the type inverted; else -1 ^ x (specification, "Constant expressions").
  if (type?.startsWith("u") && isInteger(type)) {
    return { value: value ^ ((1n << BigInt(SCALAR_LAYOUTS[type].size * 8)) - 1n), type };
  }
  return bounded(-1n ^ value, type);
}

function binary(operator: string, left: ConstValue, right: ConstValue): ConstResult {
  if (left.stringBytes !== undefined || right.stringBytes !== undefined) {
    return operator === "+" && left.stringBytes !== undefined && right.stringBytes !== undefined
      ? { value: 0n, type: "string", stringBytes: left.stringBytes + right.stringBytes }
      : refuse(`the operator ${operator} on strings`);
  }
  if (operator === "<<" || operator === ">>") return shift(operator, left, right);
  const type = left.type ?? right.type;
  if (typeof left.value === "number" || typeof right.value === "number" || type === "float32" || type === "float64") {
    return floats(operator, Number(left.value), Number(right.value), type);
  }
  const value = integers(operator, left.value, right.value);
  return value === undefined ? refuse(`the operator ${operator}`) : bounded(value, type);
}

function integers(operator: string, a: bigint, b: bigint): bigint | undefined {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return b === 0n ? undefined : a / b;
    case "%":
      return b === 0n ? undefined : a % b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "&^":
      return a & ~b;
    default:
      return undefined;
  }
}

/** Go computes untyped floats exactly; a double is the same only while it stays a safe integer. */
function floats(operator: string, a: number, b: number, type: ScalarKind | undefined): ConstResult {
  const value = { "+": a + b, "-": a - b, "*": a * b, "/": a / b }[operator];
  return value === undefined || !Number.isSafeInteger(value) || !Number.isSafeInteger(a) || !Number.isSafeInteger(b)
    ? refuse("a floating-point computation")
    : { value, type };
}

function shift(operator: "<<" | ">>", left: ConstValue, right: ConstValue): ConstResult {
  const value = toInteger(left.value);
  const count = toInteger(right.value);
  if (value === undefined || count === undefined || count < 0n || count > MAX_BITS) return refuse("a shift");
  return bounded(operator === "<<" ? value << count : value >> count, left.type);
}

function bounded(value: bigint, type: ScalarKind | undefined): ConstResult {
  if (value > MAX_VALUE || value < -MAX_VALUE) return refuse("the number is too large");
  return type === undefined || !isInteger(type) ? { value, type } : ranged(value, type);
}

function ranged(value: bigint, kind: ScalarKind): ConstResult {
  const bits = BigInt(SCALAR_LAYOUTS[kind].size * 8);
  const [low, high] = kind.startsWith("u") ? [0n, 1n << bits] : [-(1n << (bits - 1n)), 1n << (bits - 1n)];
  return value >= low && value < high ? { value, type: kind } : refuse(`the value overflows ${kind}`);
}

function untypedNumber(value: number): ConstResult {
  return { value, type: undefined };
}

function toInteger(value: bigint | number): bigint | undefined {
  if (typeof value === "bigint") return value;
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function isInteger(kind: ScalarKind): boolean {
  return /^u?int(8|16|32|64|ptr)?$/.test(kind);
}
