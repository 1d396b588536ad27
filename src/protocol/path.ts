/**
 * Paths as Linux has them: any bytes but NUL. In text, a byte that is no UTF-8 stands as a lone surrogate U+DC80 to
 * U+DCFF (as in Python, PEP 383), so that nothing is lost on the way back; JSON writes it as `\udcNN`.
 */
import { resolve } from "node:path";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Bytes of one character at the most. */
const MAX_SEQUENCE = 4;

export function decodePath(bytes: Uint8Array): string {
  const whole = tryDecode(bytes);
  if (whole !== undefined) return whole;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    let length = 1;
    let character = tryDecode(bytes.subarray(at, at + 1));
    while (character === undefined && length < MAX_SEQUENCE && at + length < bytes.length) {
      length += 1;
      character = tryDecode(bytes.subarray(at, at + length));
    }
    text += character ?? String.fromCharCode(0xdc00 + bytes[at]!);
    at += character === undefined ? 1 : length;
  }
  return text;
}

/** What node:fs takes for the path. */
export function encodePath(path: string): string | Buffer {
  if (!/[\udc80-\udcff]/.test(path.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""))) return path;
  const parts = path.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/);
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 1 ? Buffer.of(part.charCodeAt(0) - 0xdc00) : Buffer.from(part))),
  );
}

/** For a terminal: as it is, or as bash reads it back (`$'a\nb\xff'`) where it holds what a line cannot show. */
export function quotedPath(path: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const unprintable = /[\u0000-\u001f\u007f-\u009f]|(?<![\ud800-\udbff])[\udc80-\udcff]/g;
  if (!unprintable.test(path)) return path;
  const escaped = path.replace(/[\\']/g, "\\$&").replace(unprintable, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    const code = character.charCodeAt(0);
    if (code >= 0xdc00) return `\\x${(code - 0xdc00).toString(16)}`;
    return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  });
  return `$'${escaped}'`;
}

function tryDecode(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** From the working directory, where that is still there. */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch {
    return path;
  }
}
