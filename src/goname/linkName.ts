/**
 * Linker names, `gopkg.in/yaml%2ev3.(*Decoder).Decode`: a package path, escaped (cmd/internal/objabi/path.go,
 * PathToPrefix), a dot, and the name inside the package. Everything that takes such names apart or puts them together
 * does it here and in `symbolName.ts`.
 */

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

/** Undefined where an escape is malformed. */
export function unescapePackagePath(linkPath: string): string | undefined {
  if (!linkPath.includes("%")) return linkPath;
  try {
    return decodeURIComponent(linkPath);
  } catch {
    return undefined;
  }
}

/** For showing and comparing: a whole name, or any part of one; escapes that are no UTF-8 stay as they are. */
export function unescapeLinkName(name: string): string {
  // Each escape is one byte of UTF-8, so a letter's bytes belong together.
  return name.replace(/(?:%[0-9a-f]{2})+/g, (escapes) => unescapePackagePath(escapes) ?? escapes);
}

export interface LinkName {
  /** Still escaped. */
  readonly linkPath: string;
  /** `(*Server).Serve`, type arguments included. */
  readonly local: string;
}

/** Undefined for a name without a package: a predeclared type, a C function. */
export function splitLinkName(name: string): LinkName | undefined {
  // Type arguments have slashes and dots of their own.
  const bracket = name.indexOf("[");
  const head = bracket === -1 ? name : name.slice(0, bracket);
  const dot = head.indexOf(".", head.lastIndexOf("/") + 1);
  return dot <= 0 ? undefined : { linkPath: name.slice(0, dot), local: name.slice(dot + 1) };
}

/** The name of a type or function of a package. */
export function joinLinkName(linkPath: string, local: string): string {
  return `${linkPath}.${local}`;
}

/** The name of a method: `pkg.(*T).M` or `pkg.T.M`. */
export function methodLinkName(
  linkPath: string,
  receiver: { readonly typeName: string; readonly pointer: boolean },
  name: string,
): string {
  const holder = receiver.pointer ? `(*${receiver.typeName})` : receiver.typeName;
  return joinLinkName(linkPath, `${holder}.${name}`);
}

/** `main.(*List[go.shape.int]).Each` → `main.(*List).Each`: the name that all instances share. */
export function withoutTypeArgs(name: string): string {
  if (!name.includes("[")) return name;
  let depth = 0;
  let bare = "";
  for (const char of name) {
    if (char === "[") depth += 1;
    else if (char === "]") depth -= 1;
    else if (depth === 0) bare += char;
  }
  return bare;
}
