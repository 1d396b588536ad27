/** Go's strconv.FormatFloat(v, 'g', -1, bits) and strconv.FormatComplex(v, 'g', -1, bits). */

export function formatFloat(value: number, bits: 32 | 64): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (value === 0) return `${sign}0`;
  const decimal = bits === 64 ? shortest64(Math.abs(value)) : shortest32(Math.abs(value));
  return sign + layOut(decimal);
}

export function formatComplex(real: number, imaginary: number, bits: 32 | 64): string {
  const second = formatFloat(imaginary, bits);
  const plus = second.startsWith("+") || second.startsWith("-") ? "" : "+";
  return `(${formatFloat(real, bits)}${plus}${second}i)`;
}

/** 0.d1d2d3… × 10^point, as strconv's decimalSlice. */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

/** strconv/ftoa.go, formatDigits: with the fewest digits, 'g' takes the exponent form below 1e-04 and from 1e+06 on. */
function layOut({ digits, point }: Decimal): string {
  const exponent = point - 1;
  if (exponent < -4 || exponent >= 6) {
    const rest = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${digits[0]}${rest}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (point <= 0) return `0.${"0".repeat(-point)}${digits}`;
  if (digits.length <= point) return digits + "0".repeat(point - digits.length);
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** JavaScript's own conversion is the shortest that reads back as the same float64, and the closest of those. */
function shortest64(value: number): Decimal {
  return parseExponential(value.toExponential());
}

/**
 * The shortest decimal that reads back as the same float32, and the closest of those. Exact arithmetic: reading a
 * decimal as float64 first and rounding that to float32 can round twice.
 */
function shortest32(value: number): Decimal {
  const { mantissa, exponent } = parts32(value);
  // Everything nearer to the value than to its neighbours, in units of 2^(exponent - 2); the gap below a power of two
  // is half as wide. The ends themselves round to the even mantissa.
  const unit = exponent - 2;
  const lower = 4n * mantissa - (mantissa === IMPLICIT_BIT_32 && exponent > MIN_EXPONENT_32 ? 1n : 2n);
  const upper = 4n * mantissa + 2n;
  const endsIncluded = mantissa % 2n === 0n;
  const point = parseExponential(value.toExponential()).point;
  for (let digits = 1; ; digits++) {
    for (const candidate of roundings(mantissa, exponent, point - digits)) {
      if (digits >= MAX_DIGITS_32 || isWithin(candidate, point - digits, lower, upper, unit, endsIncluded)) {
        return trimmed(candidate, point - digits);
      }
    }
  }
}

/** IEEE 754 binary32. */
const IMPLICIT_BIT_32 = 1n << 23n;
const MIN_EXPONENT_32 = -149;
/** Nine digits tell any two float32 values apart. */
const MAX_DIGITS_32 = 9;

/** value = mantissa × 2^exponent. */
function parts32(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  const biased = (bits >>> 23) & 0xff;
  const fraction = BigInt(bits & 0x7fffff);
  if (biased === 0) return { mantissa: fraction, exponent: MIN_EXPONENT_32 };
  return { mantissa: fraction | IMPLICIT_BIT_32, exponent: biased + MIN_EXPONENT_32 - 1 };
}

/** mantissa × 2^exponent in whole units of 10^power: the nearest number of units (the even one of two), then the other. */
function roundings(mantissa: bigint, exponent: number, power: number): [bigint, bigint] {
  const value = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa;
  const divisor = (exponent < 0 ? 1n << BigInt(-exponent) : 1n) * (power > 0 ? 10n ** BigInt(power) : 1n);
  const dividend = power < 0 ? value * 10n ** BigInt(-power) : value;
  const below = dividend / divisor;
  const twice = 2n * (dividend % divisor);
  const up = twice > divisor || (twice === divisor && below % 2n === 1n);
  return up ? [below + 1n, below] : [below, below + 1n];
}

/** Whether digits × 10^power lies between lower × 2^unit and upper × 2^unit. */
function isWithin(digits: bigint, power: number, lower: bigint, upper: bigint, unit: number, ends: boolean): boolean {
  let left = digits;
  let scale = 1n;
  if (power >= 0) left *= 10n ** BigInt(power);
  else scale *= 10n ** BigInt(-power);
  if (unit >= 0) scale <<= BigInt(unit);
  else left <<= BigInt(-unit);
  const low = lower * scale;
  const high = upper * scale;
  return ends ? low <= left && left <= high : low < left && left < high;
}

function trimmed(digits: bigint, power: number): Decimal {
  const text = String(digits);
  return { digits: text.replace(/0+$/, ""), point: text.length + power };
}

/** `1.25e+3` → digits 125, point 4. */
function parseExponential(text: string): Decimal {
  const [mantissa = "", exponent = "0"] = text.split("e");
  return { digits: mantissa.replace(".", ""), point: Number(exponent) + 1 };
}
