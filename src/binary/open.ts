/** Opens a Go program file: headers, build info and function table now; symbols and DWARF when first asked for. */
import { UserError } from "../protocol/errors.ts";
import type { BuildInfo, ByteSource, GoBinary } from "./api.ts";
import { readBuildInfo } from "./buildinfo.ts";
import { readElf } from "./elf.ts";
import { FileBinary } from "./fileBinary.ts";
import { FunctionTable } from "./functions.ts";
import { InlineTrees } from "./inltree.ts";
import { locatePclntab } from "./locate.ts";
import { Memory } from "./memory.ts";
import { findModuledata } from "./moduledata.ts";
import { readBuildIds } from "./notes.ts";
import type { Pclntab } from "./pclntab.ts";
import { DamagedError } from "./reader.ts";
import { goMinorVersion, runtimeLayout } from "./runtimeLayout.ts";
import { Sections } from "./sections.ts";
import { SymbolTable } from "./symtab.ts";

export interface OpenOptions {
  /** Finds a separate debug file by build ID (hex of the GNU one, or Go's) and `.gnu_debuglink` name. */
  readonly findDebugFile?: (buildId: string, debugLink: string | undefined) => Promise<ByteSource | undefined>;
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
  const found = await locatePclntab(sections, memory);
  if (found === undefined) throw notGo(source.name, info, warnings);
  const { pclntab } = found;
  const symbols = await attempt("the symbol table", () =>
    SymbolTable.load(sections, (address) => memory.isExecutable(address)),
  );
  const minor = goMinorVersion(info?.goVersion ?? "") ?? guessMinor(pclntab);
  if (info === undefined)
    warnings.push("the file has no build info; its Go version is guessed from its function table");
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
  if (!pclntab.hasPointers) {
    const base = moduledata?.text ?? symbols?.address("runtime.text") ?? textBase(pclntab, sections);
    if (base === undefined || !memory.isExecutable(base + pclntab.entryOffset(0)))
      throw damaged(source.name, "the start of the program's code cannot be found");
    pclntab.textStart = base;
  } else if (!memory.isExecutable(pclntab.entry(0))) {
    throw damaged(source.name, "the function table does not point to code");
  }
  const inlineTrees = new InlineTrees(pclntab, memory, moduledata);
  const convention = minor >= (elf.arch === "amd64" ? 17 : 18) ? "register" : "stack";
  const functions = new FunctionTable({ pclntab, inlineTrees, symbols, memory, convention });
  const ids = (await attempt("the build ID", () => readBuildIds(sections))) ?? {};
  return new FileBinary({
    source,
    sections,
    memory,
    elf,
    buildInfo: info ?? { goVersion: `go1.${minor}`, dependencies: [], settings: {} },
    buildId: ids.go ?? ids.gnu ?? "",
    gnuBuildId: ids.gnu,
    goMinor: minor,
    warnings,
    pclntab,
    inlineTrees,
    moduledata,
    functions,
    runtime: runtimeLayout(minor, elf, symbols?.address("runtime.tlsg")),
    findDebugFile: options.findDebugFile,
  });
}

/** Last resorts for the text base: the header (right in files that are not position-independent), then `.text`. */
function textBase(pclntab: Pclntab, sections: Sections): number | undefined {
  if (pclntab.headerTextStart !== 0 && !sections.elf.positionIndependent) return pclntab.headerTextStart;
  return sections.find(".text")?.address;
}

function guessMinor(pclntab: Pclntab): number {
  return { "1.2": 15, "1.16": 17, "1.18": 19, "1.20": 25 }[pclntab.format];
}

function notGo(name: string, info: BuildInfo | undefined, warnings: readonly string[]): UserError {
  return new UserError({
    code: info === undefined ? "not-go" : "damaged-go-binary",
    what: `Cannot read ${name}`,
    why:
      info === undefined
        ? "not a Go binary: it has no Go function table (.gopclntab)"
        : `it was built by ${info.goVersion}, but its function table cannot be found${warnings.length > 0 ? ` (${warnings.join("; ")})` : ""}`,
    remedy:
      info === undefined
        ? "Probelens traces programs built by the Go compiler (gc), version 1.15 or later."
        : "Compare the file with the original: it may be cut short, packed or damaged.",
  });
}

function damaged(name: string, why: string): UserError {
  return new UserError({
    code: "damaged-go-binary",
    what: `Cannot read ${name}`,
    why: `the file is damaged or cut short: ${why}`,
    remedy: "Compare its size and checksum with the original and copy it again.",
  });
}
