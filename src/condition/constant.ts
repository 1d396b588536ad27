/** Go's constants: exact numbers (Go spec, "Constants"), strings and booleans, and when a type can represent one. */
import type { GoType } from "../goabi/type.ts";

export type Constant =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: Uint8Array }
  /** numerator / denominator, reduced, denominator > 0. */
  | { readonly kind: "number"; readonly numerator: bigint; readonly denominator: bigint };
export type NumberConstant = Extract<Constant, { kind: "number" }>;

/** Of a shift; the compiler's own limit for integer constants is 512 bits (types2, overflow). */
const MAX_BITS = 512;
/** Of a float literal; far beyond what any float type holds, small enough to compute with. */
const MAX_EXPONENT = 5000;
/** Of numerator and denominator: a few such literals multiplied; what grows further is refused. */
const MAX_FRACTION_BITS = 60_000;

export function number(numerator: bigint, denominator = 1n): NumberConstant | undefined {
  if (denominator === 0n) return undefined;
  const sign = denominator < 0n ? -1n : 1n;
  const divisor = gcd(magnitude(numerator), magnitude(denominator)) * sign;
  return { kind: "number", numerator: numerator / divisor, denominator: denominator / divisor };
}

export function integer(value: bigint): NumberConstant {
  return { kind: "number", numerator: value, denominator: 1n };
}

/** Of a literal's text without underscores; undefined where it is too large. */
export function parseNumber(text: string): NumberConstant | undefined {
  const hex = /^0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?\d+))?$/.exec(text);
  if (hex !== null && /[.pP]/.test(text)) {
    const [, whole = "", fraction = "", exponent = "0"] = hex;
    if (Math.abs(Number(exponent)) > MAX_EXPONENT) return undefined;
    return scaled(
      BigInt(`0x${whole}${fraction}` === "0x" ? "0" : `0x${whole}${fraction}`),
      2n,
      BigInt(exponent) - 4n * BigInt(fraction.length),
    );
  }
  if (/^0[xXbBoO]/.test(text)) return bounded(integer(BigInt(text.toLowerCase())));
  const decimal = /^(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  if (decimal === null) return undefined;
  const [, whole = "", fraction = "", exponent = "0"] = decimal;
  if (!/[.eE]/.test(text)) return bounded(integer(BigInt(/^0\d/.test(text) ? `0o${text.slice(1)}` : text)));
  if (Math.abs(Number(exponent)) > MAX_EXPONENT) return undefined;
  return scaled(BigInt(`${whole}${fraction}` || "0"), 10n, BigInt(exponent) - BigInt(fraction.length));
}

const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Nanoseconds of `1m30.5s`; undefined where it is no whole number of them. */
export function parseDuration(text: string): NumberConstant | undefined {
  let total = integer(0n);
  for (const [, count = "", unit = ""] of text.matchAll(/([0-9._]+)(ns|us|µs|μs|ms|s|m|h)/gu)) {
    // `05s` is five seconds, whatever Go makes of 05 alone.
    const value = parseNumber(`${count.replaceAll("_", "")}${count.includes(".") ? "" : "."}`);
    const sum = value && number(total.numerator + value.numerator * (UNIT_NS[unit] ?? 0n), value.denominator);
    if (sum === undefined || sum.denominator !== 1n) return undefined;
    total = sum;
  }
  return total;
}

/** `undefined`: too large. `integers`: both operands are of an integer kind, so that division truncates. */
export function compute(
  operator: string,
  a: NumberConstant,
  b: NumberConstant,
  integers: boolean,
): NumberConstant | undefined {
  const [an, ad, bn, bd] = [a.numerator, a.denominator, b.numerator, b.denominator];
  const result = (): NumberConstant | undefined => {
    switch (operator) {
      case "+":
        return number(an * bd + bn * ad, ad * bd);
      case "-":
        return number(an * bd - bn * ad, ad * bd);
      case "*":
        return number(an * bn, ad * bd);
      case "/":
        return integers ? integer(an / bn) : number(an * bd, ad * bn);
      case "%":
        return integer(an % bn);
      case "&":
        return integer(an & bn);
      case "|":
        return integer(an | bn);
      case "^":
        return integer(an ^ bn);
      case "&^":
        return integer(an & ~bn);
      case "<<":
        return bn > MAX_BITS ? undefined : integer(an << bn);
      default:
        return integer(an >> (bn > MAX_BITS * 2 ? BigInt(MAX_BITS * 2) : bn));
    }
  };
  return bounded(result());
}

/** Less than, equal to or greater than zero, as a is to b. */
export function compareNumbers(a: NumberConstant, b: NumberConstant): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export interface IntegerType {
  readonly bits: 8 | 16 | 32 | 64;
  readonly signed: boolean;
}
const INTEGERS: Partial<Record<GoType["kind"], IntegerType>> = {
  int: { bits: 64, signed: true },
  int8: { bits: 8, signed: true },
  int16: { bits: 16, signed: true },
  int32: { bits: 32, signed: true },
  int64: { bits: 64, signed: true },
  uint: { bits: 64, signed: false },
  uint8: { bits: 8, signed: false },
  uint16: { bits: 16, signed: false },
  uint32: { bits: 32, signed: false },
  uint64: { bits: 64, signed: false },
  uintptr: { bits: 64, signed: false },
};

export function integerType(type: GoType): IntegerType | undefined {
  return INTEGERS[type.kind];
}

export function fitsInteger(value: bigint, { bits, signed }: IntegerType): boolean {
  return (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value;
}

/** The bits of the nearest float (round half to even); undefined where it is beyond the largest one. */
export function floatBits(value: NumberConstant, size: 4 | 8): bigint | undefined {
  const mantissaBits = size === 4 ? 24 : 53;
  const lowest = size === 4 ? -149 : -1074;
  const view = new DataView(new ArrayBuffer(8));
  const n = magnitude(value.numerator);
  let rounded = 0;
  if (n !== 0n) {
    const quotient = (exponent: number): [bigint, bigint, bigint] => {
      const top = exponent < 0 ? n << BigInt(-exponent) : n;
      const bottom = exponent > 0 ? value.denominator << BigInt(exponent) : value.denominator;
      return [top / bottom, top % bottom, bottom];
    };
    let exponent = Math.max(lowest, bitLength(n) - bitLength(value.denominator) - mantissaBits);
    if (quotient(exponent)[0] >= 1n << BigInt(mantissaBits)) exponent += 1;
    const [whole, rest, bottom] = quotient(exponent);
    const up = rest * 2n > bottom || (rest * 2n === bottom && (whole & 1n) === 1n);
    rounded = Number(up ? whole + 1n : whole) * 2 ** exponent;
    if (rounded > (size === 4 ? 3.4028234663852886e38 : Number.MAX_VALUE)) return undefined;
    if (value.numerator < 0n) rounded = -rounded;
  }
  if (size === 8) {
    view.setFloat64(0, rounded);
    return view.getBigUint64(0);
  }
  view.setFloat32(0, rounded);
  return BigInt(view.getUint32(0));
}

function scaled(mantissa: bigint, base: bigint, exponent: bigint): NumberConstant | undefined {
  return exponent >= 0n ? number(mantissa * base ** exponent) : number(mantissa, base ** -exponent);
}

function bounded(value: NumberConstant | undefined): NumberConstant | undefined {
  if (value === undefined) return undefined;
  const bits = Math.max(bitLength(magnitude(value.numerator)), bitLength(value.denominator));
  return bits > MAX_FRACTION_BITS ? undefined : value;
}

function bitLength(value: bigint): number {
  return value.toString(16).length * 4 - Math.clz32(Number.parseInt(value.toString(16)[0] ?? "0", 16)) + 28;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 0n ? 1n : x;
}

/** As a value of this type stands in a word, not cut to it. */
export function bitsOf(constant: Constant, type: GoType): bigint {
  if (constant.kind === "bool") return constant.value ? 1n : 0n;
  if (constant.kind === "string") return 0n;
  if (type.kind === "float32" || type.kind === "float64") return floatBits(constant, type.size === 4 ? 4 : 8) ?? 0n;
  return constant.numerator;
}
