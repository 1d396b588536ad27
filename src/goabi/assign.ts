/**
 * Go's calling convention: which register or stack slot each parameter and result takes.
 *
 * Sources: cmd/compile/abi-internal.md ("Function call argument and result passing"),
 * cmd/compile/internal/abi/abiutils.go (assignParam, tryAllocRegs), cmd/compile/internal/types/size.go (registers per
 * type). ABI0 is the same algorithm with no registers at all. The result is checked against package reflect's own
 * implementation (reflect/abi.go) by test/unit/goabi/assign.test.ts.
 */
import type { Arch, CallingConvention, Location, Piece } from "./location.ts";
import type { GoType } from "./type.ts";

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
  const registers = convention === "register" ? REGISTERS[arch] : NO_REGISTERS;
  const state = new AssignState(registers, FIRST_STACK_OFFSET[arch]);
  const placedParams = params.map((type) => state.assign(type));
  state.startResults();
  const placedResults = results.map((type) => state.assign(type));
  return { params: placedParams, results: placedResults };
}

interface RegisterFile {
  readonly integer: readonly string[];
  readonly float: readonly string[];
}

/** abi-internal.md, "amd64 architecture" and "arm64 architecture". */
const REGISTERS: Record<Arch, RegisterFile> = {
  amd64: {
    integer: ["RAX", "RBX", "RCX", "RDI", "RSI", "R8", "R9", "R10", "R11"],
    float: numbered("X", 15),
  },
  arm64: { integer: numbered("R", 16), float: numbered("F", 16) },
};
const NO_REGISTERS: RegisterFile = { integer: [], float: [] };

/** Of the first stack argument from the CFA: arm64 keeps one word for the saved link register (FixedFrameSize). */
const FIRST_STACK_OFFSET: Record<Arch, number> = { amd64: 0, arm64: 8 };

const WORD = 8;
/** Registers hold at most 31 leaves; deeper or wider types go to the stack or are damaged. */
const MAX_LEAVES = 32;
/** Nesting of a sound type stays far below; a damaged type graph may contain itself. */
const MAX_TYPE_DEPTH = 64;
/** Fields and elements without size take no register, so only this bounds the walk over a damaged or huge type. */
const MAX_VISITS = 10_000;
/** Go's own limit is 2^50 bytes; beyond 2^31 no parameter compiles (cmd/compile: "stack frame too large"). */
const MAX_TYPE_SIZE = 2 ** 31;

interface Leaf {
  readonly offset: number;
  readonly size: number;
  readonly float: boolean;
}
type Leaves =
  | { readonly kind: "leaves"; readonly leaves: readonly Leaf[] }
  /** Holds an array of two or more elements, or more leaves than there are registers. */
  | { readonly kind: "stack" }
  | { readonly kind: "unknown"; readonly reason: string };

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
    if (this.registers.integer.length === 0) return this.onStack(type);
    const leaves = leavesOf(type);
    if (leaves.kind === "unknown") return this.lose(type, leaves.reason);
    if (leaves.kind === "stack") return this.onStack(type);
    // Whether this value still fits the registers decides where it goes: not knowable after an unknown one.
    if (this.lostRegisters !== undefined) return this.lose(type, this.lostRegisters);
    return this.inRegisters(leaves.leaves) ?? this.onStack(type);
  }

  /** All or nothing: the counters move only when every leaf fits. */
  private inRegisters(leaves: readonly Leaf[]): Location | undefined {
    let integerUsed = this.integerUsed;
    let floatUsed = this.floatUsed;
    const pieces: Piece[] = [];
    for (const { offset, size, float } of leaves) {
      const register = float ? this.registers.float[floatUsed++] : this.registers.integer[integerUsed++];
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

function leavesOf(type: GoType): Leaves {
  const leaves: Leaf[] = [];
  let visits = 0;
  let onStack = false;

  function walk(type: GoType, offset: number, depth: number): string | undefined {
    if (++visits > MAX_VISITS || depth > MAX_TYPE_DEPTH) return `the type ${type.name} is nested too deeply`;
    const damage = sizeDamage(type);
    if (damage !== undefined) return damage;
    if (leaves.length > MAX_LEAVES) {
      onStack = true;
      return undefined;
    }
    switch (type.kind) {
      case "unknown":
        return type.reason;
      case "array": {
        if (type.length === 0) return undefined;
        if (type.length === 1) return walk(type.elem, offset, depth + 1);
        onStack = true;
        return undefined;
      }
      case "struct": {
        // Vector types of Go 1.26's simd experiment are structs to DWARF but one vector register to the ABI.
        if (/(^|\/)simd(\/archsimd)?\./.test(type.linkName ?? type.name)) return `${type.name} is a vector type`;
        for (const field of type.fields) {
          if (field.offset < 0 || field.offset + Math.max(field.type.size, 0) > type.size) {
            return `the field ${field.name} lies outside ${type.name}`;
          }
          const reason = walk(field.type, offset + field.offset, depth + 1);
          if (reason !== undefined) return reason;
        }
        return undefined;
      }
      case "float32":
      case "float64":
        leaves.push({ offset, size: type.size, float: true });
        return undefined;
      case "complex64":
      case "complex128": {
        const half = type.size / 2;
        leaves.push({ offset, size: half, float: true }, { offset: offset + half, size: half, float: true });
        return undefined;
      }
      default:
        // Strings, slices and interfaces are 2, 3 and 2 words; everything else is one word or less.
        for (let at = 0; at < type.size; at += WORD) {
          leaves.push({ offset: offset + at, size: Math.min(WORD, type.size - at), float: false });
        }
        return undefined;
    }
  }

  const reason = walk(type, 0, 0);
  if (reason !== undefined) return { kind: "unknown", reason };
  return onStack ? { kind: "stack" } : { kind: "leaves", leaves };
}

/** Sizes of the kinds on 64-bit machines; a type that says otherwise is damaged, and a guess from it would be wrong. */
const KIND_SIZE: Partial<Record<GoType["kind"], number>> = {
  bool: 1,
  int: 8,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  uintptr: 8,
  float32: 4,
  float64: 8,
  complex64: 8,
  complex128: 16,
  string: 16,
  "unsafe.Pointer": 8,
  ptr: 8,
  slice: 24,
  map: 8,
  chan: 8,
  func: 8,
  interface: 16,
};

function sizeDamage(type: GoType): string | undefined {
  if (type.size < 0) return type.kind === "unknown" ? type.reason : `the size of ${type.name} is not known`;
  if (!Number.isSafeInteger(type.size) || type.size > MAX_TYPE_SIZE)
    return `${type.name} cannot have ${type.size} bytes`;
  const expected = KIND_SIZE[type.kind];
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

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}
