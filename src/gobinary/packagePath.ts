/** Package paths in linker names (cmd/internal/objabi/path.go, PathToPrefix). */

const SLASH = 0x2f;

/** Dots of the last element, `%`, `"`, control and non-ASCII bytes become `%xx`. */
export function escapePackagePath(path: string): string {
  const bytes = new TextEncoder().encode(path);
  const lastSlash = bytes.lastIndexOf(SLASH);
  let out = "";
  for (const [at, byte] of bytes.entries()) {
    const char = String.fromCharCode(byte);
    const escaped = byte <= 0x20 || (char === "." && at > lastSlash) || char === "%" || char === '"' || byte >= 0x7f;
    out += escaped ? `%${byte.toString(16).padStart(2, "0")}` : char;
  }
  return out;
}
