/**
 * Go's calling convention: which register or stack slot each parameter and result takes.
 *
 * Sources: cmd/compile/abi-internal.md ("Function call argument and result passing"),
 * cmd/compile/internal/abi/abiutils.go (assignParam, tryAllocRegs), cmd/compile/internal/types/size.go (registers per
 * type). ABI0 is the same algorithm with no registers at all. The result is checked against package reflect's own
 * implementation (reflect/abi.go) by test/unit/goabi/assign.test.ts.
 */
import { ARCHITECTURES, type Arch, type Architecture } from "../arch/arch.ts";
import { INTERFACE_LAYOUT, POINTER_LAYOUT, SCALAR_LAYOUTS, SLICE_LAYOUT } from "./layout.ts";
import type { CallingConvention, Location, Piece } from "./location.ts";
import type { GoType } from "./type.ts";
import { type Word, type Words, wordsOf } from "./words.ts";

export interface Assignment {
  readonly params: readonly Location[];
  readonly results: readonly Location[];
}

/**
 * Places every parameter (in source order, receiver and `.dict` first, blank ones included) and every result.
 * A type whose size or structure is not known makes that value, and all that is assigned after it, unknown.
 */
export function assignSignature(
  arch: Arch,
  convention: CallingConvention,
  params: readonly GoType[],
  results: readonly GoType[],
): Assignment {
  const machine = ARCHITECTURES[arch];
  const state = new AssignState(convention === "register" ? machine : NO_REGISTERS, machine.firstStackOffset);
  const placedParams = params.map((type) => state.assign(type));
  state.startResults();
  const placedResults = results.map((type) => state.assign(type));
  return { params: placedParams, results: placedResults };
}

type RegisterFile = Pick<Architecture, "integerRegisters" | "floatRegisters">;

const NO_REGISTERS: RegisterFile = { integerRegisters: [], floatRegisters: [] };

const WORD = 8;
/** Registers hold at most 31; a value of more goes to the stack or is damaged. */
const MAX_WORDS = 32;
/** Go's own limit is 2^50 bytes; beyond 2^31 no parameter compiles (cmd/compile: "stack frame too large"). */
const MAX_TYPE_SIZE = 2 ** 31;

class AssignState {
  private readonly registers: RegisterFile;
  private integerUsed = 0;
  private floatUsed = 0;
  private stackOffset: number;
  /** Why register or stack positions can no longer be known. */
  private lostRegisters: string | undefined;
  private lostStack: string | undefined;

  constructor(registers: RegisterFile, stackOffset: number) {
    this.registers = registers;
    this.stackOffset = stackOffset;
  }

  startResults(): void {
    this.integerUsed = 0;
    this.floatUsed = 0;
    this.lostRegisters = undefined;
    this.stackOffset = alignUp(this.stackOffset, WORD);
  }

  assign(type: GoType): Location {
    const damage = sizeDamage(type);
    if (damage !== undefined) return this.lose(type, damage);
    if (type.size === 0) {
      // abi-internal.md: a zero-sized value is stack-assigned; only its alignment shows.
      this.stackOffset = alignUp(this.stackOffset, type.align);
      return [];
    }
    if (this.registers.integerRegisters.length === 0) return this.onStack(type);
    const assigned = wordsToAssign(type);
    if (assigned.kind === "unknown") return this.lose(type, assigned.reason);
    if (assigned.kind === "many") return this.onStack(type);
    // Whether this value still fits the registers decides where it goes: not knowable after an unknown one.
    if (this.lostRegisters !== undefined) return this.lose(type, this.lostRegisters);
    return this.inRegisters(assigned.words) ?? this.onStack(type);
  }

  /** All or nothing: the counters move only when every word fits. */
  private inRegisters(words: readonly Word[]): Location | undefined {
    let integerUsed = this.integerUsed;
    let floatUsed = this.floatUsed;
    const pieces: Piece[] = [];
    for (const { offset, size, float } of words) {
      const register = float
        ? this.registers.floatRegisters[floatUsed++]
        : this.registers.integerRegisters[integerUsed++];
      if (register === undefined) return undefined;
      pieces.push({ offset, size, place: { at: "register", register } });
    }
    this.integerUsed = integerUsed;
    this.floatUsed = floatUsed;
    return pieces;
  }

  private onStack(type: GoType): Location {
    if (this.lostStack !== undefined) return unknownLocation(type, this.lostStack);
    const offset = alignUp(this.stackOffset, type.align);
    this.stackOffset = offset + type.size;
    return [{ offset: 0, size: type.size, place: { at: "cfa", offset } }];
  }

  private lose(type: GoType, reason: string): Location {
    this.lostRegisters ??= `its place depends on a value that cannot be placed (${reason})`;
    this.lostStack ??= this.lostRegisters;
    return unknownLocation(type, reason);
  }
}

/** One piece that says why; the size is the type's where that is known. */
export function unknownLocation(type: GoType, reason: string): Location {
  if (type.size === 0) return [];
  return [{ offset: 0, size: Math.max(type.size, 0), place: { at: "unknown", reason } }];
}

/** What keeps a value out of registers whatever its size, or from being placed at all. */
function wordsToAssign(type: GoType): Words {
  let onStack = false;
  const words = wordsOf(type, MAX_WORDS, {
    damageOf(part) {
      const damage = sizeDamage(part) ?? fieldDamage(part);
      if (damage !== undefined) return damage;
      // Vector types of Go 1.26's simd experiment are structs to DWARF but one vector register to the ABI.
      const vector = part.kind === "struct" && /(^|\/)simd(\/archsimd)?\./.test(part.linkName ?? part.name);
      return vector ? `${part.name} is a vector type` : undefined;
    },
    // abi-internal.md: arrays of two elements and more are never in registers.
    skips(part) {
      if (part.kind === "array" && part.length > 1) onStack = true;
      return part.kind === "array" && part.length > 1;
    },
  });
  return onStack && words.kind === "words" ? { kind: "many" } : words;
}

function fieldDamage(type: GoType): string | undefined {
  if (type.kind !== "struct") return undefined;
  const outside = type.fields.find(
    ({ offset, type: { size } }) => offset < 0 || offset + Math.max(size, 0) > type.size,
  );
  return outside === undefined ? undefined : `the field ${outside.name} lies outside ${type.name}`;
}

/** A type that says otherwise is damaged, and a guess from it would be wrong. */
function sizeOfKind(kind: GoType["kind"]): number | undefined {
  switch (kind) {
    case "array":
    case "struct":
    case "unknown":
      return undefined;
    case "slice":
      return SLICE_LAYOUT.size;
    case "interface":
      return INTERFACE_LAYOUT.size;
    case "ptr":
    case "map":
    case "chan":
    case "func":
      return POINTER_LAYOUT.size;
    default:
      return SCALAR_LAYOUTS[kind].size;
  }
}

function sizeDamage(type: GoType): string | undefined {
  if (type.size < 0) return type.kind === "unknown" ? type.reason : `the size of ${type.name} is not known`;
  if (!Number.isSafeInteger(type.size) || type.size > MAX_TYPE_SIZE)
    return `${type.name} cannot have ${type.size} bytes`;
  const expected = sizeOfKind(type.kind);
  if (expected !== undefined && type.size !== expected) {
    return `${type.name} is a ${type.kind} and cannot have ${type.size} bytes`;
  }
  if (type.align !== 1 && type.align !== 2 && type.align !== 4 && type.align !== 8) {
    return `the alignment of ${type.name} is not known`;
  }
  if (type.kind === "array" && (type.length < 0 || type.length * type.elem.size !== type.size)) {
    return `the length of ${type.name} contradicts its size`;
  }
  // The compiler pads only after a field, so bytes without any field are fields that were lost.
  if (type.kind === "struct" && type.size > 0 && type.fields.length === 0) {
    return `the fields of ${type.name} are not known`;
  }
  return undefined;
}

function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
