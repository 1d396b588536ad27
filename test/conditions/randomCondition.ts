/** Random conditions: as `--where` takes them, and as Go code that decides them with three values. */
import type { Random } from "../fuzz/random.ts";

export interface Condition {
  readonly text: string;
  /** A Go expression of type `verdict` (test/programs/conditions). */
  readonly go: string;
  readonly usesResults: boolean;
}

interface Operand {
  readonly text: string;
  /** Where it is not the same. */
  readonly go?: string;
}

/** Integer types: least and greatest value. */
const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int: [-(2n ** 63n), 2n ** 63n - 1n],
  int8: [-128n, 127n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint8: [0n, 255n],
  uint16: [0n, 65535n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  Level: [0n, 255n],
};
/** Conditions nest so deep, and the integer expressions in them. */
const MAX_DEPTH = 3;
const MAX_ARITHMETIC = 2;
const COMPARISONS = ["==", "!=", "<", "<=", ">", ">="];
const WORDS = ["", "a", "bob", "bobby", "é", "al", "prod-eu", "x y"];
/** User-written durations; Go has no such literals. */
const DURATIONS = [
  ["5ms", "5*time.Millisecond"],
  ["1.5s", "1500*time.Millisecond"],
  ["0s", "time.Duration(0)"],
  ["1h30m", "90*time.Minute"],
] as const;

/** What a function's parameters and results give: Go expressions by type. */
export type Operands = ReadonlyMap<string, readonly string[]>;

export class RandomConditions {
  readonly #random: Random;
  readonly #operands: Operands;

  constructor(random: Random, operands: Operands) {
    this.#random = random;
    this.#operands = operands;
  }

  /** Text and Go code; the caller knows which operands are results. */
  next(depth = MAX_DEPTH): Pick<Condition, "text" | "go"> {
    const random = this.#random;
    if (depth === 0 || random.once(3)) {
      const { text, go = text } = this.#comparison();
      return { text, go: `decide(func() bool { return ${go} })` };
    }
    const a = this.next(depth - 1);
    if (random.once(6)) return { text: `!(${a.text})`, go: `not(${a.go})` };
    const b = this.next(depth - 1);
    return random.once(2)
      ? { text: `(${a.text}) && (${b.text})`, go: `and(${a.go}, ${b.go})` }
      : { text: `(${a.text}) || (${b.text})`, go: `or(${a.go}, ${b.go})` };
  }

  #comparison(): Operand {
    const random = this.#random;
    const type = random.pick([...this.#operands.keys()]);
    if (type in INTEGERS) return this.#integerComparison(type);
    const operand = random.pick(this.#operands.get(type)!);
    switch (type) {
      case "bool":
        return { text: random.pick([operand, `!${operand}`, `${operand} == true`, `${operand} != false`]) };
      case "string": {
        const word = JSON.stringify(random.pick(WORDS));
        const call = `strings.${random.pick(["HasPrefix", "HasSuffix", "Contains"])}(${operand}, ${word})`;
        const other = random.pick(this.#operands.get(type)!);
        return {
          text: random.pick([call, `${operand} == ${word}`, `${operand} != ${word}`, `${operand} == ${other}`]),
        };
      }
      case "float32":
      case "float64":
        return { text: `${operand} ${random.pick(COMPARISONS)} ${random.pick(["0.5", "-1e10", "0", "2", operand])}` };
      case "time.Duration": {
        const [text, go] = random.pick(DURATIONS);
        const comparison = `${operand} ${random.pick(COMPARISONS)}`;
        return { text: `${comparison} ${text}`, go: `${comparison} ${go}` };
      }
      default:
        return { text: `${operand} ${random.pick(["==", "!="])} nil` };
    }
  }

  #integerComparison(type: string): Operand {
    const left = this.#integer(type, MAX_ARITHMETIC);
    const right = this.#random.once(2) ? this.#constant(type) : this.#integer(type, 1);
    return { text: `${left} ${this.#random.pick(COMPARISONS)} ${right}` };
  }

  /** Never a constant by itself: Go computes those without bounds. */
  #integer(type: string, depth: number): string {
    const random = this.#random;
    const own = this.#operands.get(type) ?? [];
    if (depth > 0 && (own.length === 0 || random.once(6))) {
      const from = random.pick([...this.#operands.keys()].filter((candidate) => candidate in INTEGERS));
      return type === from || type === "Level" ? this.#atom(type, own) : `${type}(${this.#integer(from, depth - 1)})`;
    }
    if (depth === 0 || random.once(2)) return this.#atom(type, own);
    const left = this.#integer(type, depth - 1);
    const operator = random.pick(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
    if (operator === "<<" || operator === ">>") return `(${left} ${operator} ${random.pick(["1", "3", "7", "70"])})`;
    const right = random.once(2)
      ? this.#integer(type, depth - 1)
      : this.#constant(type, operator === "/" || operator === "%");
    return `(${left} ${operator} ${right})`;
  }

  #atom(type: string, own: readonly string[]): string {
    const random = this.#random;
    if (own.length > 0) return random.pick(own);
    const other = random.pick([...this.#operands].filter(([candidate]) => candidate in INTEGERS));
    return `${type}(${random.pick(other[1])})`;
  }

  #constant(type: string, notZero = false): string {
    const [least, greatest] = INTEGERS[type]!;
    const near = BigInt(this.#random.below(12)) - 4n;
    const value = this.#random.pick([near, near, near, least, greatest, greatest / 3n]);
    const fitting = value < least || value > greatest ? greatest / 2n : value;
    return String(notZero && fitting === 0n ? 3n : fitting);
  }
}
