/**
 * `runtime.firstmoduledata`: the only reliable source of the text base (pclntab's header has it unrelocated in some
 * PIEs and as 0 since Go 1.26) and of the bases that funcdata and type offsets count from.
 *
 * Its layout changes between versions (runtime/symtab.go), so the text base is not read at a fixed offset: the words
 * {minpc, maxpc, text, etext} stand together in every version, and minpc and maxpc follow from pclntab.
 */

import { DamagedError } from "../bytes/reader.ts";
import type { Memory } from "../elf/memory.ts";
import type { Pclntab } from "./pclntab.ts";

export interface Moduledata {
  readonly address: number;
  readonly text: number;
  readonly etext: number;
  /** Base of `go_runtime_type` and of the runtime's type offsets. */
  readonly types: number;
  readonly etypes: number;
  /** Base of funcdata offsets (Go 1.18 and later). */
  readonly gofunc?: number;
}

const MODULE_WORDS = 60;
/** Places that point to pclntab: firstmoduledata, and few others. */
const MAX_CANDIDATES = 64;

/** Words from `text`: types, etypes, gofunc; by Go minor version (runtime/symtab.go of each). */
function offsets(minor: number): { types: number; etypes: number; gofunc?: number } {
  if (minor >= 27) return { types: 15, etypes: 17, gofunc: 21 };
  if (minor >= 20) return { types: 15, etypes: 16, gofunc: 18 };
  if (minor >= 18) return { types: 13, etypes: 14, gofunc: 16 };
  return { types: 13, etypes: 14 };
}

export async function findModuledata(
  memory: Memory,
  pclntab: Pclntab,
  pclntabAddress: number,
  goMinor: number,
  symbol: number | undefined,
): Promise<Moduledata | undefined> {
  if (pclntab.count === 0) return undefined;
  const known = symbol === undefined ? undefined : await tryAt(memory, pclntab, symbol, goMinor);
  if (known !== undefined) return known;
  let tried = 0;
  for await (const address of memory.pointersTo(pclntabAddress)) {
    const found = await tryAt(memory, pclntab, address, goMinor);
    if (found !== undefined || ++tried >= MAX_CANDIDATES) return found;
  }
  return undefined;
}

async function tryAt(
  memory: Memory,
  pclntab: Pclntab,
  address: number,
  goMinor: number,
): Promise<Moduledata | undefined> {
  try {
    const found = match(await memory.words(address, MODULE_WORDS), pclntab, address, goMinor);
    return found !== undefined && memory.isExecutable(found.text) ? found : undefined;
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

function match(words: readonly number[], pclntab: Pclntab, address: number, goMinor: number): Moduledata | undefined {
  const wide = pclntab.format === "1.2" || pclntab.format === "1.16";
  const first = pclntab.entryOffset(0);
  const last = pclntab.entryOffset(pclntab.count);
  for (let at = 4; at + 22 < words.length; at++) {
    const text = words[at]!;
    const base = wide ? 0 : text;
    if (text === 0 || words[at - 2] !== base + first || words[at - 1] !== base + last) continue;
    // etext is the end of the last function, or of the section that holds it.
    if (words[at + 1]! < words[at - 1]!) continue;
    const { types, etypes, gofunc } = offsets(goMinor);
    return {
      address,
      text,
      etext: words[at + 1]!,
      types: words[at + types]!,
      etypes: words[at + etypes]!,
      ...(gofunc === undefined ? {} : { gofunc: words[at + gofunc]! }),
    };
  }
  return undefined;
}
