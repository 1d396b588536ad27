/**
 * A Go file without function bodies, comments and the values of variables: most of a file's text, on which no declared
 * function, type or constant depends, so that the parser need not see it. Every line and column
 * stays.
 */

/** What the scanner must look at; it jumps over everything between. */
const OUTSIDE = /["'`/{}()[\]\n]|\b(?:func|var|struct|interface)\b/g;
const INSIDE = /["'`/{}]|\nfunc\b/g;

/** Undefined where braces and quotes do not add up: then the parser has to see the text as it is. */
export function withoutBodies(text: string): string | undefined {
  const parts: string[] = [];
  let copied = 0;
  const blank = (from: number, to: number): void => {
    const lines = text.slice(from, to).split("\n");
    parts.push(text.slice(copied, from), "\n".repeat(lines.length - 1), " ".repeat(lines.at(-1)?.length ?? 0));
    copied = to;
  };
  let depth = 0;
  /** In a function's declaration before its body, or in the declaration of a variable. */
  let within: "header" | "variable" | undefined;
  /** The next brace opens a type. */
  let typeBrace = false;
  for (let at = 0; ; ) {
    OUTSIDE.lastIndex = at;
    const found = OUTSIDE.exec(text);
    if (found === null) break;
    const [token] = found;
    at = found.index + token.length;
    if (token === "\n") {
      // A declaration without a body (assembly) ends with its line.
      if (depth === 0) within = undefined;
    } else if (token === "func" || token === "var") {
      const first = depth === 0 && /(?:^|[\n;])[ \t]*$/.test(text.slice(Math.max(0, found.index - 80), found.index));
      if (first) within = token === "func" ? "header" : "variable";
    } else if (token === "struct" || token === "interface") {
      typeBrace = true;
    } else if (token === "{" && (within === "variable" || (within === "header" && depth === 0 && !typeBrace))) {
      const end = closingBrace(text, at);
      if (end === undefined) return undefined;
      blank(at, end);
      at = end + 1;
      if (within === "header") within = undefined;
      typeBrace = false;
    } else if ("{([".includes(token)) {
      depth++;
      typeBrace = false;
    } else if ("})]".includes(token)) {
      if (--depth < 0) return undefined;
    } else {
      const end = quoteOrCommentEnd(text, found.index);
      if (end === undefined) return undefined;
      if (token === "/" && end > at) blank(found.index, end);
      at = end;
    }
  }
  return depth === 0 ? parts.join("") + text.slice(copied) : undefined;
}

/** Where the brace stands that closes the one before `start`. */
function closingBrace(text: string, start: number): number | undefined {
  let depth = 1;
  for (let at = start; ; ) {
    INSIDE.lastIndex = at;
    const found = INSIDE.exec(text);
    const token = found?.[0];
    // No function stands at the start of a line inside another: a brace is missing.
    if (found === null || token === "\nfunc") return undefined;
    at = found.index + 1;
    if (token === "{") depth++;
    else if (token === "}") {
      if (--depth === 0) return found.index;
    } else {
      const end = quoteOrCommentEnd(text, found.index);
      if (end === undefined) return undefined;
      at = end;
    }
  }
}

/** Behind the string, rune or comment that begins at `start`, or behind a lone slash; undefined where it does not end. */
function quoteOrCommentEnd(text: string, start: number): number | undefined {
  const pattern = ENDS[text[start] === "/" ? text.slice(start, start + 2) : (text[start] ?? "")];
  if (pattern === undefined) return start + 1;
  pattern.lastIndex = start + 1;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

const ENDS: Readonly<Record<string, RegExp>> = {
  '"': /(?:[^"\\\n]|\\.)*"/y,
  "'": /(?:[^'\\\n]|\\.)*'/y,
  "`": /[^`]*`/y,
  "//": /[^\n]*/y,
  "/*": /\*[^]*?\*\//y,
};
