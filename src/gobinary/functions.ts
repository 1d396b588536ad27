/**
 * The function table: pclntab's functions, with the symbol table as second source (full generic names, `.abi0` marks,
 * C functions). Objects are made when asked for, one function at a time.
 */

import { DamagedError } from "../bytes/reader.ts";
import type { Memory } from "../elf/memory.ts";
import type { CodeSymbol, SymbolTable } from "../elf/symtab.ts";
import type { CallingConvention } from "../goabi/location.ts";
import type { GoFunction } from "./api.ts";
import type { InlineTrees } from "./inltree.ts";
import { FLAG_ASM, PCDATA_INLINE_TREE_INDEX, type Pclntab } from "./pclntab.ts";
import { C_REASON, isLinkerMark, reasonNotTraceable } from "./traceable.ts";

export interface FunctionSources {
  readonly pclntab: Pclntab;
  readonly inlineTrees: InlineTrees;
  readonly symbols: SymbolTable | undefined;
  readonly memory: Memory;
  /** Of Go functions; assembly and `.abi0` symbols use the stack. */
  readonly convention: CallingConvention;
  /** Told to the user. */
  readonly warn: (warning: string) => void;
}

/** Some 10 ms of work; then others may have the event loop. */
const FUNCTIONS_AT_ONCE = 2000;

/** `//line` may begin at 2^30 (cmd/compile/internal/syntax/pos.go, PosMax), and a file has at most 2^20 lines. */
const MAX_LINE = 2 ** 30 + 2 ** 20;

/** One odd function costs that one; where more than a tenth of them is odd, the tables themselves are not to be believed. */
const MAX_ODD_PART = 0.1;

export class FunctionTable {
  readonly #from: FunctionSources;
  #all: Promise<readonly GoFunction[]> | undefined;
  /** Some functions could not be described: whoever asks for one of those is told why. */
  #leftOut = false;
  /** Names for which generated functions are stack-side wrappers; made for stripped files only. */
  #wrapped: ReadonlySet<string> | undefined;

  constructor(sources: FunctionSources) {
    this.#from = sources;
  }

  all(): Promise<readonly GoFunction[]> {
    this.#all ??= this.#build();
    return this.#all;
  }

  async named(name: string): Promise<readonly GoFunction[]> {
    // Where all were described for another reason, comparing their names is quicker than searching the tables.
    const described = (await this.#all)?.filter((fn) => fn.name === name) ?? [];
    if (described.length > 0 || (this.#all !== undefined && !this.#leftOut)) return described;
    const { pclntab, symbols } = this.#from;
    const addresses = new Set<number>(symbols?.named(name));
    for (const index of pclntab.indexesNamed(pclntab.nameOffsets(name))) addresses.add(pclntab.entry(index));
    const found: GoFunction[] = [];
    for (const address of [...addresses].sort((a, b) => a - b)) {
      const fn = await this.atEntry(address);
      // A pclntab name such as `main.Map[...]` gives way to the symbol's full name, and is no name of its own then.
      if (fn?.name === name) found.push(fn);
    }
    return found;
  }

  /** Functions whose source file has this name; hardly more than the file of each function is looked at. */
  async inFile(fileName: string): Promise<readonly GoFunction[]> {
    const ending = `/${fileName}`;
    const isIn = (file: string): boolean => file === fileName || file.endsWith(ending);
    if (this.#all !== undefined) return (await this.#all).filter((fn) => isIn(fn.file));
    const { pclntab } = this.#from;
    return await this.#describeEach((index, own) => isIn(pclntab.file(index, own)));
  }

  /** The function that holds an address. */
  async at(address: number): Promise<GoFunction | undefined> {
    const { pclntab, symbols } = this.#from;
    const index = pclntab.indexOf(address);
    if (index >= 0) {
      const fn = await this.#goFunction(index);
      return address < fn.end ? fn : undefined;
    }
    const symbol = symbols?.before(address);
    return symbol === undefined ? undefined : this.#cFunction(symbol);
  }

  async atEntry(address: number): Promise<GoFunction | undefined> {
    const fn = await this.at(address);
    return fn?.entry === address ? fn : undefined;
  }

  /** The name alone; undefined where no Go function starts. */
  nameAtEntry(address: number): string | undefined {
    const { pclntab } = this.#from;
    const index = pclntab.indexOf(address);
    return index >= 0 && pclntab.entry(index) === address ? this.#symbol(index, address).name : undefined;
  }

  /** Index of a function in pclntab; -1 for C functions. */
  indexOf(fn: GoFunction): number {
    const index = this.#from.pclntab.indexOf(fn.entry);
    return index >= 0 && this.#from.pclntab.entry(index) === fn.entry ? index : -1;
  }

  async #build(): Promise<readonly GoFunction[]> {
    const { pclntab, symbols } = this.#from;
    const all = await this.#describeEach(() => true);
    let last = -1;
    for (const symbol of symbols?.code() ?? []) {
      if (symbol.address === last || pclntab.indexOf(symbol.address) >= 0) continue;
      last = symbol.address;
      const fn = this.#cFunction(symbol);
      if (fn !== undefined) all.push(fn);
    }
    return all.sort((a, b) => a.entry - b.entry);
  }

  /** Functions that the tables disagree about are left out, and that is told. */
  async #describeEach(isWanted: (index: number, own: number) => boolean): Promise<GoFunction[]> {
    const found: GoFunction[] = [];
    const odd: DamagedError[] = [];
    await this.#each((index, own) => {
      try {
        if (isWanted(index, own)) found.push(this.#describe(index, own));
      } catch (error) {
        if (!(error instanceof DamagedError)) throw error;
        odd.push(error);
      }
    });
    const [first] = odd;
    if (first === undefined) return found;
    if (odd.length > MAX_ODD_PART * (found.length + odd.length)) throw first;
    this.#leftOut = true;
    const functions = odd.length === 1 ? "a function is" : `${odd.length} functions are`;
    this.#from.warn(`${functions} left out, because what the file says of them cannot be: ${first.message}`);
    return found;
  }

  /** `own`: an instruction of the function itself; its first one may belong to a function inlined into it. */
  async #each(visit: (index: number, own: number) => void): Promise<void> {
    const { pclntab, inlineTrees } = this.#from;
    for (let index = 0; index < pclntab.count; index++) {
      if (index % FUNCTIONS_AT_ONCE === FUNCTIONS_AT_ONCE - 1) await new Promise(setImmediate);
      // Two entries at one address: an empty function of the linker (runtime.text marks); the later one has the code.
      if (pclntab.entryOffset(index) === pclntab.entryOffset(index + 1)) continue;
      const entry = pclntab.entry(index);
      // An await for each of 100 000 functions is what would take the time here.
      const inlined = pclntab.pcdata(index, PCDATA_INLINE_TREE_INDEX, entry) >= 0;
      visit(index, inlined ? await inlineTrees.ownAddress(index, entry) : entry);
    }
  }

  async #goFunction(index: number): Promise<GoFunction> {
    const { pclntab, inlineTrees } = this.#from;
    return this.#describe(index, await inlineTrees.ownAddress(index, pclntab.entry(index)));
  }

  /** `own`: see #each. */
  #describe(index: number, own: number): GoFunction {
    const { pclntab, memory, convention } = this.#from;
    const entry = pclntab.entry(index);
    if (!pclntab.leadsToRecord(index)) throw disagreeing(entry, "the function table's two entries");
    const { name, size, listed } = this.#symbol(index, entry);
    const file = pclntab.file(index, own);
    const assembly = (pclntab.flags(index) & FLAG_ASM) !== 0 || file.endsWith(".s");
    const startLine = pclntab.startLine(index) ?? 0;
    const line = startLine > 0 ? startLine : pclntab.line(index, own);
    if (line > MAX_LINE) throw new DamagedError(`the function at 0x${entry.toString(16)} is in line ${line}`);
    // C code that Go's own linker put in (net and os/user with cgo) has entries without lines; padding counts there.
    const foreign = pclntab.hasNoTables(index);
    // A folder's name may be in any encoding, a Go name is UTF-8.
    if (!foreign && (file === "" || CONTROL.test(file) || CONTROL.test(name) || name.includes("\ufffd")))
      throw new DamagedError(`the name or file of the function at 0x${entry.toString(16)} is no text`);
    const why = reasonNotTraceable(name, assembly, foreign);
    const end = pclntab.end(index);
    if (!foreign && size > 0 && entry + size !== end)
      throw disagreeing(entry, "the function table's and the symbol table's size");
    return {
      name,
      entry,
      end: foreign && size > 0 ? Math.min(entry + size, end) : end,
      offset: memory.offsetOf(entry, true) ?? -1,
      file,
      line,
      convention: assembly || foreign || this.#isStackWrapper(name, file, listed) ? "stack" : convention,
      ...(why === undefined ? {} : { notTraceable: why }),
    };
  }

  /** The name in full and the size (0: not said), from the symbol table where it lists the function. */
  #symbol(index: number, entry: number): { name: string; size: number; listed: boolean } {
    const plain = this.#from.pclntab.name(index);
    const aliases = this.#from.symbols?.at(entry) ?? [];
    const found =
      aliases.find((symbol) => symbol.name === plain) ?? aliases.find((symbol) => agrees(symbol.name, plain));
    if (found !== undefined) return { name: found.name, size: found.size, listed: true };
    // The linker gives symbols of types in plugins and shared objects a hash for a name; objcopy may add a prefix to all.
    if (aliases.length > 0 && !plain.startsWith("type:.") && !aliases.some((symbol) => symbol.name.endsWith(plain)))
      throw disagreeing(entry, "the function table's and the symbol table's name");
    return { name: plain, size: 0, listed: aliases.length > 0 };
  }

  /**
   * A wrapper through which assembly calls a Go function takes its arguments on the stack. The symbol table marks it
   * `.abi0`; in a stripped file it is a generated function that shares its name with one that is neither generated nor
   * assembly (for which the generated twin is the register-side wrapper).
   */
  #isStackWrapper(name: string, file: string, listed: boolean): boolean {
    // cmd/cgo gives its call stubs //go:cgo_unsafe_args, which keeps their arguments together on the stack.
    if (file === "_cgo_gotypes.go" && CGO_STUB.test(name)) return true;
    if (listed || file !== "<autogenerated>") return name.endsWith(".abi0");
    this.#wrapped ??= this.#wrappedNames();
    return this.#wrapped.has(name);
  }

  /** Names that a generated function shares with one written in Go. */
  #wrappedNames(): ReadonlySet<string> {
    const { pclntab } = this.#from;
    const isGenerated = (index: number): boolean => pclntab.file(index, pclntab.entry(index)) === "<autogenerated>";
    // Names are compared as hashes first, because hardly any name comes twice.
    const seen = new Map<number, number>();
    const wrapped = new Set<string>();
    for (let index = 0; index < pclntab.count; index++) {
      const hash = pclntab.nameHash(index);
      const twin = seen.get(hash);
      if (twin === undefined) {
        seen.set(hash, index);
        continue;
      }
      const name = pclntab.name(index);
      if (name !== pclntab.name(twin) || isGenerated(index) === isGenerated(twin)) continue;
      const written = isGenerated(index) ? twin : index;
      const isAssembly = (pclntab.flags(written) & FLAG_ASM) !== 0;
      if (!isAssembly && !pclntab.file(written, pclntab.entry(written)).endsWith(".s")) wrapped.add(name);
    }
    return wrapped;
  }

  #cFunction(symbol: CodeSymbol): GoFunction | undefined {
    const offset = this.#from.memory.offsetOf(symbol.address, true);
    if (offset === undefined) return undefined;
    // Bounds of sections, not functions; the ones inside Go's code are entries of pclntab and listed as such.
    if (/^(_?etext|__etext)$/.test(symbol.name) || isLinkerMark(symbol.name)) return undefined;
    return {
      name: symbol.name,
      entry: symbol.address,
      end: symbol.address + symbol.size,
      offset,
      file: "",
      line: 0,
      convention: "stack",
      notTraceable: C_REASON,
    };
  }
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Two tables that tell of one function: nothing shows which of them is damaged. */
function disagreeing(entry: number, what: string): DamagedError {
  return new DamagedError(`${what} for the function at 0x${entry.toString(16)} disagree`);
}

const CGO_STUB = /\._(C2?func_|cgo_cmalloc)/;

/** True where a symbol is pclntab's name written in full: `main.Map[go.shape.int]` for `main.Map[...]`, `x.abi0` for `x`. */
export function agrees(symbol: string, plain: string): boolean {
  return brief(symbol) === brief(plain);
}

function brief(name: string): string {
  // The linker writes the compiler's middle dots as dots into the symbol table (cmd/link/internal/ld/symtab.go).
  const plain = name.replace(/\.abi(0|internal)$/, "").replaceAll("·", ".");
  const open = plain.indexOf("[");
  const close = plain.lastIndexOf("]");
  return open < 0 || close < open ? plain : `${plain.slice(0, open)}[...]${plain.slice(close + 1)}`;
}
