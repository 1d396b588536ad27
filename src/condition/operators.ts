/** Operators and untyped values, by the rules of the Go spec ("Operators", "Constant expressions"). */
import type { GoType } from "../goabi/type.ts";
import {
  type Constant,
  compareBytes,
  compareNumbers,
  compute,
  fitsInteger,
  floatBits,
  integer,
  integerType,
  type NumberConstant,
} from "./constant.ts";
import { ConditionFailure } from "./failure.ts";
import type { Span } from "./mark.ts";
import type { Expr } from "./parser.ts";
import type { ArithmeticOperator, CompareOperator, Node, Untyped, UntypedKind } from "./tree.ts";
import {
  at,
  describe,
  INT,
  identical,
  isBoolean,
  isInteger,
  isNumeric,
  isUntyped,
  predeclared,
  untyped,
} from "./types.ts";

/** For the operands of one condition, whose text its messages quote. All throw a ConditionFailure. */
export class Operators {
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The value as one of this type: an untyped one becomes it, any other is of it already. */
  settled(node: Node, type: GoType): Node {
    if (node.type.kind !== "untyped") return node;
    const { of } = node.type;
    const span = { start: node.start, end: node.end };
    const mismatch = (): ConditionFailure =>
      new ConditionFailure(node, `${this.quoted(node)} is ${describe(node)} and cannot be used as ${type.name}`);
    if (of === "nil") throw mismatch();
    if (of === "bool" || of === "string") {
      if (type.kind !== of) throw mismatch();
      return { ...node, type };
    }
    const whole = integerType(type);
    if (node.constant?.kind === "number") {
      if (type.kind === "float32" || type.kind === "float64") {
        if (floatBits(node.constant, type.size === 4 ? 4 : 8) === undefined)
          throw this.overflow(span, node.constant, type);
      } else if (whole === undefined) throw mismatch();
      else if (node.constant.denominator !== 1n) {
        throw new ConditionFailure(
          span,
          `${this.quoted(span)} is not a whole number, and ${type.name} holds only those`,
        );
      } else if (!fitsInteger(node.constant.numerator, whole)) throw this.overflow(span, node.constant, type);
      return { op: "constant", constant: node.constant, type, late: false, ...span };
    }
    // A shift whose left operand is an untyped constant (Go spec, "Operators"): that operand takes the type.
    if (whole === undefined)
      throw new ConditionFailure(
        span,
        `the shifted operand of ${this.quoted(span)} must be of an integer type, not ${type.name}`,
      );
    if (node.op === "shift") return { ...node, left: this.settled(node.left, type), type };
    if (node.op === "arithmetic") {
      return { ...node, left: this.settled(node.left, type), right: this.settled(node.right, type), type };
    }
    throw mismatch();
  }

  unary({ operator, ...span }: Extract<Expr, { kind: "unary" }>, operand: Node): Node {
    if (operator === "!") {
      if (!isBoolean(operand.type)) throw this.wrongOperand(operator, operand);
      const { constant } = operand;
      if (constant?.kind === "bool")
        return {
          op: "constant",
          constant: { kind: "bool", value: !constant.value },
          type: operand.type,
          late: false,
          ...at(span),
        };
      return { op: "not", operand, type: operand.type, late: operand.late, ...at(span) };
    }
    if (!isNumeric(operand.type)) throw this.wrongOperand(operator, operand);
    if (operator === "^" && !isInteger(operand.type)) throw this.wrongOperand(operator, operand);
    if (operator === "+") return { ...operand, ...at(span) };
    if (operand.constant?.kind === "number") {
      const unsigned = operand.type.kind === "untyped" ? undefined : integerType(operand.type);
      // ^x of an unsigned constant has the bits of its type only (Go spec, "Constant expressions").
      const all = operator === "^" && unsigned?.signed === false ? (1n << BigInt(unsigned.bits)) - 1n : -1n;
      const value =
        operator === "-"
          ? compute("-", integer(0n), operand.constant, false)
          : compute("^", operand.constant, integer(all), true);
      return this.constant(value, operand.type, span);
    }
    this.refuseFloat(operand, span);
    const zero: Node = {
      op: "constant",
      constant: integer(operator === "-" ? 0n : -1n),
      type: untyped("int"),
      late: false,
      ...at(span),
    };
    const left = operand.type.kind === "untyped" ? zero : { ...zero, type: operand.type };
    return {
      op: "arithmetic",
      operator: operator === "-" ? "-" : "^",
      left,
      right: operand,
      type: operand.type,
      late: operand.late,
      ...at(span),
    };
  }

  binary(expr: Extract<Expr, { kind: "binary" }>, left: Node, right: Node): Node {
    const { operator } = expr;
    const span = { start: expr.start, end: expr.end };
    const late = left.late || right.late;
    if (operator === "&&" || operator === "||") {
      for (const side of [left, right]) if (!isBoolean(side.type)) throw this.wrongOperand(operator, side);
      const [l, r] = this.matched(left, right, expr);
      if (l.constant?.kind === "bool" && r.constant?.kind === "bool") {
        const value = operator === "&&" ? l.constant.value && r.constant.value : l.constant.value || r.constant.value;
        return { op: "constant", constant: { kind: "bool", value }, type: l.type, late: false, ...span };
      }
      return { op: "logic", operator, left: l, right: r, type: l.type, late, ...span };
    }
    if (operator === "<<" || operator === ">>") return this.shift(operator, left, right, span);
    if (["==", "!=", "<", "<=", ">", ">="].includes(operator))
      return this.compare(operator as CompareOperator, left, right, expr);
    const [l, r] = this.matched(left, right, expr);
    if (operator === "+" && (l.type.kind === "string" || isUntyped(l.type, "string"))) {
      if (l.constant?.kind === "string" && r.constant?.kind === "string") {
        const value = Uint8Array.from([...l.constant.value, ...r.constant.value]);
        return { op: "constant", constant: { kind: "string", value }, type: l.type, late: false, ...span };
      }
      throw new ConditionFailure(span, "strings are compared, not joined", "Compare the parts");
    }
    const wholeOnly = !["+", "-", "*", "/"].includes(operator);
    for (const side of [l, r])
      if (!(wholeOnly ? isInteger(side.type) : isNumeric(side.type))) throw this.wrongOperand(operator, side);
    if (
      (operator === "/" || operator === "%") &&
      r.constant?.kind === "number" &&
      r.constant.numerator === 0n &&
      (l.constant !== undefined || isInteger(l.type))
    ) {
      throw new ConditionFailure(expr.right, "division by zero");
    }
    if (l.constant?.kind === "number" && r.constant?.kind === "number") {
      return this.constant(compute(operator, l.constant, r.constant, isInteger(l.type)), l.type, span);
    }
    this.refuseFloat(l, span);
    return {
      op: "arithmetic",
      operator: operator as ArithmeticOperator,
      left: l,
      right: r,
      type: l.type,
      late,
      ...span,
    };
  }

  /** Floats are compared, not computed with. */
  private refuseFloat(node: Node, span: Span): void {
    if (isInteger(node.type)) return;
    throw new ConditionFailure(
      span,
      "floats are compared, not computed with, in a condition",
      "Move the computation to the constant's side",
    );
  }

  private shift(operator: "<<" | ">>", leftOperand: Node, rightOperand: Node, span: Span): Node {
    let right = rightOperand;
    if (right.type.kind === "untyped") {
      if (right.constant?.kind === "number" && right.constant.numerator < 0n)
        throw new ConditionFailure(right, "a negative shift count");
      right = this.settled(right, right.constant === undefined ? INT : predeclared("uint"));
    } else if (!isInteger(right.type))
      throw new ConditionFailure(right, `the shift count is ${describe(right)}, not an integer`);
    if (right.constant?.kind === "number" && right.constant.numerator < 0n)
      throw new ConditionFailure(right, "a negative shift count");
    let left = leftOperand;
    if (left.constant?.kind === "number" && left.type.kind === "untyped") {
      // Shifting 1.0 shifts the integer 1.
      if (left.constant.denominator !== 1n) throw this.wrongOperand(operator, left);
      if (left.type.of === "float") left = { ...left, type: untyped("int") };
    } else if (!isInteger(left.type)) throw this.wrongOperand(operator, left);
    if (left.constant?.kind === "number" && right.constant?.kind === "number") {
      return this.constant(compute(operator, left.constant, right.constant, true), left.type, span);
    }
    return { op: "shift", operator, left, right, type: left.type, late: left.late || right.late, ...span };
  }

  private compare(operator: CompareOperator, left: Node, right: Node, expr: Extract<Expr, { kind: "binary" }>): Node {
    const span = { start: expr.start, end: expr.end };
    const equality = operator === "==" || operator === "!=";
    const late = left.late || right.late;
    if (left.op === "nil" || right.op === "nil") {
      const operand = left.op === "nil" ? right : left;
      if (!equality || operand.op === "nil")
        throw new ConditionFailure(expr.operatorAt, `nil cannot be compared with ${operator} here`);
      if (!NILABLE.has(operand.type.kind))
        throw new ConditionFailure(operand, `${this.quoted(operand)} is ${describe(operand)}, which is never nil`);
      return { op: "isNil", operand, negated: operator === "!=", type: untyped("bool"), late, ...span };
    }
    let [l, r] = this.matched(left, right, expr);
    if (l.type.kind === "untyped" && l.constant === undefined && r.constant === undefined && l.type.of !== "bool") {
      [l, r] = [this.settled(l, INT), this.settled(r, INT)];
    } else if (
      l.type.kind === "untyped" &&
      l.type.of !== "bool" &&
      (l.constant === undefined || r.constant === undefined)
    ) {
      // A constant beside a shift of a constant: both become int (Go spec, the default type).
      [l, r] = [this.settled(l, INT), this.settled(r, INT)];
    }
    const kind = l.type.kind === "untyped" ? l.type.of : l.type.kind;
    const ordered = kind === "string" || isNumeric(l.type);
    const comparable = ordered || kind === "bool" || kind === "ptr" || kind === "chan" || kind === "unsafe.Pointer";
    if (!comparable) throw new ConditionFailure(span, notComparable(l.type as GoType));
    if (!equality && !ordered)
      throw new ConditionFailure(expr.operatorAt, `${describe(l)} has no order, only == and !=`);
    if (l.constant !== undefined && r.constant !== undefined) {
      return {
        op: "constant",
        constant: { kind: "bool", value: holds(operator, l.constant, r.constant) },
        type: untyped("bool"),
        late: false,
        ...span,
      };
    }
    if (kind === "complex64" || kind === "complex128")
      throw new ConditionFailure(span, "complex numbers are not supported in a condition");
    return { op: "compare", operator, left: l, right: r, type: untyped("bool"), late, ...span };
  }

  /** Both operands with one type (Go spec, "Operators"): an untyped constant takes the other's. */
  private matched(left: Node, right: Node, { operator, ...span }: Extract<Expr, { kind: "binary" }>): [Node, Node] {
    const [lt, rt] = [left.type, right.type];
    if (lt.kind === "untyped" && rt.kind === "untyped") {
      if (lt.of === rt.of) return [left, right];
      const [l, r] = [NUMERIC_ORDER.indexOf(lt.of), NUMERIC_ORDER.indexOf(rt.of)];
      if (l >= 0 && r >= 0) {
        const type = untyped(NUMERIC_ORDER[Math.max(l, r)] ?? "int");
        return [
          { ...left, type },
          { ...right, type },
        ];
      }
    } else if (lt.kind === "untyped" && rt.kind !== "untyped") return [this.settled(left, rt), right];
    else if (rt.kind === "untyped" && lt.kind !== "untyped") return [left, this.settled(right, lt)];
    else if (identical(lt as GoType, rt as GoType)) return [left, right];
    throw new ConditionFailure(
      at(span),
      `${lt.name} and ${rt.name} do not match at ${operator}`,
      // Only integers are converted in a condition.
      isInteger(lt) && isInteger(rt) ? "Convert one of them, such as int64(x)" : undefined,
    );
  }

  /** A constant of a type, if that type can represent it. */
  constant(value: NumberConstant | undefined, type: GoType | Untyped, span: Span): Node {
    if (value === undefined) throw new ConditionFailure(span, "the constant is too large");
    const node: Node = { op: "constant", constant: value, type, late: false, ...at(span) };
    if (type.kind === "untyped") return node;
    return this.settled({ ...node, type: untyped("float") }, type);
  }

  overflow(span: Span, value: NumberConstant, type: GoType): ConditionFailure {
    const text = value.denominator === 1n ? String(value.numerator) : this.quoted(span);
    return new ConditionFailure(span, `${text.length > MAX_SHOWN ? this.quoted(span) : text} overflows ${type.name}`);
  }

  private wrongOperand(operator: string, operand: Node): ConditionFailure {
    return new ConditionFailure(operand, `${operator} cannot be used with ${describe(operand)}`);
  }

  private quoted({ start, end }: Span): string {
    return this.text.slice(start, end);
  }
}

const NUMERIC_ORDER: readonly UntypedKind[] = ["int", "rune", "float"];
const NILABLE = new Set<string>(["ptr", "slice", "map", "chan", "func", "interface", "unsafe.Pointer"]);
/** Digits of a number in a message. */
const MAX_SHOWN = 40;

function notComparable(type: GoType): string {
  if (type.kind === "interface") return "interfaces are compared only with nil: their dynamic values are not looked at";
  if (type.kind === "struct" || type.kind === "array")
    return `values of type ${type.name} are compared field by field or element by element`;
  return `values of type ${type.name} are compared only with nil`;
}

function holds(operator: CompareOperator, a: Constant, b: Constant): boolean {
  const order =
    a.kind === "number" && b.kind === "number"
      ? compareNumbers(a, b)
      : a.kind === "string" && b.kind === "string"
        ? compareBytes(a.value, b.value)
        : Number(a.kind === "bool" && a.value) - Number(b.kind === "bool" && b.value);
  return { "==": order === 0, "!=": order !== 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 }[
    operator
  ];
}
