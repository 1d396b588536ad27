/** A checked condition to the programs that the kernel runs: at the entry, and where need be at the return. */
import type { GoType } from "../goabi/type.ts";
import {
  type ConditionOp,
  type ConditionProgram,
  MAX_CONTAINS,
  MAX_STRING_LOOK,
  WIDTH,
} from "../protocol/condition.ts";
import { Assembler, Reasons } from "./assembler.ts";
import { check } from "./check.ts";
import { bitsOf, integerType } from "./constant.ts";
import { asUserError, ConditionFailure } from "./failure.ts";
import { floatRegister } from "./floatRegister.ts";
import { children, Kept } from "./kept.ts";
import { Operands, WORD, WORD_WIDTH, widthCode } from "./operands.ts";
import { type Expr, parse } from "./parser.ts";
import { screenOf } from "./screen.ts";
import type { CompareOperator, ConditionScope, Node } from "./tree.ts";

export interface CompiledCondition {
  readonly entry: ConditionProgram;
  /** Absent: decided at the entry. */
  readonly return?: ConditionProgram;
  /** Why a call was undecided, by the kernel's number: "`u` was nil". */
  readonly reasons: readonly string[];
}

/** Throws a UserError (status 2) with a mark under the part that is wrong. */
export function parseCondition(text: string): Expr {
  return orUserError(text, undefined, () => parse(text));
}

/** For one function. `returns`: its returns are watched. Throws a UserError, as above. */
export function compileCondition(text: string, expr: Expr, scope: ConditionScope, returns: boolean): CompiledCondition {
  return orUserError(text, scope.func, () => {
    const node = check(expr, text, scope);
    const ofReturn = knownAtReturn(node, scope);
    if (ofReturn !== undefined && !returns) {
      const { start, end } = ofReturn;
      throw new ConditionFailure(ofReturn, `${text.slice(start, end)} is known at the return only`, "Add --returns");
    }
    const reasons = new Reasons();
    const kept = new Kept();
    // Float registers of the call are read behind the entry, in its own signal's frame: there they decide.
    if (ofReturn === undefined) {
      const entry = new Compiler(text, scope, node, "whole", reasons, kept).program(node);
      return { entry, reasons: reasons.texts };
    }
    return {
      entry: new Compiler(text, scope, node, "entry", reasons, kept).program(node),
      return: new Compiler(text, scope, node, "return", reasons, kept).program(node),
      reasons: reasons.texts,
    };
  });
}

function orUserError<T>(text: string, func: string | undefined, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ConditionFailure) throw asUserError(text, error, func);
    throw error;
  }
}

/** The first operand that only the return brings. */
function knownAtReturn(node: Node, scope: ConditionScope): Node | undefined {
  if (node.op === "duration") return node;
  if (node.op === "variable") return scope.results.includes(node.variable) ? node : undefined;
  for (const child of children(node)) {
    const found = knownAtReturn(child, scope);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Of a condition that the return decides, its two parts; others are decided as a whole. */
type Phase = "entry" | "return" | "whole";

class Compiler {
  private readonly scope: ConditionScope;
  private readonly phase: Phase;
  private readonly reasons: Reasons;
  private readonly kept: Kept;
  private readonly out: Assembler;
  private readonly operands: Operands;

  constructor(text: string, scope: ConditionScope, whole: Node, phase: Phase, reasons: Reasons, kept: Kept) {
    this.scope = scope;
    this.phase = phase;
    this.reasons = reasons;
    this.kept = kept;
    this.out = new Assembler(whole);
    this.operands = new Operands(
      text,
      scope,
      reasons,
      this.out,
      (node, dst) => this.evaluate(node, dst),
      phase === "whole" ? "ownFloat" : "float",
    );
  }

  program(node: Node): ConditionProgram {
    this.evaluate(node, 0);
    const machine = this.out.finish(0);
    if (this.phase === "return") return { screen: [], cameBack: 0, ...machine };
    return { screen: screenOf(node, this.scope), cameBack: this.scope.lost?.cameBack ?? 0, ...machine };
  }

  /** A value of one word or less into register `dst`; those behind it are free to use. */
  private evaluate(node: Node, dst: number): void {
    if (node.constant !== undefined) return this.out.number(dst, bitsOf(node.constant, node.type as GoType));
    if (this.phase === "return" && !node.late) return this.out.emit("recall", { dst, imm: this.kept.value(node) });
    if (this.phase === "entry" && node.late && node.op !== "logic" && node.op !== "not") {
      this.keepParts(node, dst);
      return this.out.emit("late", { dst });
    }
    this.compute(node, dst);
  }

  /** What the return needs of the entry: the largest parts that can be had here. */
  private keepParts(node: Node, dst: number): void {
    if (floatRegister(node) !== undefined) return;
    for (const child of children(node)) {
      if (child.constant !== undefined || child.op === "nil") continue;
      if (child.late) this.keepParts(child, dst);
      else if (node.op === "element") {
        throw new ConditionFailure(
          node,
          "a result and a parameter meet in an index: what it names may have changed by the return",
        );
      } else if (child.type.kind === "string")
        this.operands.string(child, this.kept.string(child), dst, this.look(node, child), isSuffixText(node, child));
      else this.keep(child, dst);
    }
  }

  private keep(node: Node, dst: number): void {
    this.compute(node, dst);
    this.out.emit("keep", { a: dst, imm: this.kept.value(node) });
  }

  private compute(node: Node, dst: number): void {
    const { out } = this;
    switch (node.op) {
      case "goid":
        return out.emit("goid", { dst, fault: this.operands.unreadable(node) });
      case "duration":
        return out.emit("duration", { dst });
      case "not":
        this.evaluate(node.operand, dst);
        return out.emit("not", { dst, a: dst });
      case "logic":
        return this.logic(node, dst);
      case "isNil": {
        this.operands.loadAt(this.operands.place(node.operand, dst), 0, WORD, node.operand, dst);
        out.number(dst + 1, 0n);
        return out.emit(node.negated ? "notEqual" : "equal", { dst, a: dst, b: dst + 1 });
      }
      case "len":
        return this.len(node, dst);
      case "convert":
        this.evaluate(node.operand, dst);
        return out.emit("extend", { dst, a: dst, width: widthOf(node.type as GoType) });
      case "arithmetic": {
        this.pair(node.left, node.right, dst);
        const reason = node.operator === "/" || node.operator === "%" ? this.operands.why(node.right, "was zero") : 0;
        return out.emit(ARITHMETIC[node.operator], {
          dst,
          a: dst,
          b: dst + 1,
          width: widthOf(node.type as GoType),
          reason,
        });
      }
      case "shift": {
        this.pair(node.left, node.right, dst);
        if (node.right.constant === undefined && integerType(node.right.type as GoType)?.signed === true) {
          out.emit("notNegative", { dst: dst + 1, a: dst + 1, reason: this.operands.why(node.right, "was negative") });
        }
        return out.emit(node.operator === "<<" ? "shiftLeft" : "shiftRight", {
          dst,
          a: dst,
          b: dst + 1,
          width: widthOf(node.type as GoType),
        });
      }
      case "compare":
        return this.compare(node, dst);
      case "search":
        return this.search(node, dst);
      case "variable":
      case "field":
      case "deref":
      case "element": {
        const type = node.type as GoType;
        if (node.op === "element" && node.operand.constant?.kind === "string")
          return this.operands.constantElement(node, node.operand.constant.value, dst);
        return this.operands.loadAt(
          this.operands.place(node, dst),
          0,
          { size: type.size, signed: integerType(type)?.signed === true },
          node,
          dst,
        );
      }
      default:
        throw new ConditionFailure(node, `${this.operands.quoted(node)} is no value of one word`);
    }
  }

  private pair(left: Node, right: Node, dst: number): void {
    this.evaluate(left, dst);
    this.evaluate(right, dst + 1);
  }

  /** The right side is computed only where the left one does not decide. */
  private logic(node: Extract<Node, { op: "logic" }>, dst: number): void {
    const { operator, left, right } = node;
    this.side(node, left, dst);
    const end = this.out.jump(operator === "&&" ? "jumpIfFalse" : "jumpIfTrue", dst);
    this.side(node, right, dst + 1);
    this.out.emit(operator === "&&" ? "bothTrue" : "eitherTrue", { dst, a: dst, b: dst + 1 });
    end.land();
  }

  /** Beside a late side, one that is known at the entry is kept for the return. */
  private side(node: Node, side: Node, dst: number): void {
    if (this.phase === "entry" && node.late && !side.late && side.constant === undefined) this.keep(side, dst);
    else this.evaluate(side, dst);
  }

  private compare({ operator, left, right }: Extract<Node, { op: "compare" }>, dst: number): void {
    const type = left.type as GoType;
    const [swapped, op] = COMPARE[operator];
    if (type.kind === "string") {
      const reason = this.reasons.code(
        `${this.operands.backticked(left, right)} differ only beyond the first ${MAX_STRING_LOOK} bytes, or not at all,`,
      );
      this.strings(left, right, dst, MAX_STRING_LOOK, false);
      if (op === "equal" || op === "notEqual") {
        this.out.emit("stringEqual", { dst, a: this.slotOf(left, 0), b: this.slotOf(right, 1), reason });
        if (op === "notEqual") this.out.emit("not", { dst, a: dst });
        return;
      }
      this.out.emit("stringCompare", { dst, a: this.slotOf(left, 0), b: this.slotOf(right, 1), reason });
      this.out.number(dst + 1, 0n);
    } else this.pair(left, right, dst);
    const operands = swapped ? { a: dst + 1, b: dst } : { a: dst, b: dst + 1 };
    if (type.kind === "float32" || type.kind === "float64")
      this.out.emit(FLOAT_COMPARE[op], { dst, ...operands, width: type.size === 4 ? 2 : 3 });
    else {
      const signed = type.kind === "string" || integerType(type)?.signed === true;
      this.out.emit(op, { dst, ...operands, width: WORD_WIDTH | (signed ? WIDTH.signed : 0) });
    }
  }

  private search(node: Extract<Node, { op: "search" }>, dst: number): void {
    const { search, text, needle } = node;
    this.strings(text, needle, dst, this.look(node, text), search === "HasSuffix");
    this.out.emit(SEARCH[search], {
      dst,
      a: this.slotOf(text, 0),
      b: this.slotOf(needle, 1),
      reason: this.operands.why(text, `was longer than the ${MAX_STRING_LOOK} bytes that are looked at`),
      fault:
        needle.constant === undefined
          ? this.operands.why(needle, `was longer than ${search === "Contains" ? MAX_CONTAINS : MAX_STRING_LOOK} bytes`)
          : 0,
    });
  }

  /** Bytes of an operand that are worth copying. */
  private look(parent: Node, operand: Node): number {
    if (parent.op !== "search" || operand !== parent.text || parent.search === "Contains") return MAX_STRING_LOOK;
    return parent.needle.constant?.kind === "string" ? parent.needle.constant.value.length : MAX_STRING_LOOK;
  }

  private strings(left: Node, right: Node, dst: number, look: number, tail: boolean): void {
    if (!this.isKept(left)) this.operands.string(left, 0, dst, look, tail);
    if (!this.isKept(right)) this.operands.string(right, 1, dst, MAX_STRING_LOOK, false);
  }

  private isKept(node: Node): boolean {
    return this.phase === "return" && !node.late && node.constant === undefined;
  }

  private slotOf(node: Node, slot: number): number {
    return this.isKept(node) ? this.kept.string(node) : slot;
  }

  private len({ operand }: Extract<Node, { op: "len" }>, dst: number): void {
    const { kind } = operand.type;
    if (operand.op === "label") {
      throw new ConditionFailure(operand, "the length of a label is not supported", 'Compare it with ""');
    }
    if (kind === "string" || kind === "slice")
      return this.operands.loadAt(this.operands.place(operand, dst), 8, WORD, operand, dst);
    // hmap.count, Swiss map's used and hchan.qcount: the first word, each.
    this.operands.loadAt(this.operands.place(operand, dst), 0, WORD, operand, dst);
    this.out.emit("load", {
      dst,
      a: dst,
      width: WORD_WIDTH | WIDTH.nilIsZero,
      fault: this.operands.unreadable(operand),
    });
  }
}

const ARITHMETIC = {
  "+": "add",
  "-": "subtract",
  "*": "multiply",
  "/": "divide",
  "%": "remainder",
  "&": "and",
  "|": "or",
  "^": "xor",
  "&^": "andNot",
} as const satisfies Record<string, ConditionOp>;
type Comparison = "equal" | "notEqual" | "less" | "lessOrEqual";
/** Operands swapped, and what is compared then. */
const COMPARE: Readonly<Record<CompareOperator, readonly [boolean, Comparison]>> = {
  "==": [false, "equal"],
  "!=": [false, "notEqual"],
  "<": [false, "less"],
  "<=": [false, "lessOrEqual"],
  ">": [true, "less"],
  ">=": [true, "lessOrEqual"],
};
const FLOAT_COMPARE = {
  equal: "floatEqual",
  notEqual: "floatNotEqual",
  less: "floatLess",
  lessOrEqual: "floatLessOrEqual",
} as const;
const SEARCH = { HasPrefix: "hasPrefix", HasSuffix: "hasSuffix", Contains: "contains" } as const;

function isSuffixText(parent: Node, child: Node): boolean {
  return parent.op === "search" && parent.search === "HasSuffix" && child === parent.text;
}

function widthOf(type: GoType): number {
  return widthCode(type.size, integerType(type)?.signed === true);
}
