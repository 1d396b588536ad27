/**
 * Joins the functions of a source file with those of a binary, so that a wrong function is never traced silently.
 * First the file: the same package of the same module, or the same path. Then each function: by name, and by the line
 * of its declaration. Pure.
 */

import { type Refusal, refuse } from "../../goabi/refusal.ts";
import type { BuildInfo, Dependency, GoBinary, GoFunction } from "../../gobinary/api.ts";
import { splitLinkName, unescapeLinkName, withoutTypeArgs } from "../../goname/linkName.ts";
import { minorVersion } from "../../gosource/packages/buildTags.ts";
import type { EditorFile, EditorFunction } from "./editorFunctions.ts";
import { type SourcePackage, withoutVersion } from "./sourcePackage.ts";

export type Match =
  /** Same name, same line. Several functions: instances of one generic function, or copies of a literal. */
  | { readonly kind: "exact"; readonly functions: readonly GoFunction[]; readonly version?: OtherVersion }
  /** Same package and name, but the source has it `by` lines further down (negative: up) than the binary. */
  | {
      readonly kind: "moved";
      readonly by: number;
      readonly functions: readonly GoFunction[];
      readonly version?: OtherVersion;
    }
  /** The binary has the file, but not this function, or not certainly. */
  | ({ readonly kind: "absent" } & Refusal);

/** The source is of another version of Go, or of a module, than the binary was built with. */
export interface OtherVersion {
  readonly here: string;
  readonly built: string;
}

/** By `key` of the function; undefined where the binary does not hold the file at all. */
export type FileMatch = ReadonlyMap<string, Match> | undefined;

/** Equal trailing folders and file name that make a path telling where no module is known: `pkg/app.go`. */
const MIN_COMMON_ELEMENTS = 2;
/** Functions at their exact lines that make a bare file name telling. */
const MIN_FINGERPRINT = 3;

/**
 * Which line a binary gives its functions: that of the declaration (DWARF; pclntab since Go 1.20), or, in older binaries
 * without DWARF, the line that the first instruction belongs to, which lies anywhere in the function.
 */
export type LineKind = "declaration" | "entry";

export function lineKindOf({ hasDwarf, buildInfo }: Pick<GoBinary, "hasDwarf" | "buildInfo">): LineKind {
  return hasDwarf || minorVersion(buildInfo.goVersion) >= 20 ? "declaration" : "entry";
}

/** `sameName`: the binary's functions that come from files of the document's name. */
export function matchFile(
  file: EditorFile,
  source: SourcePackage,
  info: BuildInfo,
  sameName: readonly GoFunction[],
  lines: LineKind = "declaration",
): FileMatch {
  const matches = matchAnyVersion(file, source, info, sameName, lines);
  const version = otherVersion(source, info);
  if (matches === undefined || version === undefined) return matches;
  return new Map([...matches].map(([key, match]) => [key, match.kind === "absent" ? match : { ...match, version }]));
}

function otherVersion({ module, importPath, version }: SourcePackage, info: BuildInfo): OtherVersion | undefined {
  if (version === undefined || module === undefined) return undefined;
  const built = module === "std" ? info.goVersion.split(" ")[0] : moduleVersion(info, importPath ?? module);
  return built === undefined || built === version ? undefined : { here: version, built };
}

/** Of the module that the binary has a package from; undefined where it has no version. */
function moduleVersion({ module, dependencies }: BuildInfo, importPath: string): string | undefined {
  const known = [...dependencies, ...(module === undefined ? [] : [module])].filter(
    ({ path, version }) => isBelow(importPath, path) && /^v\d/.test(version),
  );
  return known.sort((a, b) => b.path.length - a.path.length)[0]?.version;
}

function matchAnyVersion(
  file: EditorFile,
  source: SourcePackage,
  info: BuildInfo,
  sameName: readonly GoFunction[],
  lines: LineKind,
): FileMatch {
  if (sameName.length === 0 || !mayContain(source, info)) return undefined;
  const byPath = groupBy(sameName, (fn) => fn.file);
  const certain = [...byPath]
    .filter(([path, list]) => isSameFile(path, list, file, source, info))
    .flatMap(([, l]) => l);
  if (certain.length > 0) return matchFunctions(file, certain, true, lines);
  // Nothing but the path's end, then: good enough only with every line in place, and only without a rival.
  const likely = [...byPath].filter(([path, list]) => isLikelyFile(path, list, file, source, lines));
  return likely.length === 1 && likely[0] !== undefined ? matchFunctions(file, likely[0][1], false, lines) : undefined;
}

/** `net/http.(*Server).Serve` → package `net/http`, local `(*Server).Serve`; type arguments left out. */
export function splitLinkerName(name: string): { readonly package: string; readonly local: string } {
  const bare = withoutTypeArgs(name);
  const split = splitLinkName(bare);
  return { package: unescapeLinkName(split?.linkPath ?? ""), local: split?.local ?? bare };
}

/** False where both sides name their modules and the binary was not built with the source's. */
export function mayContain(source: SourcePackage, info: BuildInfo): boolean {
  if (source.module === "std") return true;
  const modules = [info.module?.path, ...info.dependencies.flatMap(modulePaths)].filter((path) => path !== undefined);
  const known = modules.filter((path) => path !== "" && path !== "command-line-arguments");
  if (known.length === 0) return true;
  if (source.vendored) return known.some((path) => isBelow(source.importPath ?? "", path));
  return source.module === undefined || known.includes(source.module);
}

/** A module that replaces another may call itself by either path. */
function modulePaths({ path, replacedBy }: Dependency): string[] {
  return replacedBy === undefined ? [path] : [path, replacedBy.path];
}

function isBelow(importPath: string, module: string): boolean {
  return importPath === module || importPath.startsWith(`${module}/`);
}

function isSameFile(
  path: string,
  functions: readonly GoFunction[],
  file: EditorFile,
  source: SourcePackage,
  info: BuildInfo,
): boolean {
  if (source.paths.includes(path)) return true;
  const wanted = source.importPath;
  if (wanted === undefined) return false;
  // A test binary of package main calls the package by its import path, every other binary `main`.
  const isMain = file.packageName === "main" && info.path === wanted;
  const names = new Set([wanted, `${wanted}_test`, ...(isMain ? ["main"] : [])]);
  return functions.some((fn) => names.has(splitLinkerName(fn.name).package));
}

function isLikelyFile(
  path: string,
  functions: readonly GoFunction[],
  file: EditorFile,
  source: SourcePackage,
  lines: LineKind,
): boolean {
  // `go build a.go b.go` calls the package command-line-arguments, whatever it is; its main is still `main`.
  if (file.packageName === "main" && !functions.some((fn) => splitLinkerName(fn.name).package === "main")) return false;
  const common = Math.max(...source.paths.map((mine) => commonElements(mine, path)));
  if (common >= MIN_COMMON_ELEMENTS) return true;
  const matches = [...matchFunctions(file, functions, false, lines).values()];
  return matches.filter(({ kind }) => kind === "exact").length >= MIN_FINGERPRINT;
}

function commonElements(a: string, b: string): number {
  const left = withoutVersion(a).split("/").toReversed();
  const right = withoutVersion(b).split("/").toReversed();
  let count = 0;
  while (count < left.length && left[count] === right[count] && left[count] !== "" && left[count] !== ".") count += 1;
  return count;
}

function matchFunctions(
  file: EditorFile,
  functions: readonly GoFunction[],
  certain: boolean,
  lines: LineKind,
): ReadonlyMap<string, Match> {
  const byLocal = groupBy(functions, (fn) => splitLinkerName(fn.name).local);
  const byLine = groupBy(functions, (fn) => fn.line);
  const joined = { file, byLocal, byLine, certain, lines };
  return new Map(file.functions.map((fn) => [fn.key, matchFunction(fn, joined)]));
}

/** Map.groupBy, which Node 20 lacks. */
function groupBy<K, V>(items: readonly V[], keyOf: (item: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

type Groups<K> = ReadonlyMap<K, readonly GoFunction[]>;

interface Joined {
  readonly file: EditorFile;
  readonly byLocal: Groups<string>;
  readonly byLine: Groups<number>;
  readonly certain: boolean;
  readonly lines: LineKind;
}

function matchFunction(fn: EditorFunction, joined: Joined): Match {
  const { file, byLocal, byLine, certain } = joined;
  const lines = joined.lines === "declaration" ? fn.lines : allLines(fn);
  const onLine = lines.flatMap((line) => byLine.get(line) ?? []);
  if (fn.kind === "literal") return matchLiteral(fn, file, onLine, joined.lines);
  if (fn.kind === "init") {
    const inits = onLine.filter(({ name }) => /^init\.\d+$/.test(splitLinkerName(name).local));
    if (inits.length > 0) return { kind: "exact", functions: inits };
    return absent(`no init function of the binary stands at line ${fn.lines[0]}`);
  }
  const named = byLocal.get(fn.localName ?? "") ?? [];
  const exact = named.filter(({ line }) => lines.includes(line));
  if (exact.length > 0) return { kind: "exact", functions: exact };
  if (named.length === 0) {
    return absent(
      fn.hasBody
        ? "the binary has no code of its own for it: it is inlined wherever it is called, or left out as unused"
        : "it is declared here without a body, so its code is assembly or linked in by name",
    );
  }
  const found = [...new Set(named.map(({ line }) => line))];
  const binaryLine = found[0];
  // How far it has moved is known only from declarations' lines.
  if (!certain || found.length !== 1 || binaryLine === undefined || joined.lines === "entry") {
    return absent(
      `the binary has a ${fn.label} ${found.length === 1 ? "at line" : "at lines"} ${found.join(", ")} of a file of this name, here it is at line ${fn.lines[0]}`,
    );
  }
  return { kind: "moved", by: (fn.lines[0] ?? 0) - binaryLine, functions: named };
}

/** Literals have made-up names (`main.f.func1`, `main.f.func1.2`), so only the line tells; two on one line are refused. */
function matchLiteral(fn: EditorFunction, file: EditorFile, onLine: readonly GoFunction[], lines: LineKind): Match {
  const closures = onLine.filter(({ name }) => {
    const { local } = splitLinkerName(name);
    return /\.func\d+(\.(func)?\d+)*$/.test(local) && (lines === "declaration" || isNumbered(local, fn));
  });
  if (closures.length === 0) {
    return absent(`the binary has no code of its own for a function literal at line ${fn.lines[0]}`);
  }
  const siblings = file.functions.filter((other) => other.kind === "literal" && other.line === fn.line);
  if (siblings.length > 1) {
    return absent(`${siblings.length} function literals start on this line, and the binary does not tell them apart`);
  }
  return { kind: "exact", functions: closures };
}

function absent(reason: string): Match {
  return { kind: "absent", ...refuse(reason) };
}

/** Every line of the function, 1-based. */
function allLines({ start, end }: EditorFunction): number[] {
  return Array.from({ length: end.line - start.line + 1 }, (_, index) => start.line + index + 1);
}

/**
 * Whether the linker's name says the very literal: `f.func2.1` is the first literal in the second one of `f`. Without
 * the declaration's line this is needed too, because a literal's lines hold those of the literals in it. Literals that
 * stand in package variables, or came in with an inlined function, are numbered otherwise and not found.
 */
function isNumbered(local: string, { key }: EditorFunction): boolean {
  const [outer = "", ...indexes] = key.split("/func#");
  const numbers = indexes.map((index) => Number(index) + 1).join(".");
  // `init` functions are numbered through the package's files.
  const holder = outer.startsWith("init#") ? local.replace(/^init\.\d+(?=\.)/, outer) : local;
  return holder === `${outer}.func${numbers}`;
}
