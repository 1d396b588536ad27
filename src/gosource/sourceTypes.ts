/** Signatures of a binary's functions from the user's own source: the layer's one entry point. */
import type { BuildInfo, GoBinary, GoFunction, Signature, SignatureResult, TypeData } from "../binary/api.ts";
import { type FoundFunction, findDeclaration, notInSource } from "./findDeclaration.ts";
import { SourceLocator } from "./locate.ts";
import { isProved, matchSource, type SourceMatch, type SourceTree } from "./match.ts";
import type { SourceFile } from "./package.ts";
import { type GoParser, type GrammarFiles, loadGoParser } from "./parser.ts";
import type { SourceReader } from "./reader.ts";
import { SignatureBuilder } from "./signature.ts";
import { parseSymbolName } from "./symbolName.ts";
import { World } from "./world.ts";
import { isWithoutParameters, wrappedElsewhere } from "./wrappers.ts";

export interface SourceTypesOptions {
  readonly reader: SourceReader;
  /** A parser, or the WebAssembly files to make one from. */
  readonly wasm: GrammarFiles | GoParser;
  /** `--source DIR`. */
  readonly root: string;
  /** GOROOT; also several. Only one of exactly the version that built the binary is read. */
  readonly goroot?: string | readonly string[] | undefined;
  /** GOMODCACHE. */
  readonly gomodcache?: string | undefined;
  /** GOPATH folders, for binaries built without modules. */
  readonly gopath?: readonly string[] | undefined;
  /** Asks version control; without it, name, file and line must do. */
  readonly tree?: SourceTree | undefined;
  /** Pointers followed when types are read; 4 without it, one more than the value text shows. */
  readonly depth?: number | undefined;
}

/** What the binary itself knows about the types in it. */
export type Witness = Pick<GoBinary, "typeData" | "contradiction" | "functionsNamed" | "positionOf">;

export interface SourceTypes {
  /**
   * `binary`: also asks the binary's own type data and what it records of the function's arguments; without it, only the
   * source speaks. Never throws for bad source.
   */
  signature(fn: GoFunction, info: BuildInfo, binary?: Witness): Promise<SignatureResult>;
  /** Line of the function's declaration, or of its literal; undefined where the source has none that fits. */
  declarationLine(fn: GoFunction, info: BuildInfo): Promise<number | undefined>;
  /** Whether the source is what the binary was built from, for the user to read. */
  match(fn: GoFunction, info: BuildInfo): Promise<SourceMatch>;
  /**
   * Whether the function and all files of the user's own that its signature was read from are those that the binary was
   * built from. Ask after `signature`.
   */
  isProved(fn: GoFunction, info: BuildInfo): Promise<boolean>;
  /** Forgets what was read: files have changed. */
  refresh(): void;
}

const DEFAULT_DEPTH = 4;

const NOTHING: Signature = { params: [], results: [], complete: true, source: "go-source" };

const UNSEEN_METHOD =
  "it is the compiler's wrapper of a method of which the binary shows no line, so that nothing says whether the source is the binary's";

export async function createSourceTypes(options: SourceTypesOptions): Promise<SourceTypes> {
  const { reader, wasm, root, gomodcache } = options;
  const parser = "parse" in wasm ? wasm : await loadGoParser(wasm);
  const goroots = typeof options.goroot === "string" ? [options.goroot] : (options.goroot ?? []);
  const places = { root, goroots, gomodcache, gopaths: options.gopath ?? [] };
  const worlds = new Map<BuildInfo, World>();
  const builders = new WeakMap<World, { readonly knownTypes: TypeData | undefined; readonly builder: SignatureBuilder }>();
  let tree = options.tree === undefined ? undefined : remembering(options.tree);
  const worldOf = (info: BuildInfo): World => {
    let world = worlds.get(info);
    if (world === undefined) {
      if (worlds.size >= MAX_WORLDS) worlds.clear();
      world = new World(reader, parser, new SourceLocator(reader, places, info));
      worlds.set(info, world);
    }
    return world;
  };
  const builderOf = (info: BuildInfo, knownTypes: TypeData | undefined): SignatureBuilder => {
    const world = worldOf(info);
    let known = builders.get(world);
    if (known === undefined || known.knownTypes !== knownTypes) {
      const depth = options.depth ?? DEFAULT_DEPTH;
      known = { knownTypes, builder: new SignatureBuilder(world, info, { depth, knownTypes }) };
      builders.set(world, known);
    }
    return known.builder;
  };
  const find = async (fn: GoFunction, info: BuildInfo): Promise<FoundFunction> => {
    const why = notInSource(fn);
    const symbol = parseSymbolName(fn.name);
    if (why !== undefined || symbol === undefined) return { kind: "absent", why: why ?? "its name is not understood" };
    const world = worldOf(info);
    const location = await world.locator.locateSymbolPackage(symbol.packagePath, fn.file);
    const owner = "missing" in location ? location : await world.loadAt(location);
    if ("missing" in owner) return { kind: "absent", why: owner.missing };
    return findDeclaration(fn, info, symbol, owner);
  };
  const filesOf = (file: SourceFile, info: BuildInfo): SourceFile[] => [
    ...new Set([file, ...worldOf(info).usedFiles()]),
  ];
  const matchOf = (found: FoundFunction, info: BuildInfo): Promise<SourceMatch> => {
    const file = found.kind === "found" ? found.function.file : undefined;
    const files = file === undefined ? [] : filesOf(file, info);
    return matchSource(info, found, file?.package.importPath ?? "", files, tree);
  };
  return {
    async signature(fn, info, binary) {
      const symbol = parseSymbolName(fn.name);
      if (symbol !== undefined && isWithoutParameters(fn, symbol)) {
        const contradiction = await binary?.contradiction(fn, NOTHING);
        return contradiction === undefined ? { ok: true, signature: NOTHING } : { ok: false, reason: contradiction };
      }
      const found = await find(fn, info);
      if (found.kind !== "found") return { ok: false, reason: found.why };
      const result = await builderOf(info, await binary?.typeData()).signature(found.function);
      if (!result.ok) return result;
      const contradiction = await binary?.contradiction(fn, result.signature);
      if (contradiction !== undefined) {
        return { ok: false, reason: `the source is not what the binary was built from: ${contradiction}` };
      }
      // After the types, so that the files that declare them are compared too.
      const match = await matchOf(found, info);
      if (match.kind === "different-revision") return { ok: false, reason: match.message };
      const { wrapped } = result;
      const elsewhere = wrapped === undefined ? undefined : await wrappedElsewhere(fn, wrapped, binary);
      if (elsewhere === undefined || (elsewhere === "unknown" && match.kind === "exact")) return result;
      const reason = elsewhere === "unknown" ? UNSEEN_METHOD : elsewhere;
      return { ok: false, reason };
    },
    async declarationLine(fn, info) {
      const found = await find(fn, info);
      return found.kind === "found" ? (found.function.literal ?? found.function.declaration)?.line : undefined;
    },
    async match(fn, info) {
      return await matchOf(await find(fn, info), info);
    },
    async isProved(fn, info) {
      const found = await find(fn, info);
      if (found.kind !== "found" || found.function.file.package.origin !== "module") return false;
      return await isProved(info, filesOf(found.function.file, info), tree);
    },
    refresh() {
      worlds.clear();
      tree = options.tree === undefined ? undefined : remembering(options.tree);
    },
  };
}

/** Version control is asked once about each file, not for every function. */
function remembering(tree: SourceTree): SourceTree {
  const states = new Map<string, ReturnType<SourceTree["state"]>>();
  const texts = new Map<string, Promise<string | undefined>>();
  return {
    state: (dir) => remember(states, dir, () => tree.state(dir)),
    fileAt: (revision, path) => remember(texts, `${revision} ${path}`, () => tree.fileAt(revision, path)),
  };
}

function remember<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** One binary at a time is usual; each world may hold tens of megabytes of source. */
const MAX_WORLDS = 4;
