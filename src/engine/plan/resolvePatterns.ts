/** From what a user typed to the functions of one binary. One pattern that names nothing refuses all. */
import { isAbsolute } from "node:path";
import type { GoBinary, GoFunction } from "../../gobinary/api.ts";
import type { UserError } from "../../protocol/errors.ts";
import { absolutePath } from "../../protocol/path.ts";
import {
  ambiguousFile,
  noFunctionAtLine,
  noneTraceable,
  noSuchFile,
  noSuchFunction,
  noSuchLine,
  tooManyMatches,
} from "../failures.ts";
import type { SourcedBinary } from "../programs/sourceCompletion.ts";
import { type FileLine, malformedLine, matchesGlob, matchesPath, nearMisses, parseFileLine } from "./patterns.ts";

/** One glob may name this many functions: more is a slip, and attaching them would take the target minutes. */
export const MAX_MATCHES = 10_000;
/** Of a function, looked at to find its last line. */
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
    if (refused !== undefined)
      throw noneTraceable(refused.name, pattern, matches.length - 1, refused.notTraceable ?? "");
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
  if (!pattern.includes("*")) throw notNamed(binary, pattern, functions);
  const matches = functions.filter((fn) => matchesGlob(pattern, fn.name));
  if (matches.length === 0) throw notNamed(binary, pattern, functions);
  if (matches.length > MAX_MATCHES) throw tooManyMatches(binary.name, pattern, matches.length, MAX_MATCHES);
  return matches;
}

function notNamed(binary: GoBinary, pattern: string, functions: readonly GoFunction[]): UserError {
  const malformed = malformedLine(pattern);
  if (malformed !== undefined) return noSuchLine(pattern, malformed);
  return noSuchFunction(binary.name, pattern, pattern.includes("*") ? [] : nearMisses(pattern, functions));
}

async function functionsAtLine(
  binary: SourcedBinary,
  { file, line }: FileLine,
  pattern: string,
): Promise<readonly GoFunction[]> {
  const functions = await binary.functionsInFile(file.slice(file.lastIndexOf("/") + 1));
  // A whole path, or one from the working directory, names one file; else the end of a path is enough.
  const whole = [file, absolutePath(file)].find((path) => functions.some((fn) => fn.file === path));
  const inFile = functions.filter((fn) => (whole === undefined ? namesFile(file, fn.file) : fn.file === whole));
  const files = [...new Set(inFile.map((fn) => fn.file))];
  if (inFile.length === 0) {
    const malformed = malformedLine(pattern);
    throw malformed?.why === "a column" ? noSuchLine(pattern, malformed) : noSuchFile(binary.name, pattern, file);
  }
  if (files.length > 1) throw ambiguousFile(binary.name, pattern, files);
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
  throw noFunctionAtLine(pattern, files[0] ?? "", line, nearest);
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
  const positions = await binary.positionsOf(fn, MAX_CODE_BYTES);
  const own = positions.filter(({ func, file }) => func === fn.name && file === fn.file);
  return own.reduce((last, { line }) => Math.max(last, line), fn.line);
}
