/**
 * Where the source of an import path lies: the user's modules, their vendor folders, the toolchain's own tree, the
 * module cache. Never another version than the binary's: its build information says which.
 */
import { isRefusal, type Refusal, refuse } from "../../goabi/refusal.ts";
import type { BuildInfo, Dependency } from "../../gobinary/api.ts";
import { escapePackagePath } from "../../goname/linkName.ts";
import type { TagState } from "./buildConstraints.ts";
import { buildTags, experimentsFrom, minorVersion } from "./buildTags.ts";
import { escapeModule, type GoMod, parseGoMod, parseGoWork, parseVendorModules, type VendoredModule } from "./goMod.ts";
import type { PackageOrigin, SourceVersion } from "./package.ts";
import { below, dirName, joinPath, type SourceReader } from "./reader.ts";

export interface SourcePlaces {
  /** Where the user says the source lies: a module, a folder of modules, or a package's folder. */
  readonly root: string;
  /** Candidates for the toolchain's tree; only one of exactly the binary's version is used. */
  readonly goroots: readonly string[];
  readonly gomodcache?: string | undefined;
  /** GOPATH folders, for binaries built without modules (Debian's packages). */
  readonly gopaths: readonly string[];
}

export interface PackageLocation {
  readonly importPath: string;
  readonly linkPath: string;
  readonly dir: string;
  readonly origin: PackageOrigin;
  /** The module's own folder, which may be called anything where the binary was built. */
  readonly isModuleRoot: boolean;
  /** What says of itself which version it is: the toolchain's tree, the module cache, vendored modules. */
  readonly version?: SourceVersion;
}

/** Of a test binary: the tested package with its `_test.go` files, or the external package `…_test` beside it. */
export type Tests = "own" | "external";

export type Located = PackageLocation | Refusal;

interface Module {
  readonly path: string;
  readonly dir: string;
  readonly goMod: GoMod | undefined;
}

/** Folders searched for go.mod files below the root. */
const MAX_FOLDERS_SEARCHED = 2_000;
const MAX_SEARCH_DEPTH = 6;
/** The largest servers have some 3 000 packages, each of which is looked for in a few folders. */
const MAX_FOLDERS_REMEMBERED = 20_000;
const SKIPPED_FOLDERS = /^(vendor|node_modules|testdata|\..*|_.*)\/$/;
/** go.mod is looked for in the root's parents, as the go command does. */
const MAX_PARENTS = 20;

export class PackageFolders {
  private readonly reader: SourceReader;
  private readonly places: SourcePlaces;
  private readonly info: BuildInfo;
  private modulesFound: Promise<readonly Module[]> | undefined;
  private gorootFound: Promise<{ readonly dir: string } | Refusal> | undefined;
  private readonly lists = new Map<string, Promise<readonly string[]>>();
  private tested: Promise<string | undefined> | undefined;
  private readonly symbolPackages = new Map<string, Promise<Located>>();
  private readonly vendorVersions = new Map<string, ReadonlyMap<string, VendoredModule>>();
  /** Set by the first package that was found by its file instead of through go.mod. */
  private readonly assumed: Module[] = [];

  constructor(reader: SourceReader, places: SourcePlaces, info: BuildInfo) {
    this.reader = reader;
    this.places = places;
    this.info = info;
  }

  async tags(): Promise<TagState> {
    const goroot = await this.goroot();
    const expGo =
      "dir" in goroot ? await this.reader.read(joinPath(goroot.dir, "src/internal/buildcfg/exp.go")) : undefined;
    return buildTags(this.info, experimentsFrom(expGo, this.info));
  }

  /** The package that a symbol names, whose function the binary has in `file`. */
  folderOfSymbol(packagePath: string, file: string): Promise<Located> {
    const key = `${packagePath} ${file}`;
    const located = this.symbolPackages.get(key) ?? this.symbolPackage(packagePath, file);
    this.symbolPackages.set(key, located);
    return located;
  }

  /** The user's own package: `main` by build information or by its file, others by their path. */
  private async symbolPackage(packagePath: string, file: string): Promise<Located> {
    const tested = await this.testedPackage();
    if (tested !== undefined && packagePath === `${tested}_test`) {
      const located = await this.folderOf(tested, false);
      if (isRefusal(located)) return located;
      return { ...located, importPath: packagePath, linkPath: escapePackagePath(packagePath) };
    }
    if (packagePath !== "main") {
      const located = await this.folderOf(packagePath, false);
      // What the binary names is that and nothing else; a file of the same name may be another version of it.
      const isNamed = longestPrefix(packagePath, this.info.dependencies) !== undefined;
      if (!isRefusal(located) || isNamed || !file.endsWith(".go")) return located;
      return await this.findByFile(packagePath, file, located.reason);
    }
    const path = this.info.path ?? "command-line-arguments";
    if (path !== "command-line-arguments") {
      const located = await this.folderOf(path, false);
      if (!isRefusal(located)) return { ...located, linkPath: "main" };
    }
    const located = await this.findByFile("main", file, `no folder of package ${path} is below ${this.places.root}`);
    return isRefusal(located) ? located : { ...located, importPath: path, linkPath: "main" };
  }

  /** Which of a test binary's two packages an import path names; undefined for every other package. */
  async testsOf(importPath: string): Promise<Tests | undefined> {
    const tested = await this.testedPackage();
    if (tested === undefined) return undefined;
    if (importPath === tested) return "own";
    return importPath === `${tested}_test` ? "external" : undefined;
  }

  /** What `go test -c` built the binary for: it names its program `PACKAGE.test`. */
  private testedPackage(): Promise<string | undefined> {
    this.tested ??= this.findTestedPackage();
    return this.tested;
  }

  private async findTestedPackage(): Promise<string | undefined> {
    const path = this.info.path ?? "";
    // A program may have such a name of its own.
    if (!path.endsWith(".test") || !isRefusal(await this.folderOf(path, false))) return undefined;
    return path.slice(0, -".test".length);
  }

  /** `fromStd`: the import stands in a file of the standard library. */
  async folderOf(importPath: string, fromStd: boolean): Promise<Located> {
    if (!/^[^/\\\0][^\\\0]*$/.test(importPath) || importPath.split("/").includes("..")) {
      return refuse(`${JSON.stringify(importPath)} is no import path`);
    }
    const dependency = longestPrefix(importPath, this.info.dependencies);
    const own = fromStd ? undefined : await this.findInModules(importPath);
    // A module below the root may also be a dependency in a published version: then that version was built.
    const published = dependency !== undefined && /^v\d/.test((dependency.replacedBy ?? dependency).version);
    if (own !== undefined && !(published && dependency.path.length >= own.module.path.length)) return own.location;
    return (await this.findInStd(importPath, fromStd)) ?? (await this.findDependency(importPath, dependency));
  }

  private async findInModules(importPath: string): Promise<{ module: Module; location: Located } | undefined> {
    for (const module of await this.modules()) {
      const rest = below(importPath, module.path);
      if (rest === undefined) continue;
      const dir = joinPath(module.dir, rest);
      if (!(await this.hasGoFiles(dir))) continue;
      return { module, location: { ...located(importPath, dir, "module", rest), ...this.cached(module) } };
    }
    return undefined;
  }

  /** A module's version, where the user gave its folder in the module cache as the program's source. */
  private cached({ path, dir }: Module): Pick<PackageLocation, "version"> {
    const { module } = this.info;
    const here = dir.endsWith(escapeModule(path), dir.lastIndexOf("@")) ? dir.slice(dir.lastIndexOf("@") + 1) : "";
    if (module?.path !== path || !/^v\d/.test(here) || !/^v\d/.test(module.version)) return {};
    return { version: { of: path, here, built: module.version } };
  }

  async modules(): Promise<readonly Module[]> {
    this.modulesFound ??= this.findModules();
    return [...(await this.modulesFound), ...this.assumed];
  }

  async goroot(): Promise<{ readonly dir: string } | Refusal> {
    this.gorootFound ??= this.findGoroot();
    return await this.gorootFound;
  }

  private async findInStd(importPath: string, fromStd: boolean): Promise<Located | undefined> {
    // Only the standard library has import paths whose first element has no dot; modules of that kind were tried above.
    const looksStd = !(importPath.split("/")[0] ?? "").includes(".");
    if (!looksStd && !fromStd) return undefined;
    const goroot = await this.goroot();
    if (isRefusal(goroot)) return looksStd ? goroot : goroot;
    const dir = joinPath(goroot.dir, "src", importPath);
    const version = { of: "go", here: this.goVersion, built: this.goVersion };
    if (looksStd && (await this.hasGoFiles(dir))) return { ...located(importPath, dir, "std"), version };
    const vendored = joinPath(goroot.dir, "src/vendor", importPath);
    if (fromStd && (await this.hasGoFiles(vendored)))
      return { ...located(`vendor/${importPath}`, vendored, "std"), version };
    return looksStd || fromStd ? refuse(`package ${importPath} is not in ${goroot.dir}/src`) : undefined;
  }

  /**
   * A dependency as the binary was built with it. What the user's go.mod says now counts only for a folder that replaces
   * a module, whose place the binary names as go.mod does.
   */
  private async findDependency(importPath: string, dependency: Dependency | undefined): Promise<Located> {
    const folder = dependency === undefined ? undefined : replacingFolder(dependency);
    for (const module of await this.modules()) {
      if (dependency === undefined ? this.info.module === undefined : folder !== undefined) {
        const replaced = await this.findReplaced(importPath, folder, module);
        if (replaced !== undefined) return replaced;
      }
      const vendored = await this.findVendored(importPath, dependency, module);
      if (vendored !== undefined) return vendored;
    }
    const { gomodcache, gopaths } = this.places;
    if (dependency !== undefined && folder === undefined && gomodcache !== undefined) {
      const { path, version } = dependency.replacedBy ?? dependency;
      const rest = below(importPath, dependency.path) ?? "";
      const dir = joinPath(gomodcache, `${escapeModule(path)}@${escapeModule(version)}`, rest);
      if (await this.hasGoFiles(dir)) {
        const proved = { of: path, here: version, built: version };
        return { ...located(importPath, dir, "dependency", rest), version: proved };
      }
      return refuse(`${path} ${version} is not in the module cache (${gomodcache}); "go mod download" fetches it`);
    }
    if (folder !== undefined) {
      return refuse(`the binary was built with the folder ${folder} as ${dependency?.path}, which is not found`);
    }
    if (dependency === undefined) {
      for (const gopath of gopaths) {
        const dir = joinPath(gopath, "src", importPath);
        if (await this.hasGoFiles(dir)) return located(importPath, dir, "dependency");
      }
    }
    return refuse(
      `package ${importPath} is neither below ${this.places.root} nor among the modules that the binary names`,
    );
  }

  /** `folder`: as the binary names it; undefined for a binary that names no modules. */
  private async findReplaced(
    importPath: string,
    folder: string | undefined,
    module: Module,
  ): Promise<Located | undefined> {
    const replace = module.goMod?.replaces.find(
      ({ path, target }) => below(importPath, path) !== undefined && isFolder(target) && target === (folder ?? target),
    );
    if (replace === undefined) return undefined;
    const rest = below(importPath, replace.path) ?? "";
    const base = replace.target.startsWith("/") ? replace.target : joinPath(module.dir, replace.target);
    const dir = joinPath(base, rest);
    return (await this.hasGoFiles(dir)) ? located(importPath, dir, "dependency", rest) : undefined;
  }

  private async findVendored(
    importPath: string,
    dependency: Dependency | undefined,
    module: Module,
  ): Promise<Located | undefined> {
    const dir = joinPath(module.dir, "vendor", importPath);
    if (!(await this.hasGoFiles(dir))) return undefined;
    if (dependency === undefined) return located(importPath, dir, "dependency");
    let modules = this.vendorVersions.get(module.dir);
    if (modules === undefined) {
      modules = parseVendorModules((await this.reader.read(joinPath(module.dir, "vendor/modules.txt"))) ?? "");
      this.vendorVersions.set(module.dir, modules);
    }
    const { path, version, replacedBy } = dependency;
    const vendored = modules.get(path);
    const folder = replacingFolder(dependency);
    const replacement = folder ?? (replacedBy === undefined ? undefined : `${replacedBy.path} ${replacedBy.version}`);
    if (vendored?.version !== version || vendored.replacedBy !== replacement) return undefined;
    const built = replacedBy?.version ?? version;
    // A folder has no version, so that nothing says which of its states was copied.
    const proved = folder === undefined ? { version: { of: replacedBy?.path ?? path, here: built, built } } : {};
    return { ...located(importPath, dir, "dependency"), ...proved };
  }

  /**
   * Without a go.mod that names the package: the longest tail of the binary's file path that exists below the root. The
   * module is then assumed to start where the tail does, so that its other packages are found too.
   */
  private async findByFile(packagePath: string, file: string, why: string): Promise<Located> {
    const bases = [this.places.root, joinPath(this.places.root, "src"), ...this.places.gopaths];
    const parts = dirName(file)
      .split("/")
      .filter((part) => part !== "" && part !== "." && part !== "..");
    const base = file.slice(file.lastIndexOf("/") + 1);
    for (let start = 0; start <= parts.length; start++) {
      const tail = parts.slice(start).join("/");
      if (packagePath !== "main" && tail !== "" && !packagePath.endsWith(tail) && !tail.endsWith(packagePath)) continue;
      for (const root of bases) {
        const dir = joinPath(root, tail);
        if (!(await this.list(dir)).includes(base)) continue;
        if (packagePath !== "main" && packagePath.endsWith(`/${tail}`)) {
          this.assumed.push({ path: packagePath.slice(0, -tail.length - 1), dir: root, goMod: undefined });
        }
        return located(packagePath, dir, "module", tail);
      }
    }
    return refuse(`${why}; nor is there a file ${base}`);
  }

  private async findModules(): Promise<Module[]> {
    const modules: Module[] = [];
    const add = async (dir: string): Promise<boolean> => {
      const text = await this.reader.read(joinPath(dir, "go.mod"));
      if (text === undefined) return false;
      const goMod = parseGoMod(text);
      if (goMod.module !== "" && !modules.some((module) => module.dir === dir)) {
        modules.push({ path: goMod.module, dir, goMod });
      }
      return true;
    };
    let dir = this.places.root;
    for (let step = 0; step < MAX_PARENTS && dir !== ""; step++, dir = dirName(dir)) {
      const work = await this.reader.read(joinPath(dir, "go.work"));
      for (const folder of parseGoWork(work ?? "")) {
        await add(folder.startsWith("/") ? folder : joinPath(dir, folder));
      }
      if (await add(dir)) break;
    }
    await this.searchModules(add);
    return modules.sort((a, b) => b.path.length - a.path.length);
  }

  private async searchModules(add: (dir: string) => Promise<boolean>): Promise<void> {
    let searched = 0;
    const queue = [{ dir: this.places.root, depth: 0 }];
    for (let next = queue.shift(); next !== undefined && searched < MAX_FOLDERS_SEARCHED; next = queue.shift()) {
      searched++;
      const names = await this.reader.list(next.dir);
      if (next.depth > 0 && names.includes("go.mod")) await add(next.dir);
      if (next.depth >= MAX_SEARCH_DEPTH) continue;
      for (const name of names) {
        if (!name.endsWith("/") || SKIPPED_FOLDERS.test(name)) continue;
        queue.push({ dir: joinPath(next.dir, name), depth: next.depth + 1 });
      }
    }
  }

  /** Without what `go version` prints behind it (experiments). */
  private get goVersion(): string {
    return this.info.goVersion.split(/\s/)[0] ?? "";
  }

  private async findGoroot(): Promise<{ readonly dir: string } | Refusal> {
    const version = this.goVersion;
    const { gomodcache, goroots } = this.places;
    const arch = this.info.settings["GOARCH"] ?? "amd64";
    const downloaded =
      gomodcache === undefined ? [] : [joinPath(gomodcache, `golang.org/toolchain@v0.0.1-${version}.linux-${arch}`)];
    const seen: string[] = [];
    for (const dir of [...goroots, ...downloaded]) {
      const text = await this.reader.read(joinPath(dir, "VERSION"));
      const found = text?.split("\n")[0]?.trim();
      if (found === version && minorVersion(version) > 0) return { dir };
      if (found !== undefined) seen.push(`${dir} is ${found}`);
    }
    const what = seen.length > 0 ? ` (${seen.join(", ")})` : "";
    return refuse(`the source of ${version}, which built the binary, was not found${what}`);
  }

  private async hasGoFiles(dir: string): Promise<boolean> {
    return (await this.list(dir)).some((name) => name.endsWith(".go"));
  }

  /** Folders are looked into once: the same ones are asked about for every function. */
  private list(dir: string): Promise<readonly string[]> {
    const names = this.lists.get(dir) ?? this.reader.list(dir);
    if (this.lists.size >= MAX_FOLDERS_REMEMBERED) this.lists.clear();
    this.lists.set(dir, names);
    return names;
  }
}

function replacingFolder({ replacedBy }: Dependency): string | undefined {
  return replacedBy !== undefined && isFolder(replacedBy.path) ? replacedBy.path : undefined;
}

/** What go.mod calls a folder (`./x`, `../x`, `/x`), not a module. */
function isFolder(target: string): boolean {
  return /^\.{0,2}\//.test(target) || target === "." || target === "..";
}

function located(importPath: string, dir: string, origin: PackageOrigin, rest?: string): PackageLocation {
  return { importPath, linkPath: escapePackagePath(importPath), dir, origin, isModuleRoot: rest === "" };
}

function longestPrefix(importPath: string, dependencies: readonly Dependency[]): Dependency | undefined {
  let best: Dependency | undefined;
  for (const candidate of dependencies) {
    if (below(importPath, candidate.path) !== undefined && candidate.path.length > (best?.path.length ?? 0)) {
      best = candidate;
    }
  }
  return best;
}
