/**
 * The one place that touches tree-sitter: text in, a syntax tree for the length of one callback, nothing kept. Trees
 * live in WebAssembly memory, which JavaScript's collector does not see; readers copy what they need into plain objects.
 */
import { Language, type Node, Parser, type Tree } from "web-tree-sitter";

export type SyntaxNode = Node;

/** The two WebAssembly files, as bytes: in dist/ beside the bundles, in node_modules for tests. */
export interface GrammarFiles {
  /** `web-tree-sitter.wasm`. */
  readonly runtime: Uint8Array;
  /** `tree-sitter-go.wasm`. */
  readonly grammar: Uint8Array;
}

export interface GoParser {
  /**
   * Parses and hands over the root node, which is valid only inside `read`. Undefined where the text is longer than
   * MAX_SOURCE_CHARS or the parse was given up (MIN_PROGRESS_CALLS): such a file is treated as unreadable.
   */
  parse<T>(text: string, read: (root: SyntaxNode, text: string) => T): T | undefined;
}

/** The longest file of Go 1.27's own tree (generated SSA rewrite rules) has 2.1 MB; four times that is still a second. */
const MAX_SOURCE_CHARS = 8 * 1024 * 1024;
/**
 * tree-sitter reports progress every hundred parser steps; valid Go takes about one report per 600 characters. Garbage
 * makes its error recovery super-linear, so the number of reports, not a clock, ends it.
 */
const PROGRESS_CALLS_PER_CHAR = 1 / 8;
const MIN_PROGRESS_CALLS = 20_000;

let runtime: Promise<void> | undefined;

/** Loads runtime and grammar. The runtime is one per process: a second call keeps the first one's. */
export async function loadGoParser(files: GrammarFiles): Promise<GoParser> {
  runtime ??= Parser.init({ wasmBinary: files.runtime });
  await runtime;
  const language = await Language.load(files.grammar);
  const parser = new Parser();
  parser.setLanguage(language);
  return {
    parse(text, read) {
      if (text.length > MAX_SOURCE_CHARS) return undefined;
      let tree = parseTree(parser, text);
      if (tree?.rootNode.hasError === true) {
        const older = withoutNewSyntax(text);
        const again = older === text ? null : parseTree(parser, older);
        if (again !== null) {
          tree.delete();
          tree = again;
        }
      }
      if (tree === null) return undefined;
      try {
        return read(tree.rootNode, text);
      } finally {
        tree.delete();
      }
    },
  };
}

function parseTree(parser: Parser, text: string): Tree | null {
  const limit = Math.max(MIN_PROGRESS_CALLS, text.length * PROGRESS_CALLS_PER_CHAR);
  let calls = 0;
  const tree = parser.parse(text, null, { progressCallback: () => ++calls > limit });
  if (tree === null) parser.reset();
  return tree;
}

/**
 * The grammar is older than Go 1.26's `new(expression)` and Go 1.27's generic methods. Both are written over, position by
 * position, with what it understands: a call of another function, and nothing (`declarations.ts` reads the text itself).
 */
function withoutNewSyntax(text: string): string {
  return text
    .replaceAll(/\bnew\((?=["'`\d\-+!^&(\p{L}_])(?!(?:map|chan|func|struct|interface)\b)/gu, "nuw(")
    .replaceAll(
      /^(func[ \t]*\([^()\n]*\)[ \t]*[\p{L}_][\p{L}\p{N}_]*)(\[[^\n]{1,500}?\])(?=\()/gmu,
      (_, head: string, params: string) => head + " ".repeat(params.length),
    );
}
