/**
 * The Go version of a file without build info: the string variable `runtime.buildVersion`, which every program has
 * (runtime/extern.go; the linker sets it). Without symbols it is known by what it is, a string header in the data that
 * leads to the text of a version.
 */
import { DamagedError } from "../bytes/reader.ts";
import type { Memory } from "../elf/memory.ts";
import { goMinorVersion } from "./runtime/goroutineLayout.ts";

const VERSION = /^go1\.\d+(\.\d+|rc\d+|beta\d+)?($|[ -])/;
/** `go1.27.4 X:somexperiment`. */
const MAX_VERSION_BYTES = 256;
/** Texts that begin like a version: also each file of a toolchain in a folder with one in its name, some thousands. */
const MAX_TEXTS = 65_536;

/**
 * `symbol`: the variable's address. `isPossible`: by what else is known of the file. Undefined where nothing is found,
 * and where the program's data has versions of its own that differ.
 */
export async function runtimeVersion(
  memory: Memory,
  symbol: number | undefined,
  isPossible: (minor: number) => boolean,
): Promise<string | undefined> {
  const found = new Map<number, string>();
  const consider = async (header: number): Promise<void> => {
    const version = await versionAt(memory, header);
    const minor = goMinorVersion(version ?? "");
    if (version !== undefined && minor !== undefined && isPossible(minor)) found.set(minor, version);
  };
  if (symbol !== undefined) await consider(symbol);
  if (found.size === 0) {
    const texts = new Set<number>();
    for await (const text of memory.constants("go1.")) {
      if (texts.size >= MAX_TEXTS) return undefined;
      texts.add(text);
    }
    for await (const header of memory.pointersToAny(texts)) await consider(header);
  }
  return found.size === 1 ? [...found.values()][0] : undefined;
}

async function versionAt(memory: Memory, header: number): Promise<string | undefined> {
  try {
    const [text = 0, length = 0] = await memory.words(header, 2);
    if (length < 5 || length > MAX_VERSION_BYTES) return undefined;
    const version = Buffer.from(await memory.read(text, length)).toString("latin1");
    return VERSION.test(version) ? version : undefined;
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}
