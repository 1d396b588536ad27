/** Compares a traced text with the true one. */

export type Verdict =
  | { readonly verdict: "equal" }
  /** Everything that is shown is right, and something is not shown. */
  | { readonly verdict: "unavailable"; readonly reasons: readonly string[] }
  | { readonly verdict: "wrong" };

/** Marks of test/programs/values/printer.go: any of these entries, sorted. */
const ANY_OF = "\u0001";
const NEXT = "\u0002";
const END = "\u0003";
/** A map over the limit shows so many of its entries. */
const MAP_LIMIT = 64;

const UNAVAILABLE = /<unavailable: ([^<>]*(?:<[^<>]*>[^<>]*)*)>/y;
/** A pointer that was not followed, because of a limit on bytes. */
const ADDRESS = /\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\(0x[0-9a-f]+\)/y;

/** One thing that the true text consists of: itself, or a map of which any entries may be shown. */
type Part = string | { readonly entries: readonly (readonly Part[])[] };

export function compareText(expected: string, actual: string): Verdict {
  if (actual === expected) return { verdict: "equal" };
  const gaps: Gap[] = [];
  const matched = new Matcher(actual, gaps).matches(parse(expected));
  if (!matched) {
    if (expected.includes(ANY_OF)) return partOfMap(expected, actual);
    const reasons = reasonsIn(actual);
    return reasons.length > 0 && inOtherOrder(expected, actual)
      ? { verdict: "unavailable", reasons }
      : { verdict: "wrong" };
  }
  return gaps.length === 0
    ? { verdict: "equal" }
    : { verdict: "unavailable", reasons: gaps.map(({ reason }) => reason) };
}

/** Which entries stand for those whose keys cannot be read is not known: only what stands before the map is compared. */
function partOfMap(expected: string, actual: string): Verdict {
  const before = expected.slice(0, expected.indexOf(ANY_OF));
  const reasons = reasonsIn(actual.slice(before.length));
  return actual.startsWith(before) && reasons.length > 0 ? { verdict: "unavailable", reasons } : { verdict: "wrong" };
}

function reasonsIn(text: string): string[] {
  return [...text.matchAll(new RegExp(UNAVAILABLE.source, "g"))].map(([, reason]) => reason!);
}

/**
 * A map's entries stand in the order of their texts: one that has a gap stands elsewhere. Both texts are the same up to
 * such a map.
 */
function inOtherOrder(expected: string, actual: string): boolean {
  let first = 0;
  while (expected[first] === actual[first]) first += 1;
  for (let open = first - 1; open >= 0; open--) {
    if (expected[open] !== "{" || !isInMap(expected, open + 1)) continue;
    const entries = partsFrom(expected, open + 1);
    const shown = partsFrom(actual, open + 1);
    if (entries === undefined || shown === undefined || shown.end <= first || entries.end <= first) continue;
    if (
      sameEntries(entries.parts, shown.parts) &&
      compareText(expected.slice(entries.end), actual.slice(shown.end)).verdict !== "wrong"
    )
      return true;
  }
  return false;
}

/** Each entry that is shown is another one of the map's; a gap of its own stands for those that are not. */
function sameEntries(entries: readonly string[], shown: readonly string[]): boolean {
  const left = [...entries];
  const whole = new RegExp(`^${UNAVAILABLE.source}$`);
  const parts = shown.filter((part) => !whole.test(part));
  const withGaps = parts.filter((part) => {
    const at = left.indexOf(part);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const possible = withGaps.map((part) =>
    left.map((_, at) => at).filter((at) => compareText(left[at]!, part).verdict === "unavailable"),
  );
  return isMatching(possible) && (left.length === withGaps.length || shown.length > parts.length);
}

/** Whether each can have one of its own (Kuhn's algorithm). `possible`: which ones it could be. */
function isMatching(possible: readonly (readonly number[])[]): boolean {
  const owners = new Map<number, number>();
  const place = (index: number, tried: Set<number>): boolean =>
    possible[index]!.some((at) => {
      if (tried.has(at)) return false;
      tried.add(at);
      const owner = owners.get(at);
      if (owner !== undefined && !place(owner, tried)) return false;
      owners.set(at, index);
      return true;
    });
  return possible.every((_, index) => place(index, new Set()));
}

/** What stands between commas from `from` up to the brace that closes there; `end`: of that brace. */
function partsFrom(text: string, from: number): { readonly parts: string[]; readonly end: number } | undefined {
  const parts: string[] = [];
  let depth = 0;
  let start = from;
  for (let at = from; at < text.length; at++) {
    for (const skipped of [STRING, UNAVAILABLE]) {
      skipped.lastIndex = at;
      if (skipped.test(text)) at = skipped.lastIndex;
    }
    if ("{[(".includes(text[at]!)) depth += 1;
    else if ("}])".includes(text[at]!) && depth-- === 0) return { parts: [...parts, text.slice(start, at)], end: at };
    else if (depth === 0 && text.startsWith(", ", at)) {
      parts.push(text.slice(start, at));
      start = at + 2;
    }
  }
  return undefined;
}

const LEFT_OUT: Gap = { reason: "entries of a map" };

/** Whether the innermost brace that is open at `offset` is a map's. */
function isInMap(text: string, offset: number): boolean {
  let depth = 0;
  for (let at = offset - 1; at >= 0; at--) {
    if (text[at] === "}") depth += 1;
    else if (text[at] === "{" && depth-- === 0)
      return /\bmap\[[^{}]*(?:\{\}[^{}]*)*$/.test(text.slice(0, at)) || hasKeys(text.slice(at + 1));
  }
  return false;
}

const STRING = /"(?:[^"\\]|\\.)*"/y;

/** Whether parts with keys stand there that are no fields' names: a map whose type has a name. */
function hasKeys(parts: string): boolean {
  if (/^(?!true:|false:)[A-Za-z_]\w*:/.test(parts)) return false;
  let depth = 0;
  for (let at = 0; at < parts.length && depth >= 0; at++) {
    STRING.lastIndex = at;
    if (STRING.test(parts)) at = STRING.lastIndex;
    if (depth === 0 && (parts[at] === ":" || parts[at] === ",")) return parts[at] === ":";
    if ("{[(".includes(parts[at]!)) depth += 1;
    else if ("}])".includes(parts[at]!)) depth -= 1;
  }
  return false;
}

interface Gap {
  readonly reason: string;
}

/** Walks both texts; where the actual one has a gap, tries to go on at each place of the expected one. */
class Matcher {
  readonly #actual: string;
  readonly #gaps: Gap[];
  /** Of the backtracking: texts are short, and gaps few. */
  #steps = 2_000_000;

  constructor(actual: string, gaps: Gap[]) {
    this.#actual = actual;
    this.#gaps = gaps;
  }

  matches(parts: readonly Part[]): boolean {
    return this.#from(parts, 0, 0, 0, (at) => at === this.#actual.length);
  }

  /** Whether parts, from the `offset`th character of the `index`th on, match the actual text at `at`, and then `rest`. */
  #from(parts: readonly Part[], index: number, offset: number, at: number, rest: (at: number) => boolean): boolean {
    while (index < parts.length) {
      if (--this.#steps < 0) return false;
      const part = parts[index]!;
      if (typeof part !== "string") {
        const next = index + 1;
        return (
          this.#entries(part.entries, 0, 0, at, (end) => this.#from(parts, next, 0, end, rest)) ||
          this.#gap(parts, index, 0, at, rest)
        );
      }
      if (offset === part.length) {
        index += 1;
        offset = 0;
      } else if (part[offset] === this.#actual[at] && !(this.#actual[at] === "<" && this.#gapAt(at) !== undefined)) {
        offset += 1;
        at += 1;
      } else return this.#gap(parts, index, offset, at, rest) || this.#leftOut(parts, index, offset, at, rest);
    }
    return rest(at);
  }

  /**
   * A map that ends in a gap has fewer entries than the true one, in the same order: `offset` stands in an entry that is
   * not shown, or at the end of the map whose gap stands for one before.
   */
  #leftOut(parts: readonly Part[], index: number, offset: number, at: number, rest: (at: number) => boolean): boolean {
    const part = parts[index] as string;
    if (part[offset] === "}" && this.#actual.startsWith(", <", at)) {
      const gap = this.#gapAt(at + 2);
      const isLast = gap !== undefined && this.#gaps.includes(LEFT_OUT) && this.#actual[gap.end] === "}";
      return isLast && this.#from(parts, index, offset, gap.end, rest);
    }
    const start = Math.max(part.lastIndexOf(", ", offset) + 2, part.lastIndexOf("{", offset - 1) + 1);
    const from = at - (offset - start);
    if (from < 0 || !this.#actual.includes(", <unavailable: ", from) || !isInMap(part, start)) return false;
    for (let next = part.indexOf(", ", offset); next >= 0; next = part.indexOf(", ", next + 2)) {
      this.#gaps.push(LEFT_OUT);
      if (this.#from(parts, index, next + 2, from, rest)) return true;
      this.#gaps.pop();
    }
    return false;
  }

  #gap(parts: readonly Part[], index: number, offset: number, at: number, rest: (at: number) => boolean): boolean {
    const gap = this.#gapAt(at);
    if (gap === undefined) return false;
    // Only what is pointed to may be left out for its address; where the true text has an address, it must be that one.
    const first = parts[index]!;
    if (gap.isAddress && (typeof first !== "string" || first[offset] !== "&")) return false;
    this.#gaps.push(gap);
    for (let i = index; i < parts.length; i++) {
      const part = parts[i]!;
      const length = typeof part === "string" ? part.length : 0;
      // A gap stands for something: it ends at a place where a part of a value can end.
      for (let to = i === index ? offset + 1 : 0; to <= length; to++)
        if (this.#from(parts, i, to, gap.end, rest)) return true;
    }
    this.#gaps.pop();
    return false;
  }

  #gapAt(at: number): { reason: string; end: number; isAddress: boolean } | undefined {
    UNAVAILABLE.lastIndex = at;
    const found = UNAVAILABLE.exec(this.#actual);
    if (found !== null) return { reason: found[1]!, end: UNAVAILABLE.lastIndex, isAddress: false };
    ADDRESS.lastIndex = at;
    return ADDRESS.test(this.#actual)
      ? { reason: "pointer not followed", end: ADDRESS.lastIndex, isAddress: true }
      : undefined;
  }

  /** `shown` entries have matched, the last of them before `first`. */
  #entries(
    entries: readonly (readonly Part[])[],
    first: number,
    shown: number,
    at: number,
    rest: (at: number) => boolean,
  ): boolean {
    if (shown === MAP_LIMIT) return rest(at);
    if (shown > 0) {
      if (!this.#actual.startsWith(", ", at)) return false;
      at += 2;
    }
    for (let i = first; i < entries.length; i++)
      if (this.#from(entries[i]!, 0, 0, at, (end) => this.#entries(entries, i + 1, shown + 1, end, rest))) return true;
    return false;
  }
}

function parse(text: string): Part[] {
  if (!text.includes(ANY_OF)) return [text];
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf(ANY_OF, at);
    if (open < 0) return [...parts, text.slice(at)];
    parts.push(text.slice(at, open));
    const { entries, end } = parseEntries(text, open + 1);
    parts.push({ entries });
    at = end;
  }
}

function parseEntries(text: string, from: number): { entries: Part[][]; end: number } {
  const entries: Part[][] = [];
  let depth = 0;
  let start = from;
  for (let at = from; at < text.length; at++) {
    if (text[at] === ANY_OF) depth += 1;
    else if (text[at] === END && depth > 0) depth -= 1;
    else if (depth === 0 && (text[at] === NEXT || text[at] === END)) {
      entries.push(parse(text.slice(start, at)));
      if (text[at] === END) return { entries, end: at + 1 };
      start = at + 1;
    }
  }
  throw new Error("a list of map entries has no end");
}
