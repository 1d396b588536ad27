/**
 * Offset of g from the FS base on amd64. A pure Go program has it at −8; beside C thread-local variables it stands
 * elsewhere: symbols say where, and in a stripped file the code itself does.
 */

import { DamagedError } from "../bytes/reader.ts";
import type { Elf } from "../elf/elf.ts";
import type { Memory } from "../elf/memory.ts";

/** In a pure Go program the runtime's slot is the only TLS variable and stands just below the FS base. */
const PURE_GO_OFFSET = -8;
const WORD = 8;
/** Code that is searched for loads of g; the runtime's own functions hold hundreds in the first megabyte. */
const MAX_SCANNED_BYTES = 4 << 20;

export async function goroutineOffset(
  elf: Elf,
  memory: Memory,
  text: number,
  tlsg: number | undefined,
): Promise<number> {
  const block = elf.segments.find((segment) => segment.type === "tls");
  if (elf.arch !== "amd64" || block === undefined || block.memorySize <= WORD) return PURE_GO_OFFSET;
  if (tlsg !== undefined && tlsg < block.memorySize) {
    // x86-64 ABI, TLS variant II: the block ends at the FS base.
    const align = Math.max(block.align, 1);
    return tlsg - Math.ceil(block.memorySize / align) * align;
  }
  try {
    return offsetInCode(await memory.readUpTo(text, MAX_SCANNED_BYTES)) ?? PURE_GO_OFFSET;
  } catch (error) {
    if (error instanceof DamagedError) return PURE_GO_OFFSET;
    throw error;
  }
}

/**
 * Whether the offset is known only when the file has been loaded: a library's thread-local variables come below those of
 * the program and of libraries before it (x86-64 ABI, initial-exec model).
 */
export async function isPlacedAtLoad(elf: Elf, memory: Memory): Promise<boolean> {
  if (!elf.positionIndependent || elf.segments.some(({ type }) => type === "interp")) return false;
  return (await memory.relocations()).placesThreadLocals;
}

/**
 * The displacement most often used in `mov %fs:disp32,%reg` (64 REX 8b modrm 25 disp32) and, in position-independent
 * code, `mov $imm32,%reg` (REX c7 c0+r imm32) directly before `mov %fs:(%reg),%reg`.
 */
export function offsetInCode(code: Uint8Array): number | undefined {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const counts = new Map<number, number>();
  for (let at = code.indexOf(0x64); at >= 0 && at + 5 <= code.length; at = code.indexOf(0x64, at + 1)) {
    const rex = code[at + 1]!;
    if ((rex & 0xf8) !== 0x48 || code[at + 2] !== 0x8b) continue;
    const modrm = code[at + 3]!;
    let offset: number | undefined;
    if ((modrm & 0xc7) === 0x04 && code[at + 4] === 0x25 && at + 9 <= code.length) offset = view.getInt32(at + 5, true);
    else if ((modrm & 0xc0) === 0 && at >= 7 && code[at - 6] === 0xc7) offset = view.getInt32(at - 4, true);
    if (offset !== undefined && offset < 0 && offset % WORD === 0) counts.set(offset, (counts.get(offset) ?? 0) + 1);
  }
  let best: number | undefined;
  for (const [offset, count] of counts) if (best === undefined || count > counts.get(best)!) best = offset;
  return best;
}
