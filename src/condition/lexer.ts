/** Tokens of a Go expression (Go spec, "Lexical elements"), and duration literals (`5ms`), which Go does not have. */
import { ConditionFailure } from "./failure.ts";
import type { Span } from "./mark.ts";

export type Token = Span &
  (
    | {
        readonly kind: "name";
        readonly text: string /** Written `@name`: ours, whatever the program calls so. */;
        readonly ours: boolean;
      }
    | { readonly kind: "int" | "float" | "duration" | "rune"; readonly text: string }
    /** `value`: its bytes. */
    | { readonly kind: "string"; readonly text: string; readonly value: Uint8Array }
    | { readonly kind: "operator"; readonly text: string }
    | { readonly kind: "end"; readonly text: "" }
  );

/** Longest first. Some stand here only so that the parser can say that they are not supported. */
const OPERATORS =
  "&^= <<= >>= ... && || == != <= >= << >> &^ := += -= ++ -- <- + - * / % & | ^ < > ! ( ) [ ] { } . , : = ;".split(" ");
const NUMBER =
  /0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]+)?|0[bB][0-9_]*|0[oO][0-9_]*|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?/y;
const DURATION = /(?:(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+(?![\p{L}\p{Nd}_])/uy;
const NAME = /@?[\p{L}_][\p{L}\p{Nd}_]*/uy;

/** What decodePath makes of bytes that are none. Go source has none, and a string's would be taken for others. */
const NOT_UTF8 = /(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Throws a ConditionFailure. The last token is the end. */
export function tokens(text: string): Token[] {
  const odd = text.search(NOT_UTF8);
  if (odd >= 0)
    throw new ConditionFailure(
      { start: odd, end: odd + 1 },
      "it is not UTF-8",
      "Write such a byte as \\xff, in a string",
    );
  const found: Token[] = [];
  let at = 0;
  const matchAt = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    while (/[ \t\r\n]/.test(text[at] ?? "")) at += 1;
    const start = at;
    if (start >= text.length) return [...found, { kind: "end", text: "", start, end: start }];
    const name = matchAt(NAME);
    const duration = name === undefined ? matchAt(DURATION) : undefined;
    const number = matchAt(NUMBER);
    if (name !== undefined) {
      const ours = name.startsWith("@");
      at += name.length;
      found.push({ kind: "name", text: ours ? name.slice(1) : name, ours, start, end: at });
    } else if (duration !== undefined) {
      at += duration.length;
      found.push({ kind: "duration", text: duration, start, end: at });
    } else if (number !== undefined && /[0-9]/.test(number)) {
      at += number.length;
      if (/[\p{L}\p{Nd}_]/u.test(text[at] ?? "")) {
        throw new ConditionFailure({ start, end: at + 1 }, `${text.slice(start, at + 1)} is no number`);
      }
      const isFloat = /^0[xX]/.test(number) ? /[.pP]/.test(number) : /[.eE]/.test(number);
      found.push({ kind: isFloat ? "float" : "int", text: checkedNumber(number, { start, end: at }), start, end: at });
    } else if (text[at] === '"' || text[at] === "'" || text[at] === "`") {
      at = endOfQuoted(text, at);
      const quoted = text.slice(start, at);
      const value = unquote(quoted, start);
      if (quoted.startsWith("'")) {
        found.push({ kind: "rune", text: String(runeOf(quoted, value, { start, end: at })), start, end: at });
      } else found.push({ kind: "string", text: quoted, value, start, end: at });
    } else {
      const operator = OPERATORS.find((candidate) => text.startsWith(candidate, at));
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      at += (operator ?? character).length;
      if (operator === undefined)
        throw new ConditionFailure({ start, end: at }, `${visible(character)} means nothing in Go`);
      found.push({ kind: "operator", text: operator, start, end: at });
    }
  }
}

/** Underscores stand between digits or after the prefix (Go spec, "Integer literals"); an old octal has octal digits. */
function checkedNumber(text: string, span: Span): string {
  const digits = text.replace(/^0[xXbBoO]/, "0");
  const bad =
    /__|_$|_[.eEpP+-]|[.eEpP+-]_/.test(digits) ||
    /^0[xX]$|^0[bB]$|^0[oO]$/.test(text) ||
    /^0[bB].*[2-9]/.test(text) ||
    /^0[oO].*[89]/.test(text) ||
    /^0[0-7_]*[89][0-9_]*$/.test(text) ||
    (/^0[xX].*\./.test(text) && !/[pP]/.test(text));
  if (bad) throw new ConditionFailure(span, `${text} is no number`);
  return text.replaceAll("_", "");
}

function endOfQuoted(text: string, start: number): number {
  const quote = text[start] ?? "";
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === quote) return at + 1;
    if (quote === "`") continue;
    if (character === "\n") break;
    if (character === "\\") at += 1;
  }
  throw new ConditionFailure({ start, end: text.length }, `the closing ${quote} is missing`);
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  "'": 39,
  '"': 34,
};

/** The bytes of a quoted literal (Go spec, "String literals"). In a rune literal, `\xNN` gives one byte too. */
function unquote(quoted: string, start: number): Uint8Array {
  const quote = quoted[0];
  const inner = quoted.slice(1, -1);
  const encoder = new TextEncoder();
  if (quote === "`") return encoder.encode(inner.replaceAll("\r", ""));
  const bytes: number[] = [];
  const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]))|[^\\]+/g;
  for (const match of inner.matchAll(escape)) {
    const [whole, hex, short, long, octal, simple] = match;
    const fail = (): never => {
      const at = start + 1 + match.index;
      throw new ConditionFailure(
        { start: at, end: at + whole.length },
        `${whole} is no escape in a Go ${quote === "'" ? "rune" : "string"}`,
      );
    };
    const point = short ?? long;
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) {
      const value = Number.parseInt(octal, 8);
      bytes.push(value > 255 ? fail() : value);
    } else if (point !== undefined) {
      const value = Number.parseInt(point, 16);
      if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) fail();
      bytes.push(...encoder.encode(String.fromCodePoint(value)));
    } else if (simple !== undefined) {
      // Each quote may be escaped only in its own kind of literal.
      const other = quote === "'" ? '"' : "'";
      bytes.push(simple === other ? fail() : (SIMPLE_ESCAPES[simple] ?? fail()));
    } else bytes.push(...encoder.encode(whole));
  }
  return Uint8Array.from(bytes);
}

function runeOf(quoted: string, value: Uint8Array, span: Span): number {
  if (/^'\\(?:x|[0-7])/.test(quoted) && value.length === 1) return value[0] ?? 0;
  const characters = Array.from(new TextDecoder().decode(value));
  const [first] = characters;
  if (first === undefined || characters.length !== 1) {
    throw new ConditionFailure(span, `${quoted} is not one character`, "Strings stand in double quotes");
  }
  return first.codePointAt(0) ?? 0;
}

/** What looks like nothing, or like a space, comes along when an expression is copied. */
function visible(character: string): string {
  if (!/[\p{Z}\p{C}\p{M}]/u.test(character)) return character;
  return `the invisible U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
