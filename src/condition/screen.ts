/**
 * The screen of a condition: comparisons of a word with a constant that every call which passes has to pass, and that the
 * kernel makes before it starts the machine (bpf/screen.h). What the machine says is not changed by it: a comparison is
 * false for certain in exactly those calls in which the machine knows its operands and finds it false, `&&` is false when
 * one side is, `||` when both are, whatever cannot be had elsewhere.
 */
import { isDeepStrictEqual } from "node:util";
import { CAPTURE_REGISTERS, type CaptureRegister } from "../protocol/capture.ts";
import { MAX_SCREEN_TESTS, MAX_STRING_LOOK, ORDER, type ScreenTest, WIDTH } from "../protocol/condition.ts";
import { bitsOf, type Constant, integerType } from "./constant.ts";
import { WORD, widthCode } from "./operands.ts";
import type { CompareOperator, ConditionScope, Node } from "./tree.ts";

type Word = Pick<ScreenTest, "place" | "from" | "offset" | "lost">;
type Test = Omit<ScreenTest, "or">;
/** False where all of them are. */
type Clause = readonly Test[];

/** None where no part of the condition is so simple. */
export function screenOf(condition: Node, scope: ConditionScope): ScreenTest[] {
  const screen: ScreenTest[] = [];
  for (const clause of cheapest(clausesOf(condition, true, scope))) {
    if (screen.length + clause.length > MAX_SCREEN_TESTS) continue;
    screen.push(...clause.map((test, index) => ({ ...test, or: index < clause.length - 1 })));
  }
  return screen;
}

/** None of which may be false where the node is to be `wanted`. */
function clausesOf(node: Node, wanted: boolean, scope: ConditionScope): readonly Clause[] {
  if (node.op === "not") return clausesOf(node.operand, !wanted, scope);
  if (node.op !== "logic") {
    const clause = clauseOf(node, wanted, scope);
    return clause === undefined ? [] : [clause];
  }
  const left = clausesOf(node.left, wanted, scope);
  const right = clausesOf(node.right, wanted, scope);
  if ((node.operator === "&&") === wanted) return cheapest([...left, ...right]);
  return cheapest(left.flatMap((one) => right.map((other) => either(one, other))));
}

/** Without those that are the same: two strings of one length have one test of it, and one of the bytes. */
function either(one: Clause, other: Clause): Clause {
  return [...one, ...other.filter((test) => !one.some((known) => isDeepStrictEqual(known, test)))];
}

/** Those that read memory last; no more than can be used, so that a long condition has no more either. */
function cheapest(clauses: readonly Clause[]): readonly Clause[] {
  return clauses
    .filter(({ length }) => length <= MAX_SCREEN_TESTS)
    .toSorted((a, b) => costOf(a) - costOf(b))
    .slice(0, MAX_SCREEN_TESTS);
}

/** Reading a word of memory takes many times what comparing it does (docs/performance.md). */
function costOf(clause: Clause): number {
  return clause.reduce((cost, { place }) => cost + (place === "register" ? 1 : 2 * MAX_SCREEN_TESTS), 0);
}

function clauseOf(node: Node, wanted: boolean, scope: ConditionScope): Clause | undefined {
  if (node.late) return undefined;
  switch (node.op) {
    case "isNil":
      return clause(wordOf(node.operand, 0, WORD.size, scope), 3, node.negated === wanted ? UNEQUAL : ORDER.equal, 0n);
    case "compare": {
      const [operand, operator, constant] =
        node.right.constant === undefined
          ? ([node.right, MIRRORED[node.operator], node.left.constant] as const)
          : ([node.left, node.operator, node.right.constant] as const);
      const passes = wanted ? PASSES[operator] : EVERY - PASSES[operator];
      return constant === undefined ? undefined : comparison(operand, passes, constant, scope);
    }
    case "search":
      // No text is shorter than what was found in it.
      if (!wanted || node.needle.constant?.kind !== "string") return undefined;
      return lengthClause(node.text, ORDER.equal | ORDER.greater, node.needle.constant.value.length, scope);
    case "variable":
    case "field":
    case "deref":
    case "element":
      // The machine takes a bool for its word: 0 is false, `!` of 1 is.
      return clause(wordOf(node, 0, 1, scope), 0, UNEQUAL, wanted ? 0n : 1n);
    default:
      return undefined;
  }
}

function comparison(operand: Node, passes: number, constant: Constant, scope: ConditionScope): Clause | undefined {
  const { type } = operand;
  if (constant.kind === "string") {
    const { length } = constant.value;
    // Only an empty string is told by its length alone.
    return passes === ORDER.equal || (passes === UNEQUAL && length === 0)
      ? lengthClause(operand, passes, length, scope)
      : undefined;
  }
  const integer = type.kind === "untyped" ? undefined : integerType(type);
  if (type.kind === "untyped" || (integer === undefined && type.kind !== "bool")) return undefined;
  const width = widthCode(type.size, integer?.signed === true);
  const bits = bitsOf(constant, type);
  if (operand.op !== "len") return clause(wordOf(operand, 0, type.size, scope), width, passes, bits);
  const { kind } = operand.operand.type;
  if (kind === "string" || kind === "slice")
    return clause(wordOf(operand.operand, 8, WORD.size, scope), width, passes, bits);
  // The count is the first word of what the map or channel points to.
  const count = pointee(wordOf(operand.operand, 0, WORD.size, scope), 0);
  return clause(count, width | WIDTH.nilIsZero, passes, bits);
}

/**
 * That a string has a length, or that its bytes cannot be read: then the machine cannot decide, whatever the length. No
 * more than MAX_STRING_LOOK of them are looked at, of a text that is too short to have something in it all.
 */
function lengthClause(text: Node, passes: number, length: number, scope: ConditionScope): Clause | undefined {
  const pointer = wordOf(text, 0, WORD.size, scope);
  const count = wordOf(text, 8, WORD.size, scope);
  const lengthOnly = clause(count, 3, passes, BigInt(length));
  if (lengthOnly === undefined || passes === UNEQUAL) return lengthOnly;
  if (count?.place !== "register" || pointer?.place !== "register") return undefined;
  const bytes = {
    place: "bytes",
    from: pointer.from,
    offset: count.from,
    lost: pointer.lost || count.lost,
    width: 0,
    passes: 0,
    constant: MAX_STRING_LOOK.toString(16),
  } as const;
  return [...lengthOnly, bytes];
}

function clause(word: Word | undefined, width: number, passes: number, constant: bigint): Clause | undefined {
  return word && [{ ...word, width, passes, constant: BigInt.asUintN(64, constant).toString(16) }];
}

/** Of `size` bytes at `offset` of a value. Undefined: it takes more to find them than one register and one read. */
function wordOf(node: Node, offset: number, size: number, scope: ConditionScope): Word | undefined {
  switch (node.op) {
    case "variable":
      return wordOfVariable(node, offset, size, scope);
    case "field":
      return wordOf(node.operand, offset + node.offset, size, scope);
    case "deref":
      return pointee(wordOf(node.operand, 0, WORD.size, scope), offset);
    case "element": {
      const { operand, index } = node;
      if (operand.type.kind !== "array" || index.constant?.kind !== "number") return undefined;
      return wordOf(operand, offset + Number(index.constant.numerator) * operand.type.elem.size, size, scope);
    }
    default:
      return undefined;
  }
}

function wordOfVariable(
  { variable }: Extract<Node, { op: "variable" }>,
  offset: number,
  size: number,
  { lost }: ConditionScope,
): Word | undefined {
  const piece = variable.location.find((one) => one.offset <= offset && offset + size <= one.offset + one.size);
  if (piece === undefined) return undefined;
  const { place } = piece;
  const inside = offset - piece.offset;
  if (place.at === "cfa") return { place: "stack", from: 0, offset: place.offset + inside, lost: false };
  const from = place.at === "register" ? CAPTURE_REGISTERS.indexOf(place.register as CaptureRegister) : -1;
  if (place.at !== "register" || from < 0 || inside !== 0) return undefined;
  return { place: "register", from, offset: 0, lost: lost?.registers.includes(place.register) === true };
}

function pointee(pointer: Word | undefined, offset: number): Word | undefined {
  return pointer?.place === "register" ? { ...pointer, place: "memory", offset } : undefined;
}

const UNEQUAL = ORDER.less | ORDER.greater;
const EVERY = UNEQUAL | ORDER.equal;
const PASSES: Readonly<Record<CompareOperator, number>> = {
  "==": ORDER.equal,
  "!=": UNEQUAL,
  "<": ORDER.less,
  "<=": ORDER.less | ORDER.equal,
  ">": ORDER.greater,
  ">=": ORDER.greater | ORDER.equal,
};
const MIRRORED = { "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;
