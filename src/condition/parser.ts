/** A Go expression's text to its tree: precedence climbing over the operators of the Go spec ("Operators"). */
import { ConditionFailure } from "./failure.ts";
import { type Token, tokens } from "./lexer.ts";
import type { Span } from "./mark.ts";

export type Expr = Span &
  (
    | { readonly kind: "name"; readonly name: string; readonly ours: boolean }
    | {
        readonly kind: "literal";
        readonly token: Extract<Token, { kind: "int" | "float" | "duration" | "rune" | "string" }>;
      }
    | { readonly kind: "unary"; readonly operator: string; readonly operand: Expr }
    | {
        readonly kind: "binary";
        readonly operator: string;
        readonly operatorAt: Span;
        readonly left: Expr;
        readonly right: Expr;
      }
    | { readonly kind: "deref"; readonly operand: Expr }
    | { readonly kind: "select"; readonly operand: Expr; readonly name: string; readonly nameAt: Span }
    | { readonly kind: "index"; readonly operand: Expr; readonly index: Expr }
    | { readonly kind: "call"; readonly callee: Expr; readonly args: readonly Expr[] }
    | { readonly kind: "paren"; readonly operand: Expr }
  );

/** UTF-16 units; a condition is written by hand. */
const MAX_TEXT = 4096;
/** Levels of nesting: bounds the recursion here and in everything that walks the tree. */
const MAX_NESTING = 100;

const PRECEDENCE: Readonly<Record<string, number>> = {
  "||": 1,
  "&&": 2,
  "==": 3,
  "!=": 3,
  "<": 3,
  "<=": 3,
  ">": 3,
  ">=": 3,
  "+": 4,
  "-": 4,
  "|": 4,
  "^": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  "<<": 5,
  ">>": 5,
  "&": 5,
  "&^": 5,
};
const UNARY = new Set(["+", "-", "!", "^", "*", "&", "<-"]);
const REMEDIES: Readonly<Record<string, string>> = {
  "=": "Go compares with ==",
  ":=": "Go compares with ==",
  "{": "Composite literals are not supported; compare the fields one by one",
};

/** Throws a ConditionFailure. */
export function parse(text: string): Expr {
  if (text.length > MAX_TEXT) {
    throw new ConditionFailure({ start: 0, end: 1 }, `it is longer than ${MAX_TEXT} characters`);
  }
  return new Parser(tokens(text)).all();
}

class Parser {
  private readonly tokens: readonly Token[];
  private at = 0;
  private nesting = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  all(): Expr {
    const expr = this.binary(1);
    if (this.next.kind !== "end") throw this.unexpected("an operator or the end");
    return expr;
  }

  private get next(): Token {
    return this.tokens[this.at] ?? this.tokens[this.tokens.length - 1]!;
  }

  private take(): Token {
    const token = this.next;
    if (token.kind !== "end") this.at += 1;
    return token;
  }

  private isAt(operator: string): boolean {
    return this.next.kind === "operator" && this.next.text === operator;
  }

  private expect(operator: string): Token {
    if (!this.isAt(operator)) throw this.unexpected(operator);
    return this.take();
  }

  private unexpected(wanted: string): ConditionFailure {
    const { kind, text, start, end } = this.next;
    if (kind === "end") return new ConditionFailure({ start, end: start + 1 }, `it ends where ${wanted} should stand`);
    return new ConditionFailure({ start, end }, `${wanted} should stand here`, REMEDIES[text]);
  }

  private nested<T extends Expr>(read: () => T): T {
    this.nesting += 1;
    if (this.nesting > MAX_NESTING)
      throw new ConditionFailure(this.next, `it is nested deeper than ${MAX_NESTING} levels`);
    const expr = read();
    this.nesting -= 1;
    return expr;
  }

  private binary(lowest: number): Expr {
    return this.nested(() => {
      let left = this.unary();
      for (let chained = 0; ; chained += 1) {
        const token = this.next;
        const precedence = token.kind === "operator" ? PRECEDENCE[token.text] : undefined;
        if (precedence === undefined || precedence < lowest) return left;
        // A chain nests to the left, one level for each operator.
        if (chained >= MAX_NESTING) throw new ConditionFailure(token, `it chains more than ${MAX_NESTING} operators`);
        this.take();
        const right = this.binary(precedence + 1);
        left = {
          kind: "binary",
          operator: token.text,
          operatorAt: token,
          left,
          right,
          start: left.start,
          end: right.end,
        };
      }
    });
  }

  private unary(): Expr {
    const token = this.next;
    if (token.kind !== "operator" || !UNARY.has(token.text)) return this.postfix(this.operand());
    return this.nested((): Expr => {
      this.take();
      const operand = this.unary();
      const span = { start: token.start, end: operand.end };
      if (token.text === "*") return { kind: "deref", operand, ...span };
      if (token.text === "&" || token.text === "<-") {
        throw new ConditionFailure(span, `the operator ${token.text} is not supported in a condition`);
      }
      return { kind: "unary", operator: token.text, operand, ...span };
    });
  }

  private operand(): Expr {
    const token = this.next;
    if (token.kind === "name") {
      this.take();
      return { kind: "name", name: token.text, ours: token.ours, start: token.start, end: token.end };
    }
    if (token.kind !== "operator" && token.kind !== "end") {
      this.take();
      return { kind: "literal", token, start: token.start, end: token.end };
    }
    if (!this.isAt("(")) throw this.unexpected("a value");
    this.take();
    const operand = this.binary(1);
    const close = this.expect(")");
    return { kind: "paren", operand, start: token.start, end: close.end };
  }

  private postfix(first: Expr): Expr {
    let expr = first;
    for (let chained = 0; ; chained += 1) {
      if (chained > MAX_NESTING)
        throw new ConditionFailure(this.next, `it is nested deeper than ${MAX_NESTING} levels`);
      const start = first.start;
      if (this.isAt(".")) {
        this.take();
        if (this.isAt("(")) {
          throw new ConditionFailure(
            { start, end: this.next.end },
            "conditions on an interface's dynamic type are not supported",
            "Compare the interface with nil, or trace all calls and filter what is printed",
          );
        }
        const name = this.take();
        if (name.kind !== "name" || name.ours) {
          throw new ConditionFailure(
            name.kind === "end" ? { start: name.start, end: name.start + 1 } : name,
            "a field's name should stand here",
          );
        }
        expr = { kind: "select", operand: expr, name: name.text, nameAt: name, start, end: name.end };
      } else if (this.isAt("[")) {
        this.take();
        const index = this.binary(1);
        if (this.isAt(":")) throw new ConditionFailure(this.next, "slice expressions are not supported in a condition");
        expr = { kind: "index", operand: expr, index, start, end: this.expect("]").end };
      } else if (this.isAt("(")) {
        this.take();
        const args: Expr[] = [];
        while (!this.isAt(")")) {
          args.push(this.binary(1));
          if (!this.isAt(",")) break;
          this.take();
        }
        expr = { kind: "call", callee: expr, args, start, end: this.expect(")").end };
      } else return expr;
    }
  }
}
