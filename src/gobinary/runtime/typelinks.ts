/** Where the runtime's module data says that type descriptors stand. */
import { DamagedError, Reader } from "../../bytes/reader.ts";
import type { Memory } from "../../elf/memory.ts";
import type { Moduledata } from "../moduledata.ts";

/** Words of moduledata behind `text` in which `typelinks` stands. */
const MODULE_WORDS = 60;
/** Kubernetes' largest program has 180 000 descriptors. */
export const MAX_DESCRIPTORS = 2_000_000;

/** Words of moduledata from `text` on; minpc and maxpc before it may have the same values. */
export async function moduleWords(memory: Memory, { address, text, etext }: Moduledata): Promise<readonly number[]> {
  const words = await memory.words(address, MODULE_WORDS);
  const at = words.findLastIndex((word, index) => word === text && words[index + 1] === etext);
  return at < 0 ? [] : words.slice(at);
}

/** `typelinks`, a slice of offsets from `types`; its place behind `text` by version (runtime/symtab.go of each). */
export async function typelinks(memory: Memory, words: readonly number[], minor: number): Promise<number[]> {
  let at = 18;
  if (minor >= 26) at = 23;
  else if (minor >= 20) at = 22;
  else if (minor >= 18) at = 20;
  const pointer = words[at] ?? 0;
  const count = words[at + 1] ?? 0;
  if (pointer === 0 || count !== words[at + 2] || !(count > 0 && count <= MAX_DESCRIPTORS)) {
    throw new DamagedError("moduledata.typelinks is damaged");
  }
  const reader = new Reader(await memory.read(pointer, count * 4));
  return Array.from({ length: count }, () => reader.u32());
}
