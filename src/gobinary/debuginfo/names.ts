/**
 * Type names as `fmt`'s `%T` prints them. DWARF has the linker's names (`*net/url.URL`); reflect shows the package's
 * name instead of its path (`*url.URL`), except inside the brackets of an instantiated type, where it keeps the path.
 */

import { splitLinkName, unescapeLinkName } from "../../goname/linkName.ts";

/** Package name by import path, from the compile units; undefined where the path is not known. */
export type PackageNames = (path: string) => string | undefined;

/** Characters that end a qualified name. Brackets are handled where they stand. */
const ENDS = new Set([" ", "*", "(", ")", ",", "{", "}", ";", "<", "]"]);

export function shortTypeName(linkName: string, packages: PackageNames): string {
  let out = "";
  let at = 0;
  /** The open braces: whether each is a struct's. */
  const structs: boolean[] = [];
  while (at < linkName.length) {
    const char = linkName[at]!;
    if (char === '"') {
      // A struct tag: text, not names.
      const end = quotedEnd(linkName, at);
      out += linkName.slice(at, end);
      at = end;
    } else if (ENDS.has(char) || char === "[") {
      if (char === "{") structs.push(linkName.endsWith("struct ", at));
      else if (char === "}") structs.pop();
      out += char;
      at++;
    } else {
      let end = at;
      while (end < linkName.length && !ENDS.has(linkName[end]!) && linkName[end] !== "[" && linkName[end] !== '"')
        end++;
      const token = linkName.slice(at, end);
      out +=
        structs.at(-1) === true && isFieldName(linkName, at, end)
          ? token.slice(token.lastIndexOf(".") + 1)
          : shortToken(token, packages);
      at = end;
      // `map[` is a composite; after any other name a bracket holds type arguments, which stay as they are.
      if (linkName[at] === "[" && token !== "map") {
        const close = bracketEnd(linkName, at);
        out += linkName.slice(at, close);
        at = close;
      }
    }
  }
  return out;
}

/** In a struct: an unexported field's name carries its package (`struct { main.b int }`); reflect prints it without. */
function isFieldName(text: string, start: number, end: number): boolean {
  if (!text.endsWith("{ ", start) && !text.endsWith("; ", start)) return false;
  return text[end] === " " && text[end + 1] !== "}" && text[end + 1] !== '"';
}

/** `net/url.URL` → `url.URL`; `gopkg.in/yaml%2ev3.Node` → `yaml.Node` where a unit says so; `main.T·1` → `main.T`. */
function shortToken(token: string, packages: PackageNames): string {
  if (token.startsWith("...")) return `...${shortToken(token.replace(/^\.+/, ""), packages)}`;
  const split = splitLinkName(token);
  if (split === undefined) return token;
  const { linkPath } = split;
  const local = split.local.replace(/·\d+$/, "");
  return `${packages(linkPath) ?? likelyPackageName(unescapeLinkName(linkPath))}.${local}`;
}

/** The path's last element, without a major version: `…/yaml.v3` and `…/yaml/v3` are `yaml` by convention. */
function likelyPackageName(path: string): string {
  const elements = path.split("/");
  const last = elements.at(-1) ?? path;
  if (/^v\d+$/.test(last) && elements.length > 1) return elements.at(-2) ?? last;
  return last.replace(/\.v\d+$/, "");
}

/** True for the name of a defined type: `pkg.Name` or `pkg.Name[…]`, not a composite and not predeclared. */
export function isDefinedName(name: string): boolean {
  return /^[^\s*[\](){},;<"]+\.[^\s*[\](){},;<".]+(\[.*\])?$/s.test(name);
}

function quotedEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return Math.min(at + 1, text.length);
}

function bracketEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "[") depth++;
    else if (text[at] === "]" && --depth === 0) return at + 1;
  }
  return text.length;
}
