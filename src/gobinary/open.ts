/** Opens a Go program file: headers, build info and function table now; symbols and DWARF when first asked for. */

import { ARCHITECTURES, type Arch } from "../arch/arch.ts";
import { DamagedError } from "../bytes/reader.ts";
import type { ByteSource } from "../bytes/source.ts";
import { type FindDebugFile, openDebugFile } from "../elf/debugFile.ts";
import { NO_SECTION_HEADERS, readElf, WHAT_IS_READ } from "../elf/elf.ts";
import { Memory } from "../elf/memory.ts";
import { readBuildIds } from "../elf/notes.ts";
import { Sections } from "../elf/sections.ts";
import { SymbolTable } from "../elf/symtab.ts";
import { UserError } from "../protocol/errors.ts";
import { shown } from "../protocol/shown.ts";
import type { BuildInfo, GoBinary } from "./api.ts";
import { readBuildInfo } from "./buildinfo.ts";
import { FileBinary } from "./fileBinary.ts";
import { findPclntab, unknownMagic } from "./findPclntab.ts";
import { FunctionTable } from "./functions.ts";
import { InlineTrees } from "./inltree.ts";
import { findModuledata } from "./moduledata.ts";
import { FUNCDATA_ARG_INFO, type Pclntab } from "./pclntab.ts";
import { goMinorVersion, tabledLayout } from "./runtime/goroutineLayout.ts";
import { runtimeVersion } from "./runtimeVersion.ts";
import { goroutineOffset, isPlacedAtLoad } from "./tls.ts";

export interface OpenOptions {
  /** Finds a separate debug file by build ID (hex of the GNU one, or Go's) and `.gnu_debuglink` name. */
  readonly findDebugFile?: FindDebugFile;
}

/** Oldest Go whose tables are understood in full. */
const OLDEST_MINOR = 15;
const NEWEST_MINOR = 27;

/** Rejects with a UserError for anything that is not a traceable Go program. */
export async function openBinary(source: ByteSource, options: OpenOptions = {}): Promise<GoBinary> {
  try {
    return await open(source, options);
  } catch (error) {
    if (error instanceof DamagedError) throw damaged(source.name, error.message);
    throw error;
  }
}

async function open(source: ByteSource, options: OpenOptions): Promise<GoBinary> {
  const elf = await readElf(source);
  const warnings = [...elf.warnings];
  const sections = new Sections(source, elf);
  const memory = new Memory(sections);
  const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      warnings.push(`${what} cannot be read: ${error.message}`);
      return undefined;
    }
  };
  const info = await attempt("build info", () => readBuildInfo(sections, memory));
  const system = info?.settings["GOOS"] ?? "linux";
  if (!/^(linux|android)$/.test(system)) throw otherSystem(source.name, system);
  if (SOFT_FLOAT.test(info?.settings["-gcflags"] ?? "")) throw softFloat(source.name);
  const found = await findPclntab(sections, memory, info !== undefined);
  if (found === undefined) {
    const magic = await attempt("the function table's header", () => unknownMagic(sections));
    throw magic === undefined ? notGo(source.name, info, warnings) : changedTable(source.name, info, magic);
  }
  const { pclntab } = found;
  if (!pclntab.isSorted()) throw damaged(source.name, "the function table is out of order");
  const ids = (await attempt("the build ID", () => readBuildIds(sections))) ?? {};
  const stripped = !sections.has(".debug_info");
  const find = options.findDebugFile;
  const debugFile = stripped && find !== undefined ? await openDebugFile(sections, ids, find, warnings) : undefined;
  const debug = debugFile?.sections;
  const symbols = await attempt("the symbol table", async () => {
    const isCode = (address: number): boolean => memory.isExecutable(address);
    const own = await SymbolTable.load(sections, isCode);
    return own ?? (debug === undefined ? undefined : await SymbolTable.load(debug, isCode));
  });
  const version =
    info?.goVersion ??
    (await attempt("the runtime's version", () =>
      runtimeVersion(memory, symbols?.address("runtime.buildVersion"), (candidate) => !contradicts(pclntab, candidate)),
    ));
  const told = goMinorVersion(version ?? "");
  const minor = told ?? guessMinor(pclntab);
  if (contradicts(pclntab, minor))
    throw damaged(source.name, `its build info says go1.${minor}, which writes another kind of function table`);
  if (told === undefined) warnings.push("the file has no build info, and its Go version is not known");
  if (minor > NEWEST_MINOR)
    warnings.push(
      `Go 1.${minor} is newer than what Probelens knows (1.${NEWEST_MINOR}); it is read like Go 1.${NEWEST_MINOR}`,
    );
  if (minor < OLDEST_MINOR) warnings.push(`Go 1.${minor} is older than what Probelens supports (1.${OLDEST_MINOR})`);
  const moduledata = await findModuledata(
    memory,
    pclntab,
    found.address,
    minor,
    symbols?.address("runtime.firstmoduledata"),
  );
  if (moduledata === undefined)
    warnings.push("the runtime's module data is not found: what it leads to (inlined calls, types) is left out");
  if (!pclntab.hasPointers) {
    const base = moduledata?.text ?? symbols?.address("runtime.text") ?? textBase(pclntab, sections);
    if (base === undefined || !memory.isExecutable(base + pclntab.entryOffset(0)))
      throw damaged(source.name, "the start of the program's code cannot be found");
    pclntab.textStart = base;
  }
  // Entries are sorted: what stands between two in code is code.
  if (!memory.isExecutable(pclntab.entry(0)) || !memory.isExecutable(pclntab.entry(pclntab.count - 1)))
    throw damaged(source.name, "the function table does not point to code");
  const inlineTrees = new InlineTrees(pclntab, memory, moduledata);
  const convention = usesRegisters(elf.arch, minor, version) ? "register" : "stack";
  const functions = new FunctionTable({
    pclntab,
    inlineTrees,
    symbols,
    memory,
    convention,
    warn: (warning) => void warnings.push(warning),
  });
  const tlsOffset = await goroutineOffset(elf, memory, pclntab.entry(0), symbols?.address("runtime.tlsg"));
  const binary = new FileBinary({
    source,
    sections: debug ?? sections,
    unusedDebugFile: debugFile?.unused,
    memory,
    elf,
    buildInfo: info ?? { goVersion: version ?? `go1.${minor}`, dependencies: [], settings: {} },
    buildId: ids.go ?? ids.gnu ?? "",
    goMinor: minor,
    versionIsGuessed: told === undefined,
    warnings,
    pclntab,
    inlineTrees,
    moduledata,
    functions,
    runtime: {
      ...tabledLayout(minor, told !== undefined, tlsOffset),
      ...((await isPlacedAtLoad(elf, memory)) ? { tlsAtLoad: true } : {}),
    },
  });
  if (binary.runtime.guessed === true) await binary.readRuntimeLayout();
  return binary;
}

/**
 * An experiment could turn it off, on amd64 in 1.17 only (internal/buildcfg/exp.go). The version names what differs from
 * the usual (`go1.17.13 X:…,noregabiargs`); the setting of build info is what was asked for, and may have been without
 * effect.
 */
function usesRegisters(arch: Arch, minor: number, version = ""): boolean {
  return minor >= ARCHITECTURES[arch].registerAbiSince && !/\bnoregabi/.test(version);
}

/** Last resorts for the text base: the header (right in files that are not position-independent), then `.text`. */
function textBase(pclntab: Pclntab, sections: Sections): number | undefined {
  if (pclntab.headerTextStart !== 0 && !sections.elf.positionIndependent) return pclntab.headerTextStart;
  return sections.find(".text")?.address;
}

/** Each format's first version; the calling convention, which is read off the version, must not hang on one damaged byte. */
const FIRST_MINOR = { "1.2": 2, "1.16": 16, "1.18": 18, "1.20": 20 };

function contradicts(pclntab: Pclntab, minor: number): boolean {
  const firsts = Object.values(FIRST_MINOR);
  const next = firsts.find((first) => first > FIRST_MINOR[pclntab.format]) ?? Number.POSITIVE_INFINITY;
  if (minor < FIRST_MINOR[pclntab.format] || minor >= next) return true;
  return minor === 16 && guessMinor(pclntab) === 17;
}

/** Newest version of each format; 1.16 and 1.17 differ in the calling convention, and in FUNCDATA_ArgInfo. */
function guessMinor(pclntab: Pclntab): number {
  if (pclntab.format === "1.16") {
    for (let index = 0; index < pclntab.count; index++)
      if (pclntab.funcdata(index, FUNCDATA_ARG_INFO) !== undefined) return 17;
    return 16;
  }
  return { "1.2": 15, "1.18": 19, "1.20": 25 }[pclntab.format];
}

function notGo(name: string, info: BuildInfo | undefined, warnings: readonly string[]): UserError {
  if (info === undefined && warnings.length === 0)
    return new UserError({
      code: "not-go",
      what: `cannot read ${shown(name)}`,
      why: "not a Go binary: it has no Go function table (.gopclntab)",
      remedy: "Probelens traces programs built by the Go compiler (gc), version 1.15 or later.",
    });
  // The one warning is about the headers; packers (UPX) leave none, and what they packed is whole in memory only.
  if (info === undefined && warnings.length === 1 && warnings[0] === NO_SECTION_HEADERS)
    return new UserError({
      code: "not-go",
      what: `cannot read ${shown(name)}`,
      why: "it has neither a Go function table nor section headers: it is packed, or no Go program",
      remedy: "Trace a packed program as the Go compiler made it (`upx -d` unpacks what UPX packed).",
    });
  const built =
    info === undefined
      ? "no Go function table is found"
      : `built by ${info.goVersion}, but its function table is not found`;
  const cause = warnings.find((warning) => warning.startsWith("the file is cut short")) ?? warnings[0];
  return damaged(name, cause === undefined ? built : `${built}; ${cause}`);
}

/** Obfuscators give the table another magic number and scramble what stands in it (garble: runtime_patch.go). */
function changedTable(name: string, info: BuildInfo | undefined, magic: string): UserError {
  const version = info?.goVersion ?? "";
  const isNewer = (goMinorVersion(version) ?? 0) > NEWEST_MINOR;
  return new UserError({
    code: "damaged-go-binary",
    what: `cannot read ${shown(name)}`,
    why: isNewer
      ? `it was built by ${version}, which writes another function table than Go 1.${NEWEST_MINOR}, the newest that Probelens knows`
      : `its function table begins with 0x${magic}, which no Go compiler writes: an obfuscator changed it (garble does), or it is damaged`,
    remedy: isNewer
      ? "Use a newer Probelens, or build the program with an older Go."
      : "Trace a program that was built without obfuscation, by `go build`.",
  });
}

/** A switch of the compiler's for machines without floating point, and for its own tests on those that have it. */
const SOFT_FLOAT = /\bsoftfloat\b(?!=0)/;

/**
 * Values with floats stand on the stack then, in the packages that were compiled so (cmd/compile/internal/ssa/config.go,
 * NewConfig: no registers for float parameters), and nothing in the program tells which these are.
 */
function softFloat(name: string): UserError {
  return new UserError({
    code: "unsupported-elf",
    what: `cannot read ${shown(name)}`,
    why: "it was compiled with -gcflags=-d=softfloat, and where its values with floats stand cannot be known",
    remedy: "Build it without that flag, which a processor with floating point does not need.",
  });
}

/** Headers do not tell all systems apart: illumos and DragonFly call themselves System V, as Linux does. */
function otherSystem(name: string, system: string): UserError {
  return new UserError({
    code: "unsupported-elf",
    what: `cannot read ${shown(name)}`,
    why: `it was built for ${system.slice(0, 40)}`,
    remedy: WHAT_IS_READ,
  });
}

function damaged(name: string, why: string): UserError {
  return new UserError({
    code: "damaged-go-binary",
    what: `cannot read ${shown(name)}`,
    why: `the file is damaged or cut short: ${why}`,
    remedy: "Compare its size and checksum with the original and copy it again.",
  });
}
