/** The mark under a part of an expression, as a terminal shows both. */

/** UTF-16 offsets, `end` excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Columns of a line that are shown before the part and after its beginning: a generated condition has thousands. */
const BEFORE = 80;
const AFTER = 80;

/** Two columns in a terminal (Unicode Annex 11: W and F, by their blocks). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** None: they stand on or within the character before. */
const ZERO_WIDTH = /[\p{Mn}\p{Me}\u200b-\u200d\ufeff]/u;
/** Those that could control a terminal, and lone surrogates, which no terminal gets. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** The expression's line that holds the part's start, as far as it stands near the part, and `^~~~` under the part. */
export function marked(text: string, { start, end }: Span): readonly [line: string, mark: string] {
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const newline = text.indexOf("\n", start);
  const to = newline < 0 ? text.length : newline;
  const before = Array.from(text.slice(from, start), shownCharacter);
  const part = Array.from(text.slice(start, Math.min(end, to)), shownCharacter);
  const after = Array.from(text.slice(Math.min(end, to), to), shownCharacter);
  const left = before.length > BEFORE ? ["…", ...before.slice(1 - BEFORE)] : before;
  const room = Math.max(0, AFTER - part.length);
  const right = cut([...part, ...after.slice(0, room + 1)], AFTER);
  const indent = left.map((shown) => (shown === "\t" ? shown : " ".repeat(columns(shown)))).join("");
  const width = columns(right.slice(0, part.length).join(""));
  return [[...left, ...right].join(""), `${indent}^${"~".repeat(Math.max(0, width - 1))}`];
}

function cut(characters: readonly string[], limit: number): readonly string[] {
  return characters.length > limit ? [...characters.slice(0, limit - 1), "…"] : characters;
}

/** Tabs stay tabs, so that the mark stands under its part. */
function shownCharacter(character: string): string {
  if (character === "\t" || !UNPRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

function columns(text: string): number {
  let count = 0;
  for (const character of text) if (!ZERO_WIDTH.test(character)) count += WIDE.test(character) ? 2 : 1;
  return count;
}
