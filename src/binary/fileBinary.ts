/** The GoBinary that openBinary returns. */
import type { Arch } from "../goabi/location.ts";
import { UserError } from "../protocol/errors.ts";
import type {
  BuildInfo,
  ByteSource,
  GoBinary,
  GoFunction,
  RuntimeLayout,
  Signature,
  SignatureResult,
  SourcePosition,
  TypeData,
} from "./api.ts";
import { MAX_ARG_INFO_BYTES } from "./argInfo.ts";
import { contradictionOf, judgeParams, type Witnesses } from "./completeness.ts";
import { Dwarf } from "./dwarf/dwarf.ts";
import { readSignature } from "./dwarf/subprogram.ts";
import type { Elf } from "./elf.ts";
import { agrees, type FunctionTable } from "./functions.ts";
import { funcdataAddress, type InlineTrees } from "./inltree.ts";
import type { Memory } from "./memory.ts";
import type { Moduledata } from "./moduledata.ts";
import { FUNCDATA_ARG_INFO, type Pclntab } from "./pclntab.ts";
import { DamagedError } from "./reader.ts";
import { judgeResults } from "./results.ts";
import { goMinorVersion, layoutFromType } from "./runtimeLayout.ts";
import { RuntimeTypeNames } from "./runtimeTypes.ts";
import type { Sections } from "./sections.ts";
import { TypeDescriptors } from "./typeDescriptors.ts";

export interface BinaryParts {
  readonly source: ByteSource;
  /** Where symbols and DWARF are: the program's own, or those of its debug file. */
  readonly sections: Sections;
  readonly memory: Memory;
  readonly elf: Elf;
  readonly buildInfo: BuildInfo;
  readonly buildId: string;
  readonly goMinor: number;
  /** The build info does not tell the version. */
  readonly versionIsGuessed: boolean;
  readonly warnings: string[];
  readonly pclntab: Pclntab;
  readonly inlineTrees: InlineTrees;
  readonly moduledata: Moduledata | undefined;
  readonly functions: FunctionTable;
  readonly runtime: RuntimeLayout;
}

/** The largest function known is below 2 MB; more than 64 MB is a damaged table. */
const MAX_CODE_BYTES = 64 << 20;

/** One function's inlined copies are counted in a tenth of the time that all functions' take. */
const QUESTIONS_BEFORE_COUNT = 8;

/** A damaged file may have a different complaint for each function; a reader needs a few. */
const MAX_WARNINGS = 4;

export class FileBinary implements GoBinary {
  readonly name: string;
  readonly arch: Arch;
  readonly buildInfo: BuildInfo;
  readonly buildId: string;
  readonly hasDwarf: boolean;
  runtime: RuntimeLayout;
  readonly #parts: BinaryParts;
  #dwarf: Promise<Dwarf | undefined> | undefined;
  #typeData: Promise<TypeData | undefined> | undefined;
  #inlined: Promise<Map<string, number>> | undefined;
  #inlinedQuestions = 0;
  #withRangeBodies: ReadonlySet<string> | undefined;

  constructor(parts: BinaryParts) {
    this.#parts = parts;
    this.name = parts.source.name;
    this.arch = parts.elf.arch;
    this.buildInfo = parts.buildInfo;
    this.buildId = parts.buildId;
    this.runtime = parts.runtime;
    this.hasDwarf = parts.sections.has(".debug_info") && parts.sections.has(".debug_abbrev");
  }

  get warnings(): readonly string[] {
    return this.#parts.warnings;
  }

  functions(): Promise<readonly GoFunction[]> {
    return this.#guard("list the functions", () => this.#parts.functions.all());
  }

  functionsNamed(name: string): Promise<readonly GoFunction[]> {
    return this.#guard(`find function ${name}`, () => this.#parts.functions.named(name));
  }

  functionAt(address: number): Promise<GoFunction | undefined> {
    return this.#guard(`find the function at 0x${address.toString(16)}`, () => this.#parts.functions.at(address));
  }

  async signature(fn: GoFunction): Promise<SignatureResult> {
    try {
      const dwarf = await this.#loadDwarf();
      if (dwarf === undefined) return { ok: false, reason: "the binary has no DWARF (it was stripped)" };
      const die = dwarf.subprogramAt(fn.entry);
      if (die === undefined) return { ok: false, reason: "the binary's DWARF does not describe this function" };
      const listed = await readSignature(dwarf, die, fn.entry);
      if (!agrees(fn.name, listed.name) || (listed.size ?? fn.end - fn.entry) !== fn.end - fn.entry)
        throw new DamagedError(`it describes ${listed.name}, of ${listed.size} bytes, where ${fn.name} is`);
      if (fn.line > 0 && (listed.declLine ?? fn.line) !== fn.line)
        throw this.#damaged(`describe ${fn.name}`, `its declaration is in line ${fn.line}, or in ${listed.declLine}`);
      const { params, complete } = judgeParams(listed.params, listed.results, await this.#witnesses(fn));
      const { results, missing } = judgeResults(listed.results, {
        name: fn.name,
        convention: fn.convention,
        goMinor: this.#parts.goMinor,
        fromAbstract: listed.fromAbstract,
        rangesOverFunc: () => this.#rangesOverFunc().has(fn.name),
      });
      for (const { type } of [...params, ...results])
        if (type.kind === "unknown" && type.name === "") this.#warn(`the binary's DWARF is damaged: ${type.reason}`);
      const signature: Signature = { params, results, complete, source: "dwarf" };
      return { ok: true, signature: missing === undefined ? signature : { ...signature, missingResults: missing } };
    } catch (error) {
      if (error instanceof DamagedError) {
        const reason = `the binary's DWARF is damaged: ${error.message}`;
        this.#warn(reason);
        return { ok: false, reason };
      }
      throw error;
    }
  }

  /** Damage often shows only where something is read. */
  #warn(warning: string): void {
    const { warnings } = this.#parts;
    if (warnings.length < MAX_WARNINGS && !warnings.includes(warning)) warnings.push(warning);
  }

  contradiction(fn: GoFunction, { params, results }: Signature): Promise<string | undefined> {
    return this.#guard(`check the signature of ${fn.name}`, async () =>
      contradictionOf(params, results, await this.#witnesses(fn)),
    );
  }

  typeData(): Promise<TypeData | undefined> {
    const { memory, moduledata, goMinor, elf } = this.#parts;
    this.#typeData ??= TypeDescriptors.load(memory, moduledata, goMinor, elf.positionIndependent);
    return this.#typeData;
  }

  async #witnesses(fn: GoFunction): Promise<Witnesses> {
    const { pclntab, moduledata, memory, goMinor } = this.#parts;
    const generated = fn.file === "<autogenerated>";
    const base = { arch: this.arch, convention: fn.convention, goMinor, name: fn.name, generated };
    const index = this.#parts.functions.indexOf(fn);
    if (index < 0) return { ...base, argsSize: -1, argInfo: undefined };
    const address = goMinor >= 17 ? funcdataAddress(pclntab, moduledata?.gofunc, index, FUNCDATA_ARG_INFO) : undefined;
    const argInfo = address === undefined ? undefined : await memory.readUpTo(address, MAX_ARG_INFO_BYTES);
    return { ...base, argsSize: pclntab.argsSize(index), argInfo };
  }

  positionOf(address: number): Promise<SourcePosition | undefined> {
    return this.#guard(`find the line of 0x${address.toString(16)}`, async () => {
      const { pclntab, inlineTrees } = this.#parts;
      const index = pclntab.indexOf(address);
      if (index < 0) {
        const fn = await this.#parts.functions.at(address);
        return fn === undefined ? undefined : { func: fn.name, file: fn.file, line: fn.line };
      }
      const inlined = await inlineTrees.innermost(index, address);
      const func =
        inlined?.name ?? (await this.#parts.functions.atEntry(pclntab.entry(index)))?.name ?? pclntab.name(index);
      return { func, file: pclntab.file(index, address), line: pclntab.line(index, address) };
    });
  }

  inlinedCopies(fn: GoFunction): Promise<number> {
    return this.#guard(`count the inlined copies of ${fn.name}`, async () => {
      const dwarf = await this.#loadDwarf();
      if (this.#inlined === undefined && dwarf !== undefined && ++this.#inlinedQuestions <= QUESTIONS_BEFORE_COUNT) {
        const count = dwarf.inlinedCount(fn.name);
        if (count !== undefined) return count;
      }
      this.#inlined ??= Promise.resolve(dwarf?.inlinedCounts() ?? this.#parts.inlineTrees.countByName());
      return (await this.#inlined).get(fn.name) ?? 0;
    });
  }

  async inlinedCalls(fn: GoFunction): Promise<readonly SourcePosition[]> {
    const addresses = await this.#guard(`find the inlined calls of ${fn.name}`, () =>
      this.#parts.inlineTrees.callAddresses(fn.name),
    );
    const positions: SourcePosition[] = [];
    for (const address of addresses) {
      const position = await this.positionOf(address);
      if (position !== undefined) positions.push(position);
    }
    return positions;
  }

  code(fn: GoFunction): Promise<Uint8Array> {
    return this.#guard(`read the code of ${fn.name}`, async () => {
      const length = fn.end - fn.entry;
      if (!(length >= 0 && length <= MAX_CODE_BYTES)) throw new DamagedError(`a function of ${length} bytes`);
      if (this.#parts.memory.offsetOf(fn.entry, true) === undefined)
        throw new DamagedError(`0x${fn.entry.toString(16)} is no code`);
      return this.#parts.memory.read(fn.entry, length);
    });
  }

  fileOffset(address: number): number | undefined {
    return this.#parts.memory.offsetOf(address, true);
  }

  close(): void {
    this.#dwarf = undefined;
    this.#inlined = undefined;
  }

  /** For Go versions whose layout no table holds: from the type of `runtime.casgstatus`'s first parameter, `*g`. */
  async readRuntimeLayout(): Promise<void> {
    const [fn] = this.hasDwarf ? await this.functionsNamed("runtime.casgstatus") : [];
    const found = fn === undefined ? undefined : await this.signature(fn);
    const type = found?.ok === true ? found.signature.params[0]?.type : undefined;
    if (type?.kind === "ptr") this.runtime = layoutFromType(type.elem, this.runtime.tlsOffset) ?? this.runtime;
  }

  #rangesOverFunc(): ReadonlySet<string> {
    this.#withRangeBodies ??= this.#parts.pclntab.namesWith("-range1");
    return this.#withRangeBodies;
  }

  #loadDwarf(): Promise<Dwarf | undefined> {
    this.#dwarf ??= this.hasDwarf ? this.#readDwarf() : Promise.resolve(undefined);
    return this.#dwarf;
  }

  async #readDwarf(): Promise<Dwarf | undefined> {
    const { memory, moduledata, goMinor, versionIsGuessed, sections } = this.#parts;
    const names = await RuntimeTypeNames.load(memory, moduledata, goMinor);
    const dwarf = await Dwarf.load(sections, this.arch, (offset) => names?.nameAt(offset));
    const version = goMinorVersion(dwarf?.goVersion ?? "");
    if (!versionIsGuessed && version !== undefined && version !== goMinor)
      throw new DamagedError(`it was written by Go 1.${version}, and the build info says 1.${goMinor}`);
    return dwarf;
  }

  /** Damage met while answering becomes the one error that users see. */
  async #guard<T>(what: string, answer: () => Promise<T>): Promise<T> {
    try {
      return await answer();
    } catch (error) {
      throw error instanceof DamagedError ? this.#damaged(what, error.message) : error;
    }
  }

  #damaged(what: string, why: string): UserError {
    return new UserError({
      code: "damaged-go-binary",
      what: `Cannot ${what} in ${this.name}`,
      why: `the file is damaged or cut short: ${why}`,
      remedy: "Compare its size and checksum with the original and copy it again.",
    });
  }
}
