/** The source's names for what closures have captured, where the binary does not tell all of it. */
import type { BuildInfo, CapturedList, CapturedNames, GoBinary, GoFunction } from "../../gobinary/api.ts";
import { parseSymbolName } from "../../goname/symbolName.ts";
import type { SourceTypes } from "../../gosource/sourceTypes.ts";

/** Of the program's own closures: reading the source of all that it is built from would take too long. */
const MAX_NAMED_CLOSURES = 4096;

export class CapturedNamesOf {
  readonly #binary: GoBinary;
  readonly #sourceOf: (fn: GoFunction) => Promise<SourceTypes | undefined>;
  #names: Promise<CapturedNames> | undefined;
  #quickly = true;

  /** `sourceOf`: what may be believed of a function of the file; asked once for each file. */
  constructor(binary: GoBinary, sourceOf: (fn: GoFunction) => Promise<SourceTypes | undefined>) {
    this.#binary = binary;
    this.#sourceOf = sourceOf;
  }

  /**
   * The binary's answers with these names. `always`: also where closures are looked for `quickly`; else the source is
   * not opened for them, which takes a start some tenths of a second.
   */
  completed(always: boolean): Pick<GoBinary, "closures" | "valueResolver"> {
    const read = async (quickly?: boolean) => (quickly === true && !always ? undefined : await this.#read(quickly));
    return {
      closures: async (quickly) => this.#binary.closures(quickly, await read(quickly)),
      valueResolver: async (quickly) => this.#binary.valueResolver(quickly, await read(quickly)),
    };
  }

  /** `quickly`: as for `closures`, unless they have been asked for without. */
  #read(quickly = false): Promise<CapturedNames> {
    if (!quickly && this.#quickly) {
      this.#names = undefined;
      this.#quickly = false;
    }
    this.#names ??= this.#find(this.#quickly);
    return this.#names;
  }

  async #find(quickly: boolean): Promise<CapturedNames> {
    const { buildInfo } = this.#binary;
    const byFile = new Map<string, SourceTypes | undefined>();
    const literals = new Map<SourceTypes, GoFunction[]>();
    let found = 0;
    for (const { address, captured, incomplete } of await this.#binary.closures(quickly)) {
      if (incomplete === undefined && captured.every(({ name }) => name !== undefined)) continue;
      const fn = await this.#binary.functionAt(address);
      if (fn === undefined || !isOwn(fn, buildInfo)) continue;
      const source = byFile.has(fn.file) ? byFile.get(fn.file) : await this.#sourceOf(fn);
      byFile.set(fn.file, source);
      if (source === undefined) continue;
      const own = literals.get(source);
      if (own === undefined) literals.set(source, [fn]);
      else own.push(fn);
      if (++found >= MAX_NAMED_CLOSURES) break;
    }
    const names = new Map<number, CapturedList>();
    for (const [source, fns] of literals)
      for (const [address, list] of await source.capturedNames(fns, buildInfo)) names.set(address, list);
    return names;
  }
}

function isOwn({ name }: GoFunction, { module }: BuildInfo): boolean {
  const path = parseSymbolName(name)?.packagePath;
  return path === "main" || (module !== undefined && `${path}/`.startsWith(`${module.path}/`));
}
