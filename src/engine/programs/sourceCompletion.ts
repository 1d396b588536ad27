/** The user's Go source as a second origin of signatures, for binaries without DWARF (`--source DIR`). */
import { execFile } from "node:child_process";
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import type { BuildInfo, GoBinary, GoFunction, Signature, SignatureResult, Variable } from "../../gobinary/api.ts";
import { placeSignature } from "../../gobinary/places/court.ts";
import type { SourceMatch } from "../../gosource/functions/match.ts";
import { minorVersion } from "../../gosource/packages/buildTags.ts";
import type { SourceReader } from "../../gosource/packages/reader.ts";
import type { SourceTypes } from "../../gosource/sourceTypes.ts";
import { encodePath } from "../../protocol/path.ts";
import { noSourceFolder } from "../failures.ts";
import { delegate } from "./binaries.ts";
import { CapturedNamesOf } from "./capturedNames.ts";
import { gitTree } from "./gitTree.ts";
import { readRegular } from "./regularFile.ts";

export { matchText, type SourceMatch } from "../../gosource/functions/match.ts";

/** The longest Go file of the standard library has 4 MB (tables); longer ones are not what functions are declared in. */
const MAX_FILE_BYTES = 16 << 20;
const TOOL_TIMEOUT_MS = 10_000;

/** Throws a UserError where `root` is no folder. */
export async function sourceTypesAt(root: string): Promise<SourceTypes> {
  const found = await stat(root).catch((error: Error) => error);
  if (typeof encodePath(root) !== "string")
    throw noSourceFolder(root, "its path is not UTF-8; give it by another one, a symbolic link for instance");
  if (found instanceof Error) throw noSourceFolder(root, found);
  if (!found.isDirectory()) throw noSourceFolder(root, "it is a file");
  const env = await goEnvironment();
  const [{ createSourceTypes }, { loadGrammar }] = await Promise.all([
    import("../../gosource/sourceTypes.ts"),
    import("./grammar.ts"),
  ]);
  return await createSourceTypes({
    reader: fileReader,
    wasm: await loadGrammar(),
    root: await realpath(root),
    ...goFolders(env),
    tree: gitTree(),
  });
}

/**
 * Where Go's variables say that source lies. `go env` gives a relative GOMODCACHE as it is, which the go command then
 * refuses to use: it would lead below whatever folder the caller stands in.
 */
export function goFolders(env: Record<string, string>): { goroot: string[]; gomodcache?: string; gopath: string[] } {
  const { GOROOT = "", GOMODCACHE = "", GOPATH = "" } = env;
  return {
    goroot: [...new Set([GOROOT, "/usr/local/go", "/usr/lib/go"].filter((path) => isAbsolute(path)))],
    ...(isAbsolute(GOMODCACHE) ? { gomodcache: GOMODCACHE } : {}),
    gopath: GOPATH.split(":").filter((path) => isAbsolute(path)),
  };
}

export interface SourcedBinary extends GoBinary {
  /** As the source has it: binaries without DWARF before Go 1.20 name the line of the first instruction only. */
  declarationLine?(fn: GoFunction): Promise<number | undefined>;
  /** Whether the source is what the binary was built from; ask after `signature`. */
  sourceMatch?(fn: GoFunction): Promise<SourceMatch>;
  /** Which of the parameters the function never changes; undefined where no source that can be relied on tells. */
  unchangedParams?(fn: GoFunction, params: readonly Variable[]): Promise<ReadonlySet<string> | undefined>;
}

/** The binary with its signatures completed: DWARF's where it has all of them, else the source's. */
export function withSource(binary: GoBinary, source: SourceTypes): SourcedBinary {
  const names = new CapturedNamesOf(binary, async (fn) =>
    (await changedSince(binary, source, fn)) === undefined ? source : undefined,
  );
  const declarationLine = (fn: GoFunction) => source.declarationLine(fn, binary.buildInfo);
  return delegate(binary, {
    ...names.completed(true),
    async signature(fn: GoFunction): Promise<SignatureResult> {
      const own = await binary.signature(fn);
      if (own.ok && isWhole(own.signature, binary) && own.signature.source === "dwarf") return own;
      const read = await source.signature(fn, binary.buildInfo, binary);
      if (!own.ok) return read.ok ? placed(binary, fn, read.signature) : binary.hasDwarf ? own : read;
      if (own.signature.source === "type-data") {
        return read.ok && sameTypes(own.signature, read.signature) ? placed(binary, fn, read.signature) : own;
      }
      if (!read.ok || !agrees(own.signature, read.signature)) return own;
      const changed = await changedSince(binary, source, fn);
      if (changed === undefined) return placed(binary, fn, withTypes(read.signature, own.signature));
      const { missingResults } = own.signature;
      if (missingResults === undefined) return own;
      const why = `${missingResults}, and ${changed} is newer than the program`;
      return { ok: true, signature: { ...own.signature, missingResults: why } };
    },
    declarationLine,
    sourceMatch: (fn: GoFunction) => source.match(fn, binary.buildInfo),
    async unchangedParams(fn: GoFunction, params: readonly Variable[]) {
      const unchanged = await source.unchangedParams(fn, binary.buildInfo, params);
      return unchanged === undefined || (await changedSince(binary, source, fn)) !== undefined ? undefined : unchanged;
    },
  });
}

/**
 * A file of the function's source that was written after the program, where nothing proves that it is the program's
 * nevertheless. An older one may still be another than the one that was compiled: dates prove nothing.
 */
async function changedSince(binary: GoBinary, source: SourceTypes, fn: GoFunction): Promise<string | undefined> {
  if (await source.isProved(fn, binary.buildInfo)) return undefined;
  const built = (await stat(encodePath(binary.name)).catch(() => undefined))?.mtimeMs;
  for (const path of built === undefined ? [] : await source.filesOf(fn, binary.buildInfo)) {
    const written = (await stat(path).catch(() => undefined))?.mtimeMs;
    if (written !== undefined && built !== undefined && written > built) return path;
  }
  return undefined;
}

/**
 * A binary with DWARF, its incomplete signatures completed from the source that the binary names, where version control
 * proves that it was built from just that.
 */
export function withOwnSource(binary: GoBinary): SourcedBinary {
  const { buildInfo } = binary;
  if (buildInfo.settings["vcs.revision"] === undefined || buildInfo.settings["vcs.modified"] !== "false") return binary;
  const sources = new Map<string, Promise<SourceTypes | undefined>>();
  const sourceOf = async (fn: GoFunction): Promise<SourceTypes | undefined> => {
    const root = await moduleOf(fn.file);
    if (root === undefined) return undefined;
    const opening = sources.get(root) ?? sourceTypesAt(root).catch(() => undefined);
    sources.set(root, opening);
    return await opening;
  };
  const names = new CapturedNamesOf(binary, async (fn) => {
    const source = await sourceOf(fn);
    return (await source?.isProved(fn, buildInfo)) === true ? source : undefined;
  });
  return delegate(binary, {
    ...names.completed(false),
    async signature(fn: GoFunction): Promise<SignatureResult> {
      const own = await binary.signature(fn);
      if (!own.ok || isWhole(own.signature, binary)) return own;
      const source = await sourceOf(fn);
      const read = await source?.signature(fn, buildInfo, binary);
      if (read?.ok !== true || !agrees(own.signature, read.signature)) return own;
      const proved = await source?.isProved(fn, buildInfo);
      return proved === true ? placed(binary, fn, withTypes(read.signature, own.signature)) : own;
    },
    async unchangedParams(fn: GoFunction, params: readonly Variable[]) {
      const source = await sourceOf(fn);
      const unchanged = await source?.unchangedParams(fn, buildInfo, params);
      return unchanged !== undefined && (await source?.isProved(fn, buildInfo)) === true ? unchanged : undefined;
    },
  });
}

function isWhole({ complete, missingResults, params }: Signature, { buildInfo }: GoBinary): boolean {
  return (
    complete && missingResults === undefined && (isInOrder(params) || minorVersion(buildInfo.goVersion) > BY_PLACE)
  );
}

/** Up to Go 1.16, DWARF lists parameters in the order of their places, and a zero-sized one has none. */
const BY_PLACE = 16;

function isInOrder(params: readonly Variable[]): boolean {
  return params.length < 2 || params.every(({ type }) => type.size !== 0);
}

/**
 * Whether all that DWARF lists stands in the source's list, in the same order (but for what has no size, see above) and
 * with the same types. Unnamed results have only their types to be known by: the number of one is its place among those
 * listed.
 */
function agrees(dwarf: Signature, source: Signature): boolean {
  const sized = dwarf.params.filter(({ type }) => type.size !== 0);
  const empty = dwarf.params.filter(({ type }) => type.size === 0);
  return (
    isPart(sized, source.params) &&
    empty.every((param) => isPart([param], source.params)) &&
    isPart(dwarf.results, source.results)
  );
}

/** The runtime's type data has the types and no names; the source has both. */
function sameTypes(known: Signature, source: Signature): boolean {
  const types = ({ params, results }: Signature): string =>
    JSON.stringify([params, results].map((list) => list.map(({ type }) => [type.name, type.size])));
  return types(known) === types(source);
}

function isPart(listed: readonly Variable[], all: readonly Variable[]): boolean {
  let at = 0;
  for (const variable of listed) {
    if (variable.blank) continue;
    while (at < all.length && !isSame(variable, all[at]!)) at++;
    if (at++ >= all.length) return false;
  }
  return true;
}

function isSame(a: Variable, b: Variable): boolean {
  const sameName = a.name === b.name || (a.name.startsWith("~") && b.name.startsWith("~"));
  return sameName && a.type.size === b.type.size && a.type.name === b.type.name;
}

/** The source's lists; DWARF's types where it has them, because they reach further. */
function withTypes(read: Signature, own: Signature): Signature {
  const listed = new Map(own.params.filter(({ blank }) => !blank).map((param) => [param.name, param]));
  return { ...read, params: read.params.map((param) => listed.get(param.name) ?? param) };
}

function placed(binary: GoBinary, fn: GoFunction, signature: Signature): SignatureResult {
  return { ok: true, signature: placeSignature(binary.arch, fn.convention, signature) };
}

/** The folder of the go.mod above a file. */
async function moduleOf(file: string): Promise<string | undefined> {
  if (!isAbsolute(file)) return undefined;
  for (let dir = dirname(file); ; dir = dirname(dir)) {
    if ((await stat(join(dir, "go.mod")).catch(() => undefined))?.isFile() === true) return dir;
    if (dir === dirname(dir)) return undefined;
  }
}

/** Whether the function below `root` is what the binary was built from; undefined where that cannot be looked at. */
export async function matchAt(root: string, fn: GoFunction, info: BuildInfo): Promise<SourceMatch | undefined> {
  try {
    return await (await sourceTypesAt(root)).match(fn, info);
  } catch {
    return undefined;
  }
}

const fileReader: SourceReader = {
  read: (path) => readRegular(path, MAX_FILE_BYTES),
  async list(dir) {
    try {
      const entries = await readdir(dir, { withFileTypes: true });
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
    } catch {
      return [];
    }
  },
};

/** Where there is no go command, GOROOT's usual places and the environment must do. */
async function goEnvironment(): Promise<Record<string, string>> {
  try {
    // In no folder of anybody's: a go.mod there could name another toolchain, which would be run.
    const options = { cwd: "/", timeout: TOOL_TIMEOUT_MS };
    const { stdout } = await promisify(execFile)("go", ["env", "-json", "GOROOT", "GOMODCACHE", "GOPATH"], options);
    return JSON.parse(stdout) as Record<string, string>;
  } catch {
    return {};
  }
}
