/**
 * Which files of a folder the go command compiled into a binary: file name suffixes, `//go:build` and `// +build` lines
 * (go/build/constraint, go/build.goodOSArchFile). Three-valued: a tag that the build information does not tell leaves
 * its file "unknown", and what such a file declares is not trusted.
 */

export type Included = "yes" | "no" | "unknown";

/** What is known of a tag: on, off, or not known. */
export type TagState = (tag: string) => Included;

const KNOWN_OS = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos".split(
    " ",
  ),
);
const KNOWN_ARCH = new Set(
  "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split(
    " ",
  ),
);
/** Expressions written by people nest below 5. */
const MAX_EXPRESSION_DEPTH = 50;

/**
 * `file`: base name; `text`: its content, of which only the part before the package clause counts. `tests`: `_test.go`
 * files belong too, as they do to a test binary.
 */
export function fileIncluded(file: string, text: string, tag: TagState, tests = false): Included {
  if (!file.endsWith(".go") || (!tests && file.endsWith("_test.go")) || /^[_.]/.test(file)) return "no";
  return and(nameIncluded(file, tag), headerIncluded(text, tag));
}

function nameIncluded(file: string, tag: TagState): Included {
  const base = file.slice(0, file.indexOf(".")).replace(/_test$/, "");
  // Only what follows the first underscore counts, so that `linux.go` itself is not constrained.
  const parts = base.includes("_") ? base.slice(base.indexOf("_")).split("_") : [];
  const last = parts.at(-1) ?? "";
  const before = parts.at(-2) ?? "";
  if (parts.length >= 2 && KNOWN_OS.has(before) && KNOWN_ARCH.has(last)) return and(tag(before), tag(last));
  return KNOWN_OS.has(last) || KNOWN_ARCH.has(last) ? tag(last) : "yes";
}

function headerIncluded(text: string, tag: TagState): Included {
  const header = headerOf(text);
  const goBuild = header.match(/^\/\/go:build[ \t]+(.*)$/m)?.[1];
  if (goBuild !== undefined) return evaluate(goBuild, tag);
  // Each line is AND-ed; options split by spaces are OR-ed; terms split by commas are AND-ed.
  const plus = [...header.matchAll(/^\/\/[ \t]*\+build[ \t]+(.*)$/gm)].map((match) => match[1] ?? "");
  return plus
    .map((line) =>
      line
        .trim()
        .split(/[ \t]+/)
        .map((option) =>
          option
            .split(",")
            .map((term) => (term.startsWith("!") ? not(tag(term.slice(1))) : tag(term)))
            .reduce(and, "yes"),
        )
        .reduce(or, "no"),
    )
    .reduce(and, "yes");
}

/**
 * Where the code begins: after blank space and comments. A scanner, not a regular expression: those that match comments
 * take exponential time on hostile text.
 */
export function headerEnd(text: string): number {
  let at = text.startsWith("\ufeff") ? 1 : 0;
  while (at < text.length) {
    if (/\s/.test(text[at] ?? "")) at++;
    else if (text.startsWith("//", at)) at = after(text, "\n", at);
    else if (text.startsWith("/*", at)) at = after(text, "*/", at + 2);
    else break;
  }
  return at;
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found + mark.length;
}

/** The line comments before the package clause; block comments cannot hold a constraint. */
function headerOf(text: string): string {
  const lines: string[] = [];
  let inBlock = false;
  for (const line of text.slice(0, headerEnd(text)).split("\n")) {
    if (!inBlock && line.trimStart().startsWith("//")) lines.push(line.trim());
    const opened = line.lastIndexOf("/*");
    const closed = line.lastIndexOf("*/");
    if (opened > closed && (inBlock || !line.trimStart().startsWith("//"))) inBlock = true;
    else if (closed > opened) inBlock = false;
  }
  return lines.join("\n");
}

/** `expr`: Go syntax over tags: `linux && (amd64 || !cgo)`. A malformed one makes the file unknown. */
function evaluate(expr: string, tag: TagState): Included {
  const tokens = expr.replace(/\/\/.*$/, "").match(/&&|\|\||[!()]|[^\s!()&|]+/g) ?? [];
  let at = 0;
  const value = disjunction(0);
  return at === tokens.length ? value : "unknown";

  function disjunction(depth: number): Included {
    let value = conjunction(depth);
    while (tokens[at] === "||") {
      at++;
      value = or(value, conjunction(depth));
    }
    return value;
  }
  function conjunction(depth: number): Included {
    let value = term(depth);
    while (tokens[at] === "&&") {
      at++;
      value = and(value, term(depth));
    }
    return value;
  }
  function term(depth: number): Included {
    if (depth > MAX_EXPRESSION_DEPTH) return "unknown";
    const token = tokens[at++];
    if (token === "!") return not(term(depth + 1));
    if (token === "(") {
      const value = disjunction(depth + 1);
      return tokens[at++] === ")" ? value : "unknown";
    }
    return token === undefined || /[()&|]/.test(token) ? "unknown" : tag(token);
  }
}

function and(a: Included, b: Included): Included {
  if (a === "no" || b === "no") return "no";
  return a === "unknown" || b === "unknown" ? "unknown" : "yes";
}
function or(a: Included, b: Included): Included {
  if (a === "yes" || b === "yes") return "yes";
  return a === "unknown" || b === "unknown" ? "unknown" : "no";
}
function not(a: Included): Included {
  if (a === "unknown") return "unknown";
  return a === "yes" ? "no" : "yes";
}
