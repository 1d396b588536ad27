/** The condition machine (src/protocol/condition.ts) in TypeScript: what bpf/condition.h must do. */
import { CAPTURE_REGISTERS } from "../../../src/protocol/capture.ts";
import {
  CONDITION_STRINGS,
  type ConditionInstruction,
  type ConditionProgram,
  KEPT_STRINGS,
  LATE,
  MAX_CONTAINS,
  MAX_FIND_PAIRS,
  MAX_STRING_LOOK,
  ORDER,
  type ScreenTest,
  WIDTH,
} from "../../../src/protocol/condition.ts";

export interface Machine {
  /** X0 to X14: of the call, the low 8 bytes each; none: no frame showed them. */
  readonly registers: Readonly<Record<string, bigint>>;
  readonly cfa: bigint;
  /** Undefined: the goroutine could not be read. */
  readonly goid: bigint | undefined;
  readonly g: bigint | undefined;
  readonly durationNs: bigint;
  /** The call has lost what its registers held. */
  readonly lost?: boolean;
  /** The hit's own signal frame has come. */
  readonly ownFrame?: boolean;
  /** Undefined: not readable as a whole. */
  read(address: bigint, size: number): Uint8Array | undefined;
}

/** What the screen (bpf/screen.h) must do: false where it turns the call away. */
export function passesScreen({ screen }: ConditionProgram, machine: Machine): boolean {
  let fails = true;
  for (const test of screen) {
    fails &&= testFails(test, machine);
    if (test.or) continue;
    if (fails) return false;
    fails = true;
  }
  return true;
}

function testFails({ place, from, offset, width, passes, lost, constant }: ScreenTest, machine: Machine): boolean {
  if (lost && machine.lost === true) return false;
  const registerOf = (number: number): bigint => machine.registers[CAPTURE_REGISTERS[number] ?? ""] ?? 0n;
  const register = registerOf(from);
  if (place === "bytes") {
    const most = BigInt(`0x${constant}`);
    const count = registerOf(offset) < most ? registerOf(offset) : most;
    return count === 0n || machine.read(register, Number(count)) !== undefined;
  }
  const base = place === "stack" ? machine.cfa : register;
  let word = base;
  if (place !== "register") {
    if (base === 0n && (width & WIDTH.nilIsZero) === 0) return false;
    const bytes = base === 0n ? new Uint8Array() : machine.read(u64(base + BigInt(offset)), 1 << (width & WIDTH.log2));
    if (bytes === undefined) return false;
    word = littleEndian(bytes);
  }
  const signed = (width & WIDTH.signed) !== 0;
  const [x, y] = [word, BigInt(`0x${constant}`)].map((value, side) => {
    const extended = side === 0 ? u64(extend(value, width)) : value;
    return signed ? s64(extended) : extended;
  }) as [bigint, bigint];
  return (passes & (x < y ? ORDER.less : x > y ? ORDER.greater : ORDER.equal)) === 0;
}

/** From the entry to the return. */
export class KeptState {
  readonly values: Value[] = [];
  readonly strings: Text[] = [];
}

/** `late`: at the return; `reason`: number of the reason, 1 for the first. */
export type Verdict = "pass" | "reject" | "late" | { readonly reason: number };

interface Value {
  readonly bits: bigint;
  readonly reason: number;
}
interface Text {
  readonly reason: number;
  readonly length: bigint;
  /** Of the first byte that was looked at. */
  readonly start: bigint;
  readonly bytes: Buffer;
}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);

export function run({ instructions, constants, text }: ConditionProgram, machine: Machine, kept: KeptState): Verdict {
  const values: Value[] = [];
  const strings: Text[] = [];
  const pool = Buffer.from(text, "hex");
  const firstKept = CONDITION_STRINGS - KEPT_STRINGS;
  const textOf = (slot: number): Text =>
    (slot >= firstKept ? kept.strings[slot - firstKept] : strings[slot]) ?? unset();
  const set = (slot: number, value: Text): void => {
    if (slot >= firstKept) kept.strings[slot - firstKept] = value;
    else strings[slot] = value;
  };
  for (let pc = 0; pc < instructions.length; pc += 1) {
    const instruction = instructions[pc]!;
    const { op, dst, imm, length } = instruction;
    const a = values[instruction.a] ?? { bits: 0n, reason: 0 };
    const b = values[instruction.b] ?? { bits: 0n, reason: 0 };
    switch (op) {
      case "end":
        if (a.reason === LATE) return "late";
        return a.reason > 0 ? { reason: a.reason } : a.bits === 0n ? "reject" : "pass";
      case "jumpIfFalse":
      case "jumpIfTrue":
        if (a.reason === 0 && (a.bits === 0n) === (op === "jumpIfFalse")) pc = imm - 1;
        continue;
      case "keep":
        kept.values[imm] = a;
        continue;
      case "recall":
        values[dst] = kept.values[imm] ?? unset();
        continue;
      case "bothTrue":
      case "eitherTrue": {
        const decisive = op === "bothTrue" ? 0n : 1n;
        const decided = [a, b].find(({ bits, reason }) => reason === 0 && bits === decisive);
        // What is to be had at the return may still decide.
        const open = [a, b].find(({ reason }) => reason === LATE) ?? [a, b].find(({ reason }) => reason > 0);
        values[dst] = decided ?? open ?? { bits: 1n - decisive, reason: 0 };
        continue;
      }
      case "text":
        set(dst, { reason: 0, length: BigInt(length), start: 0n, bytes: pool.subarray(imm, imm + length) });
        continue;
      case "string":
        set(dst, readString(instruction, a, b, machine));
        continue;
      case "find":
        set(dst, find(instruction, a, b, pool.subarray(imm, imm + length), machine));
        continue;
      case "stringEqual":
      case "hasPrefix":
      case "hasSuffix":
      case "contains":
      case "stringCompare":
        values[dst] = stringOp(instruction, textOf(instruction.a), textOf(instruction.b));
        continue;
      default:
        values[dst] = scalar(instruction, a, b, constants, machine);
    }
  }
  throw new Error("the program has no end");
}

function unset(): never {
  throw new Error("a value is used that was never set");
}

const known = (bits: bigint | boolean): Value => ({ bits: u64(BigInt(bits)), reason: 0 });

function floatRegister({ a, reason, fault }: ConditionInstruction, { registers, lost }: Machine): Value {
  if (lost === true && reason > 0) return { bits: 0n, reason };
  const bits = registers[`X${a}`];
  return bits === undefined ? { bits: 0n, reason: fault } : known(bits);
}

function scalar(
  instruction: ConditionInstruction,
  a: Value,
  b: Value,
  constants: readonly string[],
  machine: Machine,
): Value {
  const { op, imm, width, reason } = instruction;
  switch (op) {
    case "number":
      return known(BigInt(imm));
    case "constant":
      return known(BigInt(`0x${constants[imm]}`));
    case "register":
      return machine.lost === true && reason > 0
        ? { bits: 0n, reason }
        : known(machine.registers[CAPTURE_REGISTERS[instruction.a] ?? ""] ?? 0n);
    case "cfa":
      return known(machine.cfa + BigInt(imm));
    case "goid":
    case "g": {
      const bits = machine[op];
      return bits === undefined ? { bits: 0n, reason: instruction.fault } : known(bits);
    }
    case "duration":
      return known(machine.durationNs);
    case "late":
      return { bits: 0n, reason: LATE };
    case "ownFloat": {
      const own = floatRegister(instruction, machine);
      if (own.reason === reason && reason > 0) return own;
      return machine.ownFrame === true && own.reason === 0 ? own : { bits: 0n, reason: LATE };
    }
    case "float":
      return floatRegister(instruction, machine);
    default:
  }
  if (a.reason > 0) return a;
  const unary = UNARY.has(op);
  if (!unary && b.reason > 0) return b;
  const undecided = (why: number): Value => ({ bits: 0n, reason: why });
  const [x, y] = [a.bits, b.bits];
  const signed = (width & WIDTH.signed) !== 0;
  const [sx, sy] = signed ? [s64(x), s64(y)] : [x, y];
  switch (op) {
    case "load": {
      if (x === 0n) return (width & WIDTH.nilIsZero) !== 0 ? known(0n) : undecided(reason);
      const size = 1 << (width & WIDTH.log2);
      const bytes = machine.read(u64(x + BigInt(imm)), size);
      if (bytes === undefined) return undecided(instruction.fault);
      return known(extend(littleEndian(bytes), width));
    }
    case "extend":
    case "move":
      return known(op === "move" ? x : extend(x, width));
    case "not":
      return known(1n - x);
    case "notNil":
      return x === 0n ? undecided(reason) : a;
    case "notNegative":
      return s64(x) < 0n ? undecided(reason) : a;
    case "bound":
      return x >= y ? undecided(reason) : a;
    case "add":
      return known(extend(x + y, width));
    case "subtract":
      return known(extend(x - y, width));
    case "multiply":
      return known(extend(x * y, width));
    case "divide":
    case "remainder":
      if (y === 0n) return undecided(reason);
      return known(extend(op === "divide" ? sx / sy : sx % sy, width));
    case "and":
      return known(extend(x & y, width));
    case "or":
      return known(extend(x | y, width));
    case "xor":
      return known(extend(x ^ y, width));
    case "andNot":
      return known(extend(x & ~y, width));
    case "shiftLeft":
      return known(y > 63n ? 0n : extend(x << y, width));
    case "shiftRight":
      return known(y > 63n ? (sx < 0n ? -1n : 0n) : extend(sx >> y, width));
    case "equal":
      return known(x === y);
    case "notEqual":
      return known(x !== y);
    case "less":
      return known(sx < sy);
    case "lessOrEqual":
      return known(sx <= sy);
    case "floatEqual":
      return known(float(x, width) === float(y, width));
    case "floatNotEqual":
      return known(float(x, width) !== float(y, width));
    case "floatLess":
      return known(float(x, width) < float(y, width));
    case "floatLessOrEqual":
      return known(float(x, width) <= float(y, width));
    default:
      throw new Error(`no such instruction: ${op}`);
  }
}

const UNARY = new Set(["load", "extend", "move", "not", "notNil", "notNegative"]);

function extend(value: bigint, width: number): bigint {
  const bits = 8 << (width & WIDTH.log2);
  return (width & WIDTH.signed) !== 0 ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

function float(bits: bigint, width: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return (width & WIDTH.log2) === 2 ? view.getFloat32(4) : view.getFloat64(0);
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function undecidedText(reason: number): Text {
  return { reason, length: 0n, start: 0n, bytes: Buffer.alloc(0) };
}

function readString(
  { imm, width, fault }: ConditionInstruction,
  pointer: Value,
  length: Value,
  machine: Machine,
): Text {
  const reason = pointer.reason || length.reason;
  if (reason > 0) return undecidedText(reason);
  const look = Number(length.bits < BigInt(imm) ? length.bits : BigInt(imm));
  const start = (width & WIDTH.tail) !== 0 ? length.bits - BigInt(look) : 0n;
  const bytes = look === 0 ? new Uint8Array() : machine.read(u64(pointer.bits + start), look);
  return bytes === undefined
    ? undecidedText(fault)
    : { reason: 0, length: length.bits, start, bytes: Buffer.from(bytes) };
}

function find(instruction: ConditionInstruction, base: Value, count: Value, key: Buffer, machine: Machine): Text {
  const { width: stride, extra, fault, reason } = instruction;
  if (base.reason > 0 || count.reason > 0) return undecidedText(base.reason || count.reason);
  if (count.bits > BigInt(MAX_FIND_PAIRS)) return undecidedText(reason);
  for (let index = 0n; index < count.bits; index += 1n) {
    const at = base.bits + index * BigInt(stride);
    const word = (address: bigint): bigint | undefined => {
      const bytes = machine.read(u64(address), 8);
      return bytes && littleEndian(bytes);
    };
    const [pointer, length] = [word(at), word(at + 8n)];
    if (pointer === undefined || length === undefined) return undecidedText(fault);
    if (length !== BigInt(key.length)) continue;
    const bytes = key.length === 0 ? Buffer.alloc(0) : machine.read(pointer, key.length);
    if (bytes === undefined) return undecidedText(fault);
    if (!key.equals(bytes)) continue;
    const [value, valueLength] = [word(at + BigInt(extra)), word(at + BigInt(extra) + 8n)];
    if (value === undefined || valueLength === undefined) return undecidedText(fault);
    return readString({ ...instruction, imm: MAX_STRING_LOOK, width: 0 }, known(value), known(valueLength), machine);
  }
  return { reason: 0, length: 0n, start: 0n, bytes: Buffer.alloc(0) };
}

function stringOp({ op, reason, fault }: ConditionInstruction, a: Text, b: Text): Value {
  const undecided = (why: number): Value => ({ bits: 0n, reason: why });
  if (a.reason > 0 || b.reason > 0) return undecided(a.reason || b.reason);
  const whole = (text: Text): boolean => text.start === 0n && BigInt(text.bytes.length) === text.length;
  const common = Math.min(a.bytes.length, b.bytes.length);
  const order = Buffer.compare(a.bytes.subarray(0, common), b.bytes.subarray(0, common));
  switch (op) {
    case "stringEqual":
      if (a.length !== b.length || order !== 0) return known(false);
      return whole(a) ? known(true) : undecided(reason);
    case "stringCompare":
      if (order !== 0) return known(BigInt(order));
      // The shorter one was seen whole: its end decides.
      if (BigInt(common) === (a.length < b.length ? a.length : b.length)) {
        return known(a.length < b.length ? -1n : a.length > b.length ? 1n : 0n);
      }
      return undecided(reason);
    case "hasPrefix":
    case "hasSuffix": {
      if (b.length > a.length) return known(false);
      if (!whole(b)) return undecided(fault);
      const from = op === "hasPrefix" ? 0 : Number(a.length - b.length - a.start);
      if (from < 0 || from + b.bytes.length > a.bytes.length) return undecided(reason);
      return known(a.bytes.subarray(from, from + b.bytes.length).equals(b.bytes));
    }
    default:
      if (b.length > a.length) return known(false);
      if (!whole(b) || b.bytes.length > MAX_CONTAINS) return undecided(fault);
      if (a.bytes.includes(b.bytes)) return known(true);
      return whole(a) ? known(false) : undecided(reason);
  }
}
