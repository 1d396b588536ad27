/**
 * The one place that touches tree-sitter: text in, a syntax tree for the length of one callback, nothing kept. Trees
 * live in WebAssembly memory, which JavaScript's collector does not see; readers copy what they need into plain objects.
 */
import { Language, type Node, Parser } from "web-tree-sitter";

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
   * MAX_SOURCE_CHARS or the parse was given up (MAX_PROGRESS_CALLS): such a file is treated as unreadable.
   */
  parse<T>(text: string, read: (root: SyntaxNode) => T): T | undefined;
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
      const limit = Math.max(MIN_PROGRESS_CALLS, text.length * PROGRESS_CALLS_PER_CHAR);
      let calls = 0;
      const tree = parser.parse(text, null, { progressCallback: () => ++calls > limit });
      if (tree === null) {
        parser.reset();
        return undefined;
      }
      try {
        return read(tree.rootNode);
      } finally {
        tree.delete();
      }
    },
  };
}
