/** Go's strconv.Quote (strconv/quote.go, appendEscapedRune), over bytes that need not be valid UTF-8. */
import { RUNE_TAIL } from "../probe/api.ts";
import { PRINTABLE_RUNS } from "./printable.ts";

export function quote(bytes: Uint8Array): string {
  if (isPlain(bytes)) return `"${ascii(bytes)}"`;
  let text = '"';
  for (let at = 0; at < bytes.length; ) {
    const { rune, width } = decodeRune(bytes, at);
    text += rune === INVALID ? `\\x${hex(bytes[at]!, 2)}` : escapeRune(rune);
    at += width;
  }
  return `${text}"`;
}

/**
 * Whether the bytes read well as text: valid UTF-8 whose runes are printable, tabs or line ends. Other byte slices are
 * shown as numbers.
 */
export function isReadableText(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    const { rune, width } = decodeRune(bytes, at);
    if (rune === INVALID) return false;
    if (!isPrint(rune) && rune !== 0x09 && rune !== 0x0a && rune !== 0x0d) return false;
    at += width;
  }
  return true;
}

/** Printable ASCII without a quote or backslash: nothing of it is escaped. */
function isPlain(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return false;
  return true;
}

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/**
 * Length of the longest start of at most `limit` bytes that does not end inside a rune: cut text never shows half a rune.
 * Where the bytes end before it is clear whether they are a rune's, they might be.
 */
export function wholeRunes(bytes: Uint8Array, limit = bytes.length): number {
  const end = Math.min(limit, bytes.length);
  for (let back = 1; back <= Math.min(RUNE_TAIL, end); back++) {
    const at = end - back;
    if ((bytes[at]! & 0xc0) === 0x80) continue;
    const isSplit = mayStartRune(bytes, at) || decodeRune(bytes, at).width > back;
    return isSplit ? at : end;
  }
  return end;
}

/** Go's strconv.IsPrint. */
export function isPrint(rune: number): boolean {
  runStarts ??= startsOf(PRINTABLE_RUNS);
  // The number of runs that start at or before the rune: runs alternate, and the first one is not printable.
  let low = 0;
  let high = runStarts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runStarts[middle]! <= rune) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 0;
}

let runStarts: Uint32Array | undefined;

function startsOf(runs: string): Uint32Array {
  const lengths = runs.split(" ").map((length) => Number.parseInt(length, 36));
  const starts = new Uint32Array(lengths.length);
  let start = 0;
  for (const [index, length] of lengths.entries()) {
    starts[index] = start;
    start += length;
  }
  return starts;
}

function escapeRune(rune: number): string {
  if (rune === 0x22) return '\\"';
  if (rune === 0x5c) return "\\\\";
  if (isPrint(rune)) return String.fromCodePoint(rune);
  const short = SHORT_ESCAPES.get(rune);
  if (short !== undefined) return short;
  if (rune < 0x20 || rune === 0x7f) return `\\x${hex(rune, 2)}`;
  return rune < 0x10000 ? `\\u${hex(rune, 4)}` : `\\U${hex(rune, 8)}`;
}

const SHORT_ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x07, "\\a"],
  [0x08, "\\b"],
  [0x0c, "\\f"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
  [0x0b, "\\v"],
]);

const INVALID = -1;

/** unicode/utf8.DecodeRune: an invalid byte counts as one rune of width 1. */
function decodeRune(bytes: Uint8Array, at: number): { rune: number; width: number } {
  const first = bytes[at]!;
  if (first < 0x80) return { rune: first, width: 1 };
  const width = runeLength(first);
  if (width === 0 || at + width > bytes.length) return { rune: INVALID, width: 1 };
  if (!validSecond(first, bytes[at + 1]!)) return { rune: INVALID, width: 1 };
  let rune = first & (0xff >> (width + 1));
  for (let index = 1; index < width; index++) {
    const byte = bytes[at + index]!;
    if ((byte & 0xc0) !== 0x80) return { rune: INVALID, width: 1 };
    rune = (rune << 6) | (byte & 0x3f);
  }
  return { rune, width };
}

/** Whether the bytes from `at` to the end are the start of a rune that needs more bytes. */
function mayStartRune(bytes: Uint8Array, at: number): boolean {
  const width = runeLength(bytes[at]!);
  const have = bytes.length - at;
  if (have >= width) return false;
  if (have >= 2 && !validSecond(bytes[at]!, bytes[at + 1]!)) return false;
  return have < 3 || (bytes[at + 2]! & 0xc0) === 0x80;
}

/** Bytes of a rune of two or more bytes, by its first byte; 0 where no rune starts so. */
function runeLength(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/** Excludes overlong forms, surrogates and runes above U+10FFFF (Unicode 15, table 3-7). */
function validSecond(first: number, second: number): boolean {
  if (first === 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (first === 0xed) return second >= 0x80 && second <= 0x9f;
  if (first === 0xf0) return second >= 0x90 && second <= 0xbf;
  if (first === 0xf4) return second >= 0x80 && second <= 0x8f;
  return (second & 0xc0) === 0x80;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
