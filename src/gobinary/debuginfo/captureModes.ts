/**
 * Whether a closure object holds a variable or its address, where neither DWARF nor the object's type tells. The compiler lists a captured
 * variable as `&n`, a pointer, not only when the object holds that pointer, but also when it holds the variable itself
 * and the code takes its address there: a struct of more than four words, an array, the key of a map
 * (cmd/compile/internal/ssagen, setHeapaddr; dwarfgen gives both the same closure offset). The code tells: the
 * instruction after which the pointer is in the register that DWARF names loads the word (by reference) or adds the
 * offset to the object's address (by value).
 */
import { DamagedError } from "../../bytes/reader.ts";
import { AT } from "../../dwarf/constants.ts";
import { attribute, type Die, numberOf } from "../../dwarf/die.ts";
import { type CaptureMode, typeOfListedAddress } from "./closureVariables.ts";
import type { Dwarf } from "./dwarf.ts";

/** Bytes that are captured by value at most (cmd/compile/internal/escape, Batch.finish: SetByval). */
const MAX_BY_VALUE = 128;

/** REX, opcode, ModRM, SIB and a displacement of four bytes. */
const MAX_INSTRUCTION = 8;
/** Without optimisation the pointers are stored to the frame one after the other when the function begins. */
const PROLOGUE_BYTES = 1024;
/** DWARF's numbers of RAX to R15 as the machine's. */
const MACHINE_NUMBER = [0, 2, 1, 3, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];
const DW_OP_REG0 = 0x50;
/** Upper bits of ModRM: a register, and which operation on it. */
const ADD = 0b11000;
const SUB = 0b11101;
const RDX = 2;
const RSP = 4;

/**
 * Of the variables of closures that are listed as `&n`, by the DIE's offset; those that nothing proves are missing.
 * `code`: of the closures in question, by its address; amd64.
 */
export async function captureModes(
  dwarf: Dwarf,
  code: ReadonlyMap<number, Uint8Array>,
): Promise<ReadonlyMap<number, CaptureMode>> {
  const modes = new Map<number, CaptureMode>();
  if (code.size === 0) return modes;
  try {
    for (const [entry, dies] of dwarf.closures()) {
      const bytes = code.get(entry);
      if (bytes === undefined) continue;
      for (const die of dies) {
        const mode = await captureMode(dwarf, die, entry, bytes);
        if (mode !== undefined) modes.set(die.offset, mode);
      }
    }
  } catch (error) {
    // Of the others it stays unknown.
    if (!(error instanceof DamagedError)) throw error;
  }
  return modes;
}

async function captureMode(dwarf: Dwarf, die: Die, entry: number, code: Uint8Array): Promise<CaptureMode | undefined> {
  const type = typeOfListedAddress(dwarf, die);
  if (type === undefined) return undefined;
  if (type.size > MAX_BY_VALUE) return "reference";
  const offset = numberOf(die, AT.goClosureOffset) ?? 0;
  if (attribute(die, AT.location) instanceof Uint8Array)
    return storedInPrologue(code.subarray(0, PROLOGUE_BYTES), offset);
  const lists = await dwarf.locationLists();
  return firstInRegister(code, entry, lists.first(die), offset);
}

function firstInRegister(
  bytes: Uint8Array,
  entry: number,
  first: { readonly low: number; readonly expression: Uint8Array } | undefined,
  offset: number,
): CaptureMode | undefined {
  if (first === undefined || first.expression.length !== 1 || first.low < entry) return undefined;
  const register = MACHINE_NUMBER[first.expression[0]! - DW_OP_REG0];
  if (register === undefined) return undefined;
  const end = first.low - entry;
  const before = bytes.subarray(Math.max(0, end - MAX_INSTRUCTION), end);
  for (let at = 0; at < before.length; at++) {
    const found = addressing(before, at);
    if (found?.end === before.length && found.register === register && found.offset === offset) return found.mode;
  }
  return undefined;
}

/** `MOVQ 8(DX), CX` or `LEAQ 8(DX), CX`, then `MOVQ CX, n(SP)`. */
function storedInPrologue(code: Uint8Array, offset: number): CaptureMode | undefined {
  for (let at = 0; at < code.length; at++) {
    const found = addressing(code, at);
    if (found?.base === RDX && found.offset === offset && isStoreToFrame(code, found.end, found.register))
      return found.mode;
  }
  return undefined;
}

interface Addressing {
  readonly mode: CaptureMode;
  readonly register: number;
  readonly base: number;
  readonly offset: number;
  readonly end: number;
}

/**
 * `MOVQ offset(base), register`, `LEAQ offset(base), register`, `ADDQ $offset, register`, or `SUBQ $-128, register`, which
 * is shorter than adding 128 (Intel SDM 2A, 2.1 and 2.2.1).
 */
function addressing(code: Uint8Array, at: number): Addressing | undefined {
  const [rex = 0, opcode = 0, modrm = 0] = code.subarray(at, at + 3);
  // REX.W, no index register.
  if ((rex & 0xfa) !== 0x48) return undefined;
  const high = (rex & 1) << 3;
  const base = (modrm & 7) | high;
  const add = opcode === 0x83 || opcode === 0x81;
  if (add) {
    if (modrm >> 3 !== ADD && modrm >> 3 !== SUB) return undefined;
  } else if ((opcode !== 0x8b && opcode !== 0x8d) || (modrm >> 6 !== 1 && modrm >> 6 !== 2)) return undefined;
  const sib = !add && (modrm & 7) === RSP;
  // Of the SIB bytes only the one that names no index, for R12 as base.
  if (sib && code[at + 3] !== 0x24) return undefined;
  const displacement = at + 3 + (sib ? 1 : 0);
  const wide = add ? opcode === 0x81 : modrm >> 6 === 2;
  const end = displacement + (wide ? 4 : 1);
  // The frame is not the object.
  if (end > code.length || base === RSP) return undefined;
  const view = new DataView(code.buffer, code.byteOffset, code.length);
  const constant = wide ? view.getInt32(displacement, true) : view.getInt8(displacement);
  return {
    mode: opcode === 0x8b ? "reference" : "value",
    register: add ? base : ((modrm >> 3) & 7) | ((rex & 4) << 1),
    base,
    offset: add && modrm >> 3 === SUB ? -constant : constant,
    end,
  };
}

/** `MOVQ register, n(SP)`. */
function isStoreToFrame(code: Uint8Array, at: number, register: number): boolean {
  const [rex = 0, opcode = 0, modrm = 0, sib = 0] = code.subarray(at, at + 4);
  return (
    (rex & 0xfb) === 0x48 &&
    opcode === 0x89 &&
    modrm >> 6 !== 3 &&
    (modrm & 7) === RSP &&
    sib === 0x24 &&
    (((modrm >> 3) & 7) | ((rex & 4) << 1)) === register
  );
}
