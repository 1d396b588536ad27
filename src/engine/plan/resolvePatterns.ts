/** From what a user typed to the functions of one binary. One pattern that names nothing refuses all. */
import { isAbsolute, resolve } from "node:path";
import type { GoBinary, GoFunction } from "../../gobinary/api.ts";
import { UserError } from "../../protocol/errors.ts";
import { shown } from "../../protocol/shown.ts";
import type { SourcedBinary } from "../programs/sourceCompletion.ts";
import { type FileLine, matchesGlob, matchesPath, nearMisses, parseFileLine } from "./patterns.ts";

/** One glob may name this many functions: more is a slip, and attaching them would take the target minutes. */
export const MAX_MATCHES = 10_000;
/** Distinct line-table addresses looked at to find a function's last line. */
const MAX_CODE_BYTES = 1 << 20;

export interface ResolvedPattern {
  readonly pattern: string;
  /** Traceable ones, at least one. */
  readonly functions: readonly GoFunction[];
  /** Matches that cannot be traced. */
  readonly leftOut: readonly GoFunction[];
}

export async function resolvePatterns(binary: GoBinary, patterns: readonly string[]): Promise<ResolvedPattern[]> {
  const resolved: ResolvedPattern[] = [];
  for (const pattern of patterns) {
    const matches = await matchAlsoInlined(binary, pattern);
    const functions = matches.filter((fn) => fn.notTraceable === undefined);
    const refused = functions.length === 0 ? matches[0] : undefined;
    if (refused !== undefined) {
      throw new UserError({
        code: "not-traceable",
        what: `cannot trace ${shown(refused.name)}${matches.length === 1 ? "" : ` or anything else that ${shown(pattern)} names`}`,
        why: refused.notTraceable ?? "",
        remedy: "Trace a Go function that calls it or that it calls; `probelens list` shows which can be traced",
      });
    }
    resolved.push({ pattern, functions, leftOut: matches.filter((fn) => fn.notTraceable !== undefined) });
  }
  return resolved;
}

/** As `matchPattern`; a function that was inlined everywhere is known by its exact name, too. */
export async function matchAlsoInlined(binary: GoBinary, pattern: string): Promise<readonly GoFunction[]> {
  const named = await binary.functionsNamed(pattern);
  if (named.length > 0) return named;
  const inlined = await binary.inlinedOnly(pattern);
  return inlined === undefined ? await matchPattern(binary, pattern) : [inlined];
}

/** Functions with code that one pattern names, traceable or not; throws where it names none. */
export async function matchPattern(binary: GoBinary, pattern: string): Promise<readonly GoFunction[]> {
  const named = await binary.functionsNamed(pattern);
  if (named.length > 0) return named;
  const fileLine = parseFileLine(pattern);
  if (fileLine !== undefined) return await functionsAtLine(binary, fileLine, pattern);
  const functions = await binary.functions();
  if (!pattern.includes("*")) throw noSuchFunction(binary, pattern, functions);
  const matches = functions.filter((fn) => matchesGlob(pattern, fn.name));
  if (matches.length === 0) throw noSuchFunction(binary, pattern, functions);
  if (matches.length > MAX_MATCHES) {
    throw new UserError({
      code: "too-many-functions",
      what: `cannot take ${shown(pattern)}`,
      why: `it matches ${matches.length} functions of ${shown(binary.name)}, and ${MAX_MATCHES} is the most`,
      remedy: "Name a package or type, such as `main.*` or `net/http.(*Server).*`",
    });
  }
  return matches;
}

function noSuchFunction(binary: GoBinary, pattern: string, functions: readonly GoFunction[]): UserError {
  const near = pattern.includes("*") ? [] : nearMisses(pattern, functions);
  const inlined = "it may be inlined everywhere or left out as unused";
  return new UserError({
    code: "no-such-function",
    what: `cannot find ${pattern === "" ? "a function without a name" : shown(pattern)}`,
    why: `${shown(binary.name)} has no function of this name${pattern.includes("*") || pattern === "" ? "" : `; ${inlined}`}`,
    remedy:
      near.length > 0
        ? `Did you mean ${near.join(" or ")}?`
        : "`probelens list` shows the names; `*` in a name stands for any characters",
  });
}

async function functionsAtLine(
  binary: SourcedBinary,
  { file, line }: FileLine,
  pattern: string,
): Promise<readonly GoFunction[]> {
  const functions = await binary.functionsInFile(file.slice(file.lastIndexOf("/") + 1));
  // A whole path, or one from the working directory, names one file; else the end of a path is enough.
  const whole = [file, resolve(file)].find((path) => functions.some((fn) => fn.file === path));
  const inFile = functions.filter((fn) => (whole === undefined ? namesFile(file, fn.file) : fn.file === whole));
  const files = [...new Set(inFile.map((fn) => fn.file))];
  if (inFile.length === 0) {
    throw new UserError({
      code: "no-such-function",
      what: `cannot find ${shown(pattern)}`,
      why: `no function of ${shown(binary.name)} comes from a file ${shown(file)}`,
      remedy: "Give the end of the path as the binary has it; `probelens list` shows the files",
    });
  }
  if (files.length > 1) {
    throw new UserError({
      code: "ambiguous-file",
      what: `cannot take ${shown(pattern)}`,
      why: `${files.length} files of ${shown(binary.name)} end in this path: ${files.slice(0, 3).map(shown).join(", ")}${files.length > 3 ? ", …" : ""}`,
      remedy: "Give more of the path",
    });
  }
  const candidates = inFile.filter((fn) => fn.line > 0 && fn.line <= line).sort((a, b) => b.line - a.line);
  // The nearest declaration above may be a closure that ends before the line: then the function around it is meant.
  for (const candidate of candidates) {
    if (candidate.line !== line && (await lastLine(binary, candidate)) < line) continue;
    return candidates.filter((fn) => fn.line === candidate.line);
  }
  const below = inFile.filter((fn) => fn.line > line);
  const declared = await declaredAbove(binary, below, line);
  if (declared.length > 0) return declared;
  const nearest = inFile
    .filter((fn) => fn.line > 0)
    .sort((a, b) => Math.abs(a.line - line) - Math.abs(b.line - line))[0];
  throw new UserError({
    code: "no-such-function",
    what: `cannot find ${shown(pattern)}`,
    why: `no function with code covers line ${line} of ${shown(files[0] ?? "")}`,
    remedy:
      nearest === undefined
        ? "`probelens list` shows the functions"
        : `The nearest is ${shown(nearest.name)} at line ${nearest.line}`,
  });
}

/** A binary may have but the end of a path (`//line grammar.y:3` in a file that was built with -trimpath or by hand). */
function namesFile(wanted: string, file: string): boolean {
  return matchesPath(wanted, file) || (isAbsolute(wanted) && !isAbsolute(file) && matchesPath(file, wanted));
}

/** Functions whose code begins below the line, but whose declaration, as the source has it, does not. */
async function declaredAbove(
  binary: SourcedBinary,
  below: readonly GoFunction[],
  line: number,
): Promise<readonly GoFunction[]> {
  const first = below.reduce((least, fn) => Math.min(least, fn.line), Number.POSITIVE_INFINITY);
  const declared: GoFunction[] = [];
  for (const fn of below.filter((candidate) => candidate.line === first)) {
    const at = await binary.declarationLine?.(fn);
    if (at !== undefined && at <= line) declared.push(fn);
  }
  return declared;
}

/** Last source line of the function's own file that its code comes from. */
async function lastLine(binary: GoBinary, fn: GoFunction): Promise<number> {
  let last = fn.line;
  const end = Math.min(fn.end, fn.entry + MAX_CODE_BYTES);
  for (let address = fn.entry; address < end; address += 1) {
    const position = await binary.positionOf(address);
    if (position?.file === fn.file && position.func === fn.name) last = Math.max(last, position.line);
  }
  return last;
}
