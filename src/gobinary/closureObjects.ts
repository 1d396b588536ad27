/**
 * What closure objects are made of, from the code that makes them on the heap: it asks the runtime for memory of a type,
 * whose descriptor lists all that is captured, and writes the closure's code address to its first word
 * (cmd/compile/internal/walk/closure.go, walkClosure):
 *
 *   LEAQ type:noalg.struct { F uintptr; X0 string; X1 int8 }(SB), AX;  CALL runtime.newobject(SB)
 *   LEAQ main.f.func1(SB), CX;  MOVQ CX, (AX)
 *
 * Go 1.27 calls an allocator for the object's size class, mallocgc(size, type, needzero):
 *
 *   MOVL $32, AX;  LEAQ type:…(SB), BX;  MOVL $1, CX;  CALL runtime.mallocgcSmallScanNoHeaderSC4(SB)
 *
 * With -race, -msan or -asan each write is announced first, and the object's address spilled meanwhile:
 *
 *   CALL runtime.newobject(SB);  MOVQ AX, 16(SP);  CALL runtime.racewrite(SB)
 *   LEAQ main.f.func1(SB), CX;  MOVQ 16(SP), AX;  MOVQ CX, (AX)
 *
 * Objects that do not leave their function stand on the stack and have no descriptor.
 */

const LEA_BYTES = 7;
const CALL = 0xe8;
const CALL_BYTES = 5;
/** MOVQ R, (SP) and MOVQ 8(SP), AX: argument and result up to Go 1.16. */
const STORE_ARGUMENT_BYTES = 4;
const LOAD_RESULT = [0x48, 0x8b, 0x44, 0x24, 0x08];
/** What may stand between the call and the closure's address: spills of AX, `MOVQ AX, n(SP)`, a check for nil, padding. */
const SPILLS: readonly (readonly number[])[] = [[0x48, 0x89, 0x44, 0x24, -1], [0x48, 0x89, 0x84, 0x24, -1, -1, -1, -1]]; // biome-ignore format: instructions
const BETWEEN: readonly (readonly number[])[] = [...SPILLS, [0x84, 0x00]];
const NOPS: readonly (readonly number[])[] = [[0x90], [0x66, 0x90], [0x0f, 0x1f, 0x00], [0x0f, 0x1f, 0x40, 0x00], [0x0f, 0x1f, 0x44, 0x00, 0x00], [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00], [0x0f, 0x1f, 0x80, 0, 0, 0, 0], [0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0]]; // biome-ignore format: instructions
/** Between the call and the closure's address. */
const MAX_BETWEEN = 4;

/**
 * From a closure's code to the descriptor of its object's type; none where two sites disagree. Addresses in the file.
 * `code`: the program's, from `address` on. `allocators`: of `isAllocator`; `announcers`: of `isAnnouncer`.
 */
export function closureObjects(
  code: Uint8Array,
  address: number,
  allocators: ReadonlySet<number>,
  announcers: ReadonlySet<number> = new Set(),
): Map<number, number> {
  const found = new Map<number, number>();
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const disagreeing = new Set<number>();
  const end = code.length - CALL_BYTES - LEA_BYTES - 3;
  for (let at = code.indexOf(CALL); at >= 0 && at < end; at = code.indexOf(CALL, at + 1)) {
    if (!allocators.has(address + at + CALL_BYTES + view.getInt32(at + 1, true))) continue;
    const descriptor = typeBefore(code, view, address, at);
    const behind = at + CALL_BYTES;
    const closure =
      closureBehind(code, view, address, behind) ?? closureAnnounced(code, view, address, behind, announcers);
    if (descriptor === undefined || closure === undefined) continue;
    if ((found.get(closure) ?? descriptor) !== descriptor) disagreeing.add(closure);
    found.set(closure, descriptor);
  }
  for (const closure of disagreeing) found.delete(closure);
  return found;
}

export function isAllocator(name: string): boolean {
  return name === "runtime.newobject" || /^runtime\.mallocgc\w+SC\d+$/.test(name);
}

/** Functions that instrumented code calls before it writes. */
export function isAnnouncer(name: string): boolean {
  return /^runtime\.(?:race|msan|asan)write$/.test(name);
}

/** The type's descriptor that is in AX, or in the stack's first word, when the call at `call` is made. */
function typeBefore(code: Uint8Array, view: DataView, address: number, call: number): number | undefined {
  const nop = NOPS.findLast((bytes) => stands(code, call - bytes.length, bytes));
  for (const end of [call, call - (nop?.length ?? 0)]) {
    const stored = end - STORE_ARGUMENT_BYTES;
    const isStored = stands(code, stored, [-1, 0x89, -1, 0x24]) && (code[stored + 2]! & 0xc7) === 0x04;
    if (isStored && isLea(code, stored - LEA_BYTES, code[stored]!, code[stored + 2]! & 0x38))
      return address + stored + view.getInt32(stored - 4, true);
    if (isLea(code, end - LEA_BYTES, REX_W, AX)) return address + end + view.getInt32(end - 4, true);
    const needZero = NEED_ZERO.find((bytes) => stands(code, end - bytes.length, bytes));
    const type = end - (needZero?.length ?? 0);
    if (needZero !== undefined && isLea(code, type - LEA_BYTES, REX_W, BX))
      return address + type + view.getInt32(type - 4, true);
  }
  return undefined;
}

const REX_W = 0x48;
/** R8 to R15. */
const REX_WR = 0x4c;
const AX = 0;
const BX = 0x18;
/** MOVL $1, CX; XORL CX, CX. */
const NEED_ZERO = [[0xb9, 0x01, 0x00, 0x00, 0x00], [0x31, 0xc9]]; // biome-ignore format: instructions

/** LEAQ x(SB), R; `register`: its low bits as they stand in the third byte. */
function isLea(code: Uint8Array, at: number, rex: number, register: number): boolean {
  return stands(code, at, [rex, 0x8d, 0x05 | register]);
}

/** The code whose address is written to what AX points to. */
function closureBehind(code: Uint8Array, view: DataView, address: number, from: number): number | undefined {
  let at = stands(code, from, LOAD_RESULT) ? from + LOAD_RESULT.length : from;
  for (let skipped = 0; skipped < MAX_BETWEEN; skipped++) {
    const between = [...BETWEEN, ...NOPS].find((bytes) => stands(code, at, bytes));
    if (between === undefined) break;
    at += between.length;
  }
  const store = at + LEA_BYTES;
  const [rex = 0, , modrm = 0] = code.subarray(store);
  if ((rex !== REX_W && rex !== REX_WR) || !stands(code, store, [rex, 0x89, modrm & 0x38])) return undefined;
  if (!isLea(code, at, rex, modrm & 0x38)) return undefined;
  const target = store + view.getInt32(at + 3, true);
  // An address of data is something else's first word.
  return target >= 0 && target < code.length ? address + target : undefined;
}

/** MOVL $8, BX: how much is written. */
const WORD_IN_BX = [0xbb, 0x08, 0x00, 0x00, 0x00];

/** The code whose address is written to what the first spill has kept of AX. */
function closureAnnounced(
  code: Uint8Array,
  view: DataView,
  address: number,
  from: number,
  announcers: ReadonlySet<number>,
): number | undefined {
  const spill = SPILLS.find((bytes) => stands(code, from, bytes));
  if (announcers.size === 0 || spill === undefined) return undefined;
  const slot = displacement(view, from, spill.length);
  let at = from + spill.length;
  at += NOPS.findLast((bytes) => stands(code, at, bytes))?.length ?? 0;
  if (stands(code, at, WORD_IN_BX)) at += WORD_IN_BX.length;
  at += NOPS.findLast((bytes) => stands(code, at, bytes))?.length ?? 0;
  if (code[at] !== CALL || !announcers.has(address + at + CALL_BYTES + view.getInt32(at + 1, true))) return undefined;
  at += CALL_BYTES;
  at += NOPS.findLast((bytes) => stands(code, at, bytes))?.length ?? 0;
  let object: number | undefined;
  let closure: { readonly register: number; readonly target: number } | undefined;
  for (let step = 0; step < 2; step++) {
    const [rex = 0, opcode, modrm = 0, sib] = code.subarray(at, at + 4);
    if (rex !== REX_W && rex !== REX_WR) return undefined;
    const register = ((modrm >> 3) & 7) | ((rex & 4) << 1);
    if (opcode === 0x8d && (modrm & 0xc7) === 0x05) {
      at += LEA_BYTES;
      closure = { register, target: at + view.getInt32(at - 4, true) };
    } else if (opcode === 0x8b && (modrm & 7) === 4 && sib === 0x24 && (modrm >> 6 === 1 || modrm >> 6 === 2)) {
      const length = modrm >> 6 === 1 ? 5 : 8;
      if (displacement(view, at, length) !== slot) return undefined;
      object = register;
      at += length;
    } else return undefined;
  }
  if (object === undefined || closure === undefined) return undefined;
  const { register, target } = closure;
  // MOVQ register, (object): SP, BP, R12 and R13 are written in other ways.
  const store = [REX_W | ((register & 8) >> 1) | (object >> 3), 0x89, ((register & 7) << 3) | (object & 7)];
  if ((object & 7) === 4 || (object & 7) === 5 || !stands(code, at, store)) return undefined;
  return target >= 0 && target < code.length ? address + target : undefined;
}

/** Of an instruction that ends in one, of a byte or of four. */
function displacement(view: DataView, at: number, length: number): number {
  return length === 5 ? view.getInt8(at + 4) : view.getInt32(at + 4, true);
}

/** -1: any byte. */
function stands(code: Uint8Array, at: number, bytes: readonly number[]): boolean {
  return at >= 0 && bytes.every((byte, index) => byte === -1 || code[at + index] === byte);
}
