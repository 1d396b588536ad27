/**
 * How long the closure objects are that stay on the stack: no descriptor tells their types. The function that makes one
 * writes the closure's code address to its first word (cmd/compile/internal/walk/closure.go, walkClosure):
 *
 *   LEAQ main.f.func1(SB), CX;  MOVQ CX, 8(SP)
 *
 * and for the garbage collector the compiler lists each variable of the frame that holds pointers and whose address is
 * taken, with its place and size (FUNCDATA_StackObjects; emitStackObjects in cmd/compile/internal/liveness/plive.go,
 * stackObjectRecord in runtime/stack.go). An object without pointers is not listed, and ends before the next one that
 * is, and before the frame's end.
 */
import type { Memory } from "../elf/memory.ts";
import { WORD } from "../goabi/runtime/word.ts";
import { funcdataAddress } from "./inltree.ts";
import type { Moduledata } from "./moduledata.ts";
import { FUNCDATA_STACK_OBJECTS, type Pclntab } from "./pclntab.ts";

/** Where a closure object begins. */
export interface StackClosure {
  /** The closure's code. */
  readonly closure: number;
  /** The instruction that writes its address. */
  readonly at: number;
  /** From RSP there to the object, bytes. */
  readonly fromSp: number;
}

/** Bytes. `exact`: neither more nor less, else at most so many. */
export interface ObjectSize {
  readonly bytes: number;
  readonly exact: boolean;
}

const LEA = 0x8d;
const LEA_BYTES = 7;
const REX_W = 0x48;
/** R8 to R15. */
const REX_WR = 0x4c;
const MOV_STORE = 0x89;
const SIB_RSP = 0x24;
const STORE_BYTES = 8;

/** Where the program makes one on the stack, in the order of its code. */
export function stackClosures(
  code: Uint8Array,
  address: number,
  closures: { has(closure: number): boolean },
): StackClosure[] {
  const found: StackClosure[] = [];
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const end = code.length - LEA_BYTES - STORE_BYTES;
  for (let opcode = code.indexOf(LEA, 1); opcode >= 0 && opcode < end; opcode = code.indexOf(LEA, opcode + 1)) {
    const rex = code[opcode - 1]!;
    const modrm = code[opcode + 1]!;
    // LEAQ x(SB), R.
    if ((rex !== REX_W && rex !== REX_WR) || (modrm & 0xc7) !== 0x05) continue;
    const at = opcode - 1 + LEA_BYTES;
    const closure = address + at + view.getInt32(opcode + 2, true);
    if (!closures.has(closure)) continue;
    // MOVQ R, n(SP), the same register.
    const [storeRex, store, place = 0, sib] = code.subarray(at, at + 4);
    if (storeRex !== rex || store !== MOV_STORE || sib !== SIB_RSP || (place & 0x3f) !== ((modrm & 0x38) | 4)) continue;
    const width = place >> 6;
    if (width === 3) continue;
    const fromSp = width === 0 ? 0 : width === 1 ? view.getInt8(at + 4) : view.getInt32(at + 4, true);
    found.push({ closure, at: address + at, fromSp });
  }
  return found;
}

/** From the first to the last function's list: they stand among the runtime's read-only data. */
const MAX_LISTS_BYTES = 64 << 20;
/** Of one function's list, more is not looked at. */
const MAX_LIST_BYTES = 64 << 10;

/**
 * By the closure's code; none where two makers disagree. `code`: the program's, from `address` on. `closures`: those in
 * question, by their code.
 */
export async function sizesOnStack(
  code: Uint8Array,
  address: number,
  closures: { has(closure: number): boolean },
  program: { readonly memory: Memory; readonly moduledata: Moduledata | undefined; readonly pclntab: Pclntab },
): Promise<Map<number, ObjectSize>> {
  const { memory, moduledata, pclntab } = program;
  const made = stackClosures(code, address, closures).flatMap(({ closure, at, fromSp }) => {
    const index = pclntab.indexOf(at);
    const depth = index < 0 ? undefined : pclntab.stackAt(index, at);
    if (depth === undefined) return [];
    const list = funcdataAddress(pclntab, moduledata?.gofunc, index, FUNCDATA_STACK_OBJECTS);
    // Above the variables stands the caller's frame pointer (cmd/internal/obj/x86/obj6.go, preprocess).
    return { closure, list, place: fromSp - (depth - WORD) };
  });
  const lists = made.flatMap(({ list }) => list ?? []);
  const start = lists.reduce((least, list) => Math.min(least, list), Number.POSITIVE_INFINITY);
  const end = lists.reduce((most, list) => Math.max(most, list), 0);
  if (end - start > MAX_LISTS_BYTES) return new Map();
  const bytes = lists.length === 0 ? undefined : await memory.readUpTo(start, end - start + MAX_LIST_BYTES);
  const sizes = new Map<number, ObjectSize>();
  const disagreeing = new Set<number>();
  for (const { closure, list, place } of made) {
    const size = sizeOnStack(place, list === undefined ? undefined : bytes?.subarray(list - start));
    const known = sizes.get(closure);
    if (size === undefined || (known !== undefined && (known.bytes !== size.bytes || known.exact !== size.exact)))
      disagreeing.add(closure);
    else sizes.set(closure, size);
  }
  for (const closure of disagreeing) sizes.delete(closure);
  return sizes;
}

/** What a frame's list of stack objects says of one of its variables. */
const RECORD = { bytes: 16, offset: 0, size: 4 } as const;
/** Of one function's variables. */
const MAX_RECORDS = 65_536;

/**
 * `place`: of the object, bytes from the end of the frame's variables (negative). `bytes`: FUNCDATA_StackObjects, from its
 * first byte on; undefined where the function has none. Undefined where the list cannot be right.
 */
export function sizeOnStack(place: number, bytes: Uint8Array | undefined): ObjectSize | undefined {
  if (place >= 0) return undefined;
  let atMost = -place;
  if (bytes === undefined) return { bytes: atMost, exact: false };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < WORD) return undefined;
  const count = Number(view.getBigUint64(0, true));
  if (count > MAX_RECORDS || WORD + count * RECORD.bytes > bytes.byteLength) return undefined;
  let exact: number | undefined;
  for (let at = WORD; at < WORD + count * RECORD.bytes; at += RECORD.bytes) {
    const offset = view.getInt32(at + RECORD.offset, true);
    const size = view.getInt32(at + RECORD.size, true);
    if (offset === place) {
      // Variables that are not alive together may share a place.
      if (exact !== undefined && exact !== size) return undefined;
      exact = size;
    } else if (offset > place && offset < 0) atMost = Math.min(atMost, offset - place);
    else if (offset < place && offset + size > place) return undefined;
  }
  if (exact === undefined) return { bytes: atMost, exact: false };
  return exact >= WORD && exact <= atMost ? { bytes: exact, exact: true } : undefined;
}
