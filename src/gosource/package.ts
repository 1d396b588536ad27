/** One Go package's files, parsed only as far as somebody asks for a name. */
import { headerEnd } from "./buildConstraints.ts";
import { type ConstDeclaration, type GoFile, readGoFile, type TypeDeclaration } from "./declarations.ts";
import type { GoParser } from "./parser.ts";

export interface SourceFile {
  readonly package: GoPackage;
  readonly path: string;
  readonly base: string;
  readonly text: string;
  /** False where a build tag is not known, so that the file may not be part of the binary. */
  readonly certain: boolean;
}

export type Lookup<T> =
  | { readonly found: T; readonly file: SourceFile }
  /** Declared, but in a way that does not settle what it is. */
  | { readonly uncertain: string };

export type PackageOrigin = "module" | "std" | "dependency";

/** Files of one package whose functions are asked for one after the other. */
const MAX_BODIES = 32;

/** Names looked up in one package; the largest of Go's own tree declares about 5 000. */
const MAX_CANDIDATES = 20_000;

interface ParsedFile {
  readonly file: SourceFile;
  readonly declarations: GoFile;
  readonly types: ReadonlyMap<string, TypeDeclaration>;
  readonly constants: ReadonlyMap<string, ConstDeclaration>;
}

export class GoPackage {
  /** As the linker names it: `net/url`, `main`, `vendor/golang.org/x/net/http/httpguts`. */
  readonly linkPath: string;
  readonly importPath: string;
  readonly dir: string;
  readonly origin: PackageOrigin;
  readonly isModuleRoot: boolean;
  readonly files: readonly SourceFile[];
  /** From the package clause. */
  readonly name: string;

  /** Files whose declarations were used. */
  readonly used = new Set<SourceFile>();

  private readonly parser: GoParser;
  private readonly bodies = new Map<SourceFile, GoFile | undefined>();
  private readonly parsed = new Map<SourceFile, ParsedFile | undefined>();
  /** Files that may declare a name. */
  private readonly candidates = new Map<string, readonly SourceFile[]>();

  constructor(parts: {
    linkPath: string;
    importPath: string;
    dir: string;
    origin: PackageOrigin;
    isModuleRoot: boolean;
    parser: GoParser;
    files: readonly { path: string; base: string; text: string; certain: boolean }[];
  }) {
    this.linkPath = parts.linkPath;
    this.importPath = parts.importPath;
    this.dir = parts.dir;
    this.origin = parts.origin;
    this.isModuleRoot = parts.isModuleRoot;
    this.parser = parts.parser;
    // A folder may hold a second package of documentation or generators that constraints failed to exclude.
    const named = parts.files.map((file) => ({ ...file, clause: packageClause(file.text) }));
    this.name = mostFrequent(named.filter((file) => file.certain).map((file) => file.clause));
    this.files = named
      .filter((file) => file.clause === this.name)
      .map(({ path, base, text, certain }) => ({ package: this, path, base, text, certain }));
  }

  type(name: string): Lookup<TypeDeclaration> | undefined {
    return this.lookup(name, TYPE_WORDS, (file) => file.types.get(name));
  }

  constant(name: string): Lookup<ConstDeclaration> | undefined {
    return this.lookup(name, CONST_WORDS, (file) => file.constants.get(name));
  }

  /** Declarations without function bodies; undefined where the file cannot be parsed. */
  declarations(file: SourceFile): GoFile | undefined {
    return this.parse(file)?.declarations;
  }

  /** Declarations with function bodies; undefined where the file cannot be parsed. */
  withBodies(file: SourceFile): GoFile | undefined {
    if (this.bodies.has(file)) return this.bodies.get(file);
    if (this.bodies.size >= MAX_BODIES) this.bodies.clear();
    const parsed = this.parser.parse(file.text, (root, text) => readGoFile(root, { bodies: true, text }));
    this.bodies.set(file, parsed);
    return parsed;
  }

  private lookup<T>(
    name: string,
    words: DeclarationWords,
    find: (file: ParsedFile) => T | undefined,
  ): Lookup<T> | undefined {
    const hits: { found: T; file: SourceFile }[] = [];
    for (const file of this.mayDeclare(name, words)) {
      const parsed = this.parse(file);
      if (parsed === undefined) return { uncertain: `${file.path} cannot be parsed` };
      const { syntaxErrorLine } = parsed.declarations;
      if (syntaxErrorLine !== undefined) {
        return { uncertain: `${file.path} has a syntax error at line ${syntaxErrorLine}` };
      }
      const found = find(parsed);
      if (found !== undefined) hits.push({ found, file });
    }
    const [first, second] = hits;
    if (first === undefined) return undefined;
    if (second !== undefined) return { uncertain: `${name} is declared in ${first.file.path} and ${second.file.path}` };
    if (!first.file.certain) return { uncertain: `it is not known whether ${first.file.path} was built (build tags)` };
    this.used.add(first.file);
    return first;
  }

  /** Searching package runtime's 4 MB takes 0.1 s a name, and `int` and `byte` are asked for at every use. */
  private mayDeclare(name: string, words: DeclarationWords): readonly SourceFile[] {
    const key = `${words.keyword} ${name}`;
    const known = this.candidates.get(key);
    if (known !== undefined) return known;
    if (this.candidates.size >= MAX_CANDIDATES) this.candidates.clear();
    const declares = declarationTest(name, words);
    const files = this.files.filter((file) => declares(file.text));
    this.candidates.set(key, files);
    return files;
  }

  private parse(file: SourceFile): ParsedFile | undefined {
    if (this.parsed.has(file)) return this.parsed.get(file);
    const declarations =
      this.bodies.get(file) ?? this.parser.parse(file.text, (root, text) => readGoFile(root, { bodies: false, text }));
    const result =
      declarations === undefined
        ? undefined
        : {
            file,
            declarations,
            types: new Map(declarations.types.map((type) => [type.name, type])),
            constants: new Map(declarations.constants.map((constant) => [constant.name, constant])),
          };
    this.parsed.set(file, result);
    return result;
  }
}

/** The name in the package clause; empty where there is none. */
export function packageClause(text: string): string {
  const start = headerEnd(text);
  return /^package\s+([\p{L}_][\p{L}\p{N}_]*)/u.exec(text.slice(start, start + 1000))?.[1] ?? "";
}

interface DeclarationWords {
  readonly keyword: string;
  /** `type (`, or a comment behind the keyword. */
  readonly group: RegExp;
}
const TYPE_WORDS: DeclarationWords = { keyword: "type", group: /\btype[ \t\r\n]*[(/]/ };
const CONST_WORDS: DeclarationWords = { keyword: "const", group: /\bconst[ \t\r\n]*[(/]|\bconst[^\n(]*,/ };

/**
 * Whether a text may declare `name` at package level; never says no to one that does. The name follows the keyword, or
 * in a group a parenthesis, a comma, a comment or the start of a line. Parsing only such files makes large packages cheap.
 */
function declarationTest(name: string, { keyword, group }: DeclarationWords): (text: string) => boolean {
  const plain = name.replaceAll(/[^\p{L}\p{N}_]/gu, "");
  const direct = new RegExp(`\\b${keyword}[ \\t\\r\\n]+${plain}(?![\\p{L}\\p{N}_])`, "u");
  const inGroup = new RegExp(`(?:[\\n(;,]|\\*/)[ \\t\\r]*${plain}(?![\\p{L}\\p{N}_])[ \\t]*(?![.])`, "u");
  return (text) => text.includes(plain) && (direct.test(text) || (group.test(text) && inGroup.test(text)));
}

function mostFrequent(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
}
