/** Function patterns of users: exact linker names, globs in which `*` is any characters, FILE:LINE, and near misses. */
import type { GoFunction } from "../../gobinary/api.ts";
import { unescapeLinkName } from "../../goname/linkName.ts";

/** Names longer than this are matched but never offered as "did you mean". */
const MAX_SUGGESTED_LENGTH = 200;
/** Names compared letter by letter at the most for one suggestion list. */
const MAX_COMPARED = 20_000;
const MAX_SUGGESTIONS = 3;
/** Typing errors in a name that still count as a near miss. */
const MAX_DISTANCE = 3;

export interface FileLine {
  readonly file: string;
  readonly line: number;
}

export function parseFileLine(pattern: string): FileLine | undefined {
  const match = /^(.+):([1-9]\d{0,8})$/.exec(pattern);
  return match?.[1] === undefined ? undefined : { file: match[1], line: Number(match[2]) };
}

export interface MalformedLine {
  readonly file: string;
  /** What stands behind the file, and is no line. */
  readonly rest: string;
  readonly why: "no line" | "a column" | "not a line";
}

/** A pattern that can only have been meant as FILE:LINE and is none; no linker name has such a form. */
export function malformedLine(pattern: string): MalformedLine | undefined {
  const [, file, rest] = /^(.+?\.go)(:.*)?$/.exec(pattern) ?? /^(.+?)((?::[+-]?\d*)+)$/.exec(pattern) ?? [];
  if (file === undefined || file.includes("*")) return undefined;
  const why = rest === undefined ? "no line" : /^:[1-9]\d{0,8}:/.test(rest) ? "a column" : "not a line";
  return { file, rest: rest?.slice(1) ?? "", why };
}

/**
 * True where `name` matches `glob`. Two pointers and one remembered star: linear for ordinary globs and at worst
 * length × length, where a regular expression would backtrack without bound.
 */
export function matchesGlob(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (glob[g] === "*") {
      star = g;
      g += 1;
      resume = n;
    } else if (g < glob.length && glob[g] === name[n]) {
      g += 1;
      n += 1;
    } else if (star >= 0) {
      g = star + 1;
      resume += 1;
      n = resume;
    } else {
      return false;
    }
  }
  while (glob[g] === "*") g += 1;
  return g === glob.length;
}

/** How much of a path's end `wanted` names: whole components only, so `app.go` is not `myapp.go`. */
export function matchesPath(wanted: string, path: string): boolean {
  const tail = wanted.replace(/^(\.\/)+/, "");
  return path === tail || path.endsWith(tail.startsWith("/") ? tail : `/${tail}`);
}

/** Names that a user may have meant, best first. */
export function nearMisses(wanted: string, functions: readonly GoFunction[]): string[] {
  if (wanted.length > MAX_SUGGESTED_LENGTH) return [];
  const lower = wanted.toLowerCase();
  const scored = new Map<string, number>();
  let compared = 0;
  for (const { name } of functions) {
    if (name.length > MAX_SUGGESTED_LENGTH || scored.has(name)) continue;
    const candidate = unescapeLinkName(name).toLowerCase();
    const score = shapeScore(lower, candidate);
    if (score !== undefined) {
      scored.set(name, score);
    } else if (Math.abs(candidate.length - lower.length) <= MAX_DISTANCE && compared < MAX_COMPARED) {
      compared += 1;
      const distance = editDistance(lower, candidate, MAX_DISTANCE);
      if (distance !== undefined) scored.set(name, 10 + distance);
    }
  }
  return [...scored]
    .sort((a, b) => a[1] - b[1] || a[0].length - b[0].length || (a[0] < b[0] ? -1 : 1))
    .slice(0, MAX_SUGGESTIONS)
    .map(([name]) => name);
}

/** Lower is nearer; undefined where the shapes have nothing in common. */
function shapeScore(wanted: string, candidate: string): number | undefined {
  if (candidate === wanted) return 0;
  if (strip(candidate) === strip(wanted)) return 1;
  // `pkg.F[int]` is `pkg.F[go.shape.int]` to the linker, which has one function for all types of a shape.
  if (wanted.includes("[") && strip(generic(candidate)) === strip(generic(wanted))) return 1;
  const bare = wanted.slice(wanted.lastIndexOf(".") + 1);
  if (candidate.endsWith(`.${wanted}`)) return 2;
  if (candidate.endsWith(`/${wanted}`)) return 3;
  if (bare.length >= 3 && bare !== wanted && candidate.endsWith(`.${bare}`)) return 14;
  return undefined;
}

/** Users write `pkg.T.M` for `pkg.(*T).M` and leave out what stands before the package's last element. */
function strip(name: string): string {
  return name.replace(/[()*]/g, "").replace(/^.*\//, "");
}

/** Without type arguments. */
function generic(name: string): string {
  return name.replace(/\[.*\]/, "[]");
}

/** Letters added, left out, changed or swapped with their neighbour; undefined where that exceeds `limit`. */
function editDistance(a: string, b: string, limit: number): number | undefined {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    let best = i;
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let value = Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) value = Math.min(value, (beforePrevious[j - 2] ?? 0) + 1);
      current.push(value);
      best = Math.min(best, value);
    }
    if (best > limit) return undefined;
    beforePrevious = previous;
    previous = current;
  }
  const distance = previous[b.length] ?? limit + 1;
  return distance <= limit ? distance : undefined;
}
