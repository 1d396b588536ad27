/** Names and types of a condition, by Go's rules; what Go's compiler would refuse is refused with its reason. */
import type { GoType, ScalarKind } from "../goabi/type.ts";
import { type Constant, fitsInteger, type IntegerType, integer, parseDuration, parseNumber } from "./constant.ts";
import { ConditionFailure } from "./failure.ts";
import { findField } from "./fields.ts";
import { withLateness } from "./floatRegister.ts";
import type { Span } from "./mark.ts";
import { Operators } from "./operators.ts";
import type { Expr } from "./parser.ts";
import type { ConditionScope, ConditionVariable, Node, Untyped } from "./tree.ts";
import {
  at,
  BOOL,
  DURATION,
  describe,
  INT,
  isBoolean,
  isInteger,
  isUntyped,
  predeclared,
  STRING,
  untyped,
} from "./types.ts";

/** Of strings.Contains: one bit of a machine word for each byte (probelens' Shift-And); the others keep the same limit. */
export const MAX_NEEDLE = 64;
/** Of a label's key. */
const MAX_LABEL_KEY = 64;

/** Throws a ConditionFailure. */
export function check(expr: Expr, text: string, scope: ConditionScope): Node {
  const checker = new Checker(text, scope);
  const node = checker.value(expr);
  if (!isBoolean(node.type)) {
    throw new ConditionFailure(
      node,
      `it is ${describe(node)}, and a condition must be true or false`,
      "Compare it with something",
    );
  }
  return checker.operators.settled(node, BOOL);
}

/** Conversions; `byte` and `rune` are other names of two of them. */
const INTEGER_TYPES = new Map<string, GoType>(
  (
    [
      ...["int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr"].map(
        (name) => [name, name],
      ),
      ["byte", "uint8"],
      ["rune", "int32"],
    ] as [string, ScalarKind][]
  ).map(([name, kind]) => [name, predeclared(kind)]),
);
const OTHER_TYPES = new Set(["string", "float32", "float64", "bool", "complex64", "complex128", "any", "error"]);
const SEARCHES = new Set(["HasPrefix", "HasSuffix", "Contains"]);

function isGosOwn(name: string): boolean {
  return name === "len" || name === "strings" || INTEGER_TYPES.has(name) || OTHER_TYPES.has(name);
}

class Checker {
  private readonly text: string;
  private readonly scope: ConditionScope;
  readonly operators: Operators;

  constructor(text: string, scope: ConditionScope) {
    this.text = text;
    this.scope = scope;
    this.operators = new Operators(text);
  }

  value(expr: Expr): Node {
    const span = { start: expr.start, end: expr.end };
    switch (expr.kind) {
      case "name":
        return this.name(expr);
      case "literal":
        return this.literal(expr);
      case "paren":
        return { ...this.value(expr.operand), ...span };
      case "unary":
        return this.operators.unary(expr, this.value(expr.operand));
      case "binary":
        return this.operators.binary(expr, this.value(expr.left), this.value(expr.right));
      case "deref": {
        const operand = this.value(expr.operand);
        if (operand.type.kind !== "ptr") throw new ConditionFailure(expr.operand, `${describe(operand)} is no pointer`);
        return { op: "deref", operand, type: operand.type.elem, late: operand.late, ...span };
      }
      case "select":
        return this.select(expr);
      case "index":
        return this.index(expr);
      case "call":
        return this.call(expr);
    }
  }

  private name({ name, ours, ...span }: Extract<Expr, { kind: "name" }>): Node {
    const declared = ours ? undefined : this.declared(name, span);
    if (declared !== undefined) return declared;
    if (!ours && (name === "true" || name === "false")) {
      return {
        op: "constant",
        constant: { kind: "bool", value: name === "true" },
        type: untyped("bool"),
        late: false,
        ...at(span),
      };
    }
    if (!ours && name === "nil") return { op: "nil", type: untyped("nil"), late: false, ...at(span) };
    if (name === "duration") return { op: "duration", type: DURATION, late: true, ...at(span) };
    if (name === "goid") return { op: "goid", type: predeclared("uint64"), late: false, ...at(span) };
    if (name === "labels") throw new ConditionFailure(span, "labels needs a key", 'Write labels["KEY"]');
    const result = /^r(0|[1-9]\d?)$/.exec(name);
    const variable = result === null ? undefined : this.scope.results[Number(result[1])];
    if (variable !== undefined) return this.variable(variable, name, true, span);
    throw this.unknown(name, ours, span);
  }

  /** A parameter or result of the program. */
  private declared(name: string, span: Span): Node | undefined {
    const { params, results } = this.scope;
    if (name === "_") return undefined;
    const param = params.find((candidate) => candidate.name === name);
    if (param !== undefined) return this.variable(param, name, false, span);
    const result = results.find((candidate) => candidate.name === name);
    return result === undefined ? undefined : this.variable(result, name, true, span);
  }

  private variable(variable: ConditionVariable, written: string, late: boolean, span: Span): Node {
    this.refuseSecret(variable.name, span);
    this.refuseSecret(written, span);
    return withLateness({ op: "variable", variable, type: this.known(variable.type, span), late, ...at(span) });
  }

  private refuseSecret(name: string, span: Span): void {
    if (!this.scope.isSecret(name)) return;
    throw new ConditionFailure(
      span,
      `the name ${name} counts as secret, and whether calls pass would tell its value`,
      "Leave this part out of the condition",
    );
  }

  private known(type: GoType, span: Span): GoType {
    if (type.kind === "unknown")
      throw new ConditionFailure(span, `the type of ${this.quoted(span)} is not known: ${type.reason}`);
    return type;
  }

  private unknown(name: string, ours: boolean, span: Span): ConditionFailure {
    if (ours)
      return new ConditionFailure(
        span,
        `there is no @${name}`,
        "There are @duration, @goid, @labels and @r0, @r1, … for results",
      );
    const { params, results, func } = this.scope;
    const names = [
      ...params.map((param) => param.name),
      ...results.map((result, index) => (/^~r|^_$/.test(result.name) ? `r${index}` : result.name)),
    ];
    const has = names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
    return new ConditionFailure(
      span,
      `${name} is no parameter or result of ${func}`,
      `${capitalized(has)}; duration, goid and labels["KEY"] are known everywhere`,
    );
  }

  private literal({ token, ...span }: Extract<Expr, { kind: "literal" }>): Node {
    const node = (constant: Constant, type: GoType | Untyped): Node => ({
      op: "constant",
      constant,
      type,
      late: false,
      ...at(span),
    });
    if (token.kind === "string") return node({ kind: "string", value: token.value }, untyped("string"));
    if (token.kind === "rune") return node(integer(BigInt(token.text)), untyped("rune"));
    const value = token.kind === "duration" ? parseDuration(token.text) : parseNumber(token.text);
    if (value === undefined) {
      throw new ConditionFailure(
        span,
        token.kind === "duration" ? `${token.text} is no whole number of nanoseconds` : `${token.text} is too large`,
      );
    }
    if (token.kind !== "duration") return node(value, untyped(token.kind));
    if (!fitsInteger(value.numerator, INT64)) throw this.operators.overflow(span, value, DURATION);
    return node(value, DURATION);
  }

  private select({ operand: inner, name, nameAt, ...span }: Extract<Expr, { kind: "select" }>): Node {
    const operand = this.value(inner);
    const path = operand.type.kind === "untyped" ? undefined : findField(operand.type, name);
    if (path === undefined) throw new ConditionFailure(nameAt, this.noField(operand, name));
    if (path === "ambiguous") throw new ConditionFailure(nameAt, `${name} is ambiguous in ${operand.type.name}`);
    let node = operand;
    let implied = "";
    for (const [index, field] of path.entries()) {
      this.refuseSecret(field.name, nameAt);
      implied += `.${field.name}`;
      if (node.type.kind === "ptr")
        node = { op: "deref", operand: node, type: node.type.elem, late: node.late, start: node.start, end: node.end };
      const named = index === path.length - 1;
      node = withLateness({
        op: "field",
        operand: node,
        offset: field.offset,
        type: field.type,
        late: node.late,
        start: operand.start,
        end: named ? nameAt.end : operand.end,
        ...(named ? {} : { implied }),
      });
    }
    return { ...node, type: this.known(node.type as GoType, nameAt), ...at(span) };
  }

  private noField({ type }: Node, name: string): string {
    if (type.kind === "interface") return "conditions on an interface's dynamic value are not supported";
    const struct = type.kind === "ptr" ? type.elem : type;
    if (struct.kind !== "struct") return `${type.name} has no fields`;
    const names = struct.fields.map((field) => field.name).filter((field) => field !== "_");
    const has = names.length === 0 ? "none" : names.slice(0, MAX_NAMED).join(", ");
    return `${struct.name} has no field ${name}; it has ${has}${names.length > MAX_NAMED ? `, and ${names.length - MAX_NAMED} more` : ""}`;
  }

  private index({ operand: inner, index: indexExpr, ...span }: Extract<Expr, { kind: "index" }>): Node {
    if (
      inner.kind === "name" &&
      inner.name === "labels" &&
      (inner.ours || this.declared("labels", inner) === undefined)
    )
      return this.label(indexExpr, span);
    let operand = this.value(inner);
    if (operand.type.kind === "ptr" && operand.type.elem.kind === "array") {
      operand = {
        op: "deref",
        operand,
        type: operand.type.elem,
        late: operand.late,
        start: operand.start,
        end: operand.end,
      };
    }
    const { type } = operand;
    if (type.kind === "map")
      throw new ConditionFailure(span, "maps are not looked into in a condition, only their len and nil");
    const isText = type.kind === "string" || isUntyped(type, "string");
    if (type.kind !== "slice" && type.kind !== "array" && !isText)
      throw new ConditionFailure(inner, `${describe(operand)} cannot be indexed`);
    let index = this.value(indexExpr);
    if (index.type.kind === "untyped") index = this.operators.settled(index, INT);
    if (!isInteger(index.type)) throw new ConditionFailure(index, `the index is ${describe(index)}, not an integer`);
    if (index.constant?.kind === "number") {
      const position = index.constant.numerator;
      if (position < 0n) throw new ConditionFailure(index, "the index is negative");
      const length =
        type.kind === "array"
          ? BigInt(type.length)
          : operand.constant?.kind === "string"
            ? BigInt(operand.constant.value.length)
            : undefined;
      if (length !== undefined && position >= length)
        throw new ConditionFailure(index, `the index is out of range: the length is ${length}`);
    }
    const elem = type.kind === "slice" || type.kind === "array" ? this.known(type.elem, span) : predeclared("uint8");
    const text = isText ? this.operators.settled(operand, STRING) : operand;
    return { op: "element", operand: text, index, type: elem, late: operand.late || index.late, ...at(span) };
  }

  private label(keyExpr: Expr, span: Span): Node {
    const key = this.value(keyExpr);
    if (key.constant?.kind !== "string")
      throw new ConditionFailure(keyExpr, "a label's key is a constant string", 'Write labels["KEY"]');
    const { value } = key.constant;
    if (value.length > MAX_LABEL_KEY)
      throw new ConditionFailure(keyExpr, `a label's key takes at most ${MAX_LABEL_KEY} bytes here`);
    this.refuseSecret(new TextDecoder().decode(value), keyExpr);
    if (this.scope.runtime.labels === undefined)
      throw new ConditionFailure(span, "where this program keeps a goroutine's labels is not known");
    return { op: "label", key: value, type: STRING, late: false, ...at(span) };
  }

  private call({ callee, args, ...span }: Extract<Expr, { kind: "call" }>): Node {
    const name = this.calledName(callee);
    const [first, second] = args;
    if (name === "len") {
      if (first === undefined || args.length !== 1) throw new ConditionFailure(span, "len takes one value");
      return this.len(this.value(first), span);
    }
    const integers = INTEGER_TYPES.get(name);
    if (integers !== undefined) {
      if (first === undefined || args.length !== 1)
        throw new ConditionFailure(span, `a conversion to ${name} takes one value`);
      return this.convert(this.value(first), integers, span);
    }
    if (SEARCHES.has(name)) {
      if (first === undefined || second === undefined || args.length !== 2)
        throw new ConditionFailure(span, `${name} takes two strings`);
      return this.search(name as "HasPrefix", this.value(first), this.value(second), span);
    }
    if (OTHER_TYPES.has(name))
      throw new ConditionFailure(span, `conversions to ${name} are not supported, only those between integer types`);
    throw this.notCalled(callee);
  }

  private notCalled(callee: Expr): ConditionFailure {
    const root = callee.kind === "select" ? callee.operand : callee;
    const hidden = root.kind === "name" && !root.ours && isGosOwn(root.name) ? root.name : undefined;
    if (hidden !== undefined && this.declared(hidden, root) !== undefined)
      return new ConditionFailure(
        root,
        `${hidden} is a parameter or result of ${this.scope.func}, which hides Go's own ${hidden}`,
        "Leave this part out of the condition",
      );
    return new ConditionFailure(
      callee,
      `${this.quoted(callee)} cannot be called in a condition`,
      "There are len, conversions between integer types, strings.HasPrefix, strings.HasSuffix and strings.Contains",
    );
  }

  /** Empty where it is nothing that a condition may call; a name of the program's own wins over a builtin one. */
  private calledName(callee: Expr): string {
    if (callee.kind === "paren") return this.calledName(callee.operand);
    if (callee.kind === "name")
      return callee.ours || this.declared(callee.name, callee) !== undefined ? "" : callee.name;
    const isPackage =
      callee.kind === "select" &&
      callee.operand.kind === "name" &&
      callee.operand.name === "strings" &&
      !callee.operand.ours;
    return isPackage && this.declared("strings", callee.operand) === undefined && SEARCHES.has(callee.name)
      ? callee.name
      : "";
  }

  private len(operand: Node, span: Span): Node {
    const { type, constant } = operand;
    const array = type.kind === "ptr" ? type.elem : type;
    const known =
      constant?.kind === "string" ? constant.value.length : array.kind === "array" ? array.length : undefined;
    if (known !== undefined)
      return { op: "constant", constant: integer(BigInt(known)), type: INT, late: false, ...at(span) };
    const { chan, maps } = this.scope.runtime.facts;
    if ((type.kind === "chan" && chan === undefined) || (type.kind === "map" && maps === "unknown"))
      throw new ConditionFailure(span, `the layout of ${type.kind}s of this Go version is not known`);
    if (type.kind === "chan" && chan?.timer !== undefined && type.elem.name === "time.Time") {
      throw new ConditionFailure(
        span,
        "the length of a channel of times is not known: timers' channels have their own rule",
      );
    }
    if (!["string", "slice", "map", "chan"].includes(type.kind))
      throw new ConditionFailure(operand, `${describe(operand)} has no length`);
    return { op: "len", operand, type: INT, late: operand.late, ...at(span) };
  }

  private convert(operand: Node, type: GoType, span: Span): Node {
    if (operand.constant?.kind === "number") {
      const node: Node = {
        op: "constant",
        constant: operand.constant,
        type: untyped("float"),
        late: false,
        ...at(span),
      };
      return this.operators.settled(node, type);
    }
    const inner = operand.type.kind === "untyped" ? this.operators.settled(operand, type) : operand;
    if (!isInteger(inner.type))
      throw new ConditionFailure(operand, `${describe(operand)} cannot be converted here: only integers are`);
    return { op: "convert", operand: inner, type, late: operand.late, ...at(span) };
  }

  private search(
    search: "HasPrefix" | "HasSuffix" | "Contains",
    textOperand: Node,
    needleOperand: Node,
    span: Span,
  ): Node {
    const [text, needle] = [textOperand, needleOperand].map((operand) => {
      if (operand.type.kind !== "string" && !isUntyped(operand.type, "string"))
        throw new ConditionFailure(operand, `${this.quoted(operand)} is ${describe(operand)}, not a string`);
      // Go's parameters are plain strings: a value of a named string type is no argument.
      if (operand.type.kind === "string" && operand.type.named)
        throw new ConditionFailure(operand, `${this.quoted(operand)} is of the type ${operand.type.name}, not string`);
      return this.operators.settled(operand, STRING);
    }) as [Node, Node];
    if (needle.constant?.kind === "string" && needle.constant.value.length > MAX_NEEDLE) {
      throw new ConditionFailure(needle, `${search} looks for at most ${MAX_NEEDLE} bytes`);
    }
    if (text.constant?.kind === "string" && needle.constant?.kind === "string") {
      const [t, n] = [Buffer.from(text.constant.value), Buffer.from(needle.constant.value)];
      const value =
        search === "Contains"
          ? t.includes(n)
          : search === "HasPrefix"
            ? t.subarray(0, n.length).equals(n)
            : t.length >= n.length && t.subarray(t.length - n.length).equals(n);
      return { op: "constant", constant: { kind: "bool", value }, type: BOOL, late: false, ...at(span) };
    }
    return { op: "search", search, text, needle, type: BOOL, late: text.late || needle.late, ...at(span) };
  }

  private quoted({ start, end }: Span): string {
    return this.text.slice(start, end);
  }
}

const INT64: IntegerType = { bits: 64, signed: true };
const MAX_NAMED = 12;

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
