/**
 * The one place that touches tree-sitter: text in, a syntax tree for the length of one callback. Trees live in
 * WebAssembly memory, which JavaScript's collector does not see; readers copy what they need into plain objects.
 */
import { Edit, Language, type Node, Parser, type Tree } from "web-tree-sitter";
import { changeOf } from "./textChange.ts";

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
  /** For a text that is parsed again after each change. */
  follow(): FollowedText;
}

/** Keeps the tree of the text before, so that only what has changed is parsed. */
export interface FollowedText extends Pick<GoParser, "parse"> {
  /** Frees the tree. */
  close(): void;
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
      const tree = parseAny(parser, text);
      try {
        return tree === undefined ? undefined : read(tree.rootNode, text);
      } finally {
        tree?.delete();
      }
    },
    follow: () => new Followed(parser),
  };
}

class Followed implements FollowedText {
  private readonly parser: Parser;
  /** Of a text without errors only: recovery from errors may depend on the tree before, and a tree must not. */
  private before: { readonly tree: Tree; readonly text: string } | undefined;

  constructor(parser: Parser) {
    this.parser = parser;
  }

  parse<T>(text: string, read: (root: SyntaxNode, text: string) => T): T | undefined {
    const tree = this.parseChange(text) ?? parseAny(this.parser, text);
    this.close();
    if (tree === undefined) return undefined;
    if (!tree.rootNode.hasError) this.before = { tree, text };
    try {
      return read(tree.rootNode, text);
    } finally {
      if (this.before === undefined) tree.delete();
    }
  }

  close(): void {
    this.before?.tree.delete();
    this.before = undefined;
  }

  private parseChange(text: string): Tree | undefined {
    if (this.before === undefined || text.length > MAX_SOURCE_CHARS) return undefined;
    this.before.tree.edit(new Edit(changeOf(this.before.text, text)));
    const tree = parseTree(this.parser, text, this.before.tree);
    if (tree?.rootNode.hasError !== true) return tree ?? undefined;
    tree.delete();
    return undefined;
  }
}

/** Also what the grammar is too old for. */
function parseAny(parser: Parser, text: string): Tree | undefined {
  if (text.length > MAX_SOURCE_CHARS) return undefined;
  const tree = parseTree(parser, text);
  if (tree?.rootNode.hasError !== true) return tree ?? undefined;
  const older = withoutNewSyntax(text);
  const again = older === text ? null : parseTree(parser, older);
  if (again === null) return tree;
  tree.delete();
  return again;
}

function parseTree(parser: Parser, text: string, before: Tree | null = null): Tree | null {
  const limit = Math.max(MIN_PROGRESS_CALLS, text.length * PROGRESS_CALLS_PER_CHAR);
  let calls = 0;
  const tree = parser.parse(text, before, { progressCallback: () => ++calls > limit });
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
