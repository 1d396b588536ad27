/** Numbers, strings and times against what Go itself writes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { formatComplex, formatFloat } from "../../../src/value/float.ts";
import { isReadableText, quote, wholeRunes } from "../../../src/value/quote.ts";
import { formatDuration, formatTime } from "../../../src/value/time.ts";
import { buildGo } from "../../programs/build.ts";

const COUNT = 30_000;

test("text of scalars equals Go's", () => {
  // Not Go 1.26: it alone writes the float32 2^-12 as 0.00024414063 (internal/strconv/ftoadbox.go, dboxFtoa32 has the
  // float64's exponent for the tie). Runes as of Unicode 15, like Go 1.21 to 1.26.
  const program = buildGo("gotext", "go1.24.13");
  const output = execFileSync(program, [String(COUNT), "1"], { encoding: "utf8", maxBuffer: 1 << 29 });
  const seen = new Map<string, number>();
  for (const line of output.trimEnd().split("\n")) {
    const [kind, value, text] = splitLine(line);
    assert.equal(ours(kind, value), text, line);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  assert.deepEqual([...seen.keys()], ["float64", "float32", "string", "duration", "time"]);
  for (const [kind, count] of seen) assert.ok(count >= COUNT, `${count} of ${kind}`);
});

function splitLine(line: string): [string, string, string] {
  const [kind = "", value = ""] = line.split(" ", 2);
  return [kind, value, unquote(line.slice(kind.length + value.length + 2))];
}

/** Undoes Go's strconv.QuoteToASCII of valid UTF-8 without invalid bytes. */
function unquote(quoted: string): string {
  const short: Record<string, string> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };
  return quoted
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g, (_, x, u, U, letter: string | undefined) =>
      letter === undefined ? String.fromCodePoint(Number.parseInt(x ?? u ?? U, 16)) : (short[letter] ?? letter),
    );
}

function ours(kind: string, value: string): string | undefined {
  const bytes = Buffer.from(value.replace(".", ""), "hex");
  switch (kind) {
    case "float64":
      return formatFloat(bytes.readDoubleBE(), 64);
    case "float32":
      return formatFloat(bytes.readFloatBE(), 32);
    case "string":
      return quote(bytes);
    case "duration":
      return formatDuration(bytes.readBigInt64BE());
    case "time":
      return formatTime(bytes.readBigUInt64BE(0), bytes.readBigInt64BE(8));
    default:
      throw new Error(`unknown kind ${kind}`);
  }
}

test("complex numbers", () => {
  const cases: [number, number, string][] = [
    [1, 2, "(1+2i)"],
    [-1, -2.5, "(-1-2.5i)"],
    [0, -0, "(0-0i)"],
    [1e6, 1e-5, "(1e+06+1e-05i)"],
    [Number.NaN, Number.POSITIVE_INFINITY, "(NaN+Infi)"],
    [Number.NEGATIVE_INFINITY, Number.NaN, "(-Inf+NaNi)"],
  ];
  for (const [real, imaginary, text] of cases) assert.equal(formatComplex(real, imaginary, 64), text);
});

test("a cut never splits a rune", () => {
  const cases: [number[], number][] = [
    [[], 0],
    [[0x61], 1],
    [[0x61, 0xc3], 1],
    [[0x61, 0xc3, 0xa9], 3],
    [[0xe4], 0],
    [[0xe4, 0xb8], 0],
    [[0xe4, 0xb8, 0x96], 3],
    [[0xf0, 0x9f, 0x98], 0],
    [[0xf0, 0x9f, 0x98, 0x80], 4],
    [[0x61, 0xf0, 0x9f], 1],
    // No rune can start or go on so: nothing to keep whole.
    [[0xff], 1],
    [[0xc0], 1],
    [[0xed, 0xa0], 2],
    [[0xf4, 0x90], 2],
    [[0x80, 0x80, 0x80, 0x80], 4],
    [[0xc3, 0xa9, 0xa9], 3],
  ];
  for (const [bytes, length] of cases) {
    assert.equal(wholeRunes(Uint8Array.from(bytes)), length, Buffer.from(bytes).toString("hex"));
  }
  const withMore: [number[], limit: number, number][] = [
    [[0x61, 0xc3, 0xa9], 2, 1],
    [[0x61, 0xc3, 0x61], 2, 2],
    [[0xe4, 0xb8, 0x96], 1, 0],
    [[0xe4, 0xb8, 0x61], 2, 2],
    [[0xf0, 0x9f, 0x98, 0x61], 1, 1],
    [[0xf0, 0x9f, 0x98, 0x80], 3, 0],
    [[0x61, 0x62], 5, 2],
    // One more byte would tell.
    [[0xf0, 0x9f, 0x98], 2, 0],
  ];
  for (const [bytes, limit, length] of withMore)
    assert.equal(
      wholeRunes(Uint8Array.from(bytes), limit),
      length,
      `${Buffer.from(bytes).toString("hex")} at ${limit}`,
    );
});

test("text that reads well", () => {
  const cases: [string | number[], boolean][] = [
    ["", true],
    ["GET / HTTP/1.1\r\n\tx", true],
    ["Grüße, 世界 😀", true],
    ["a\u0000", false],
    ["a\u00a0b", false],
    ["\ufffd", true],
    [[0xff], false],
    [[0x61, 0xc3], false],
  ];
  for (const [input, readable] of cases)
    assert.equal(isReadableText(Buffer.from(input as string)), readable, String(input));
});

test("words that are no time", () => {
  assert.equal(formatTime(0n, 0n), "0001-01-01T00:00:00Z");
  // A monotonic reading: 2026-11-22T10:00:00.5Z in seconds since 1885.
  const seconds = 1_795_341_600n + 2_682_288_000n;
  assert.equal(formatTime((1n << 63n) | (seconds << 30n) | 500_000_000n, 12345n), "2026-11-22T10:00:00.5Z");
  assert.equal(formatTime(0x3fffffffn, 0n), undefined);
  assert.equal(formatTime(1n << 40n, 0n), undefined);
});
