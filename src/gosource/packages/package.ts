/** One Go package's files, parsed only as far as somebody asks for a name. */

import { type Refusal, refuse } from "../../goabi/refusal.ts";
import {
  type ConstDeclaration,
  type FunctionDeclaration,
  type GoFile,
  readGoFile,
  type TypeDeclaration,
} from "../syntax/declarations.ts";
import type { GoParser } from "../syntax/parser.ts";
import { withoutBodies } from "../syntax/withoutBodies.ts";
import { headerEnd } from "./buildConstraints.ts";

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
  | Refusal;

export type PackageOrigin = "module" | "std" | "dependency";

export interface SourceVersion {
  /** `example.com/dep`; `go` for the toolchain's tree. */
  readonly of: string;
  readonly here: string;
  /** The binary's. */
  readonly built: string;
}

/** Functions and files of one package whose literals are asked for one after the other. */
const MAX_BODIES = 32;

/** Names looked up in one package; the largest of Go's own tree declares about 5 000. */
const MAX_LOOKUPS = 20_000;

type Declared = TypeDeclaration | ConstDeclaration | FunctionDeclaration;

interface ParsedFile {
  readonly file: SourceFile;
  readonly declarations: GoFile;
  readonly functions: ReadonlyMap<string, readonly FunctionDeclaration[]>;
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
  readonly version: SourceVersion | undefined;
  readonly files: readonly SourceFile[];
  /** From the package clause. */
  readonly name: string;

  /** Files whose declarations were used. */
  readonly used = new Set<SourceFile>();

  private readonly parser: GoParser;
  private readonly bodies = new Map<SourceFile | FunctionDeclaration, GoFile | undefined>();
  private readonly parsed = new Map<SourceFile, ParsedFile | undefined>();
  private readonly words = new Map<SourceFile, DeclaredWords>();
  private readonly lookups = new Map<string, Lookup<Declared> | undefined>();

  constructor(parts: {
    linkPath: string;
    importPath: string;
    dir: string;
    origin: PackageOrigin;
    isModuleRoot: boolean;
    version?: SourceVersion;
    parser: GoParser;
    files: readonly { path: string; base: string; text: string; certain: boolean }[];
  }) {
    this.linkPath = parts.linkPath;
    this.importPath = parts.importPath;
    this.dir = parts.dir;
    this.origin = parts.origin;
    this.isModuleRoot = parts.isModuleRoot;
    this.version = parts.version;
    this.parser = parts.parser;
    // A folder may hold a second package of documentation or generators that constraints failed to exclude.
    const named = parts.files.map((file) => ({ ...file, clause: packageClause(file.text) }));
    this.name = mostFrequent(named.filter((file) => file.certain).map((file) => file.clause));
    this.files = named
      .filter((file) => file.clause === this.name)
      .map(({ path, base, text, certain }) => ({ package: this, path, base, text, certain }));
  }

  type(name: string): Lookup<TypeDeclaration> | undefined {
    return this.remembered(`type ${name}`, () => this.lookup(name, "type", (file) => file.types.get(name)));
  }

  constant(name: string): Lookup<ConstDeclaration> | undefined {
    return this.remembered(`const ${name}`, () => this.lookup(name, "const", (file) => file.constants.get(name)));
  }

  /** Functions and methods of this name that a file declares. */
  functionsNamed(file: SourceFile, name: string): readonly FunctionDeclaration[] {
    return this.parse(file)?.functions.get(name) ?? [];
  }

  /** By the name of the receiver's type, whether it is a pointer or not. */
  method(typeName: string, name: string): Lookup<FunctionDeclaration> | undefined {
    return this.remembered(`method ${typeName}.${name}`, () =>
      this.lookupIn(
        // Only saves parsing: whatever the spacing, both names are there.
        this.files.filter(({ text }) => text.includes(name) && text.includes(typeName)),
        name,
        (file) => file.functions.get(name)?.find(({ receiver }) => receiver?.typeName === typeName),
      ),
    );
  }

  /** Declarations without function bodies; undefined where the file cannot be parsed. */
  declarations(file: SourceFile): GoFile | undefined {
    return this.parse(file)?.declarations;
  }

  /** Declarations with function bodies and the values of variables; undefined where the file cannot be parsed. */
  withBodies(file: SourceFile): GoFile | undefined {
    return this.parsedOnce(file, file.text);
  }

  /** One of the file's functions with its body: literals, local types; undefined where it cannot be parsed. */
  withBody(file: SourceFile, declaration: FunctionDeclaration): FunctionDeclaration | undefined {
    const { range, name, line } = declaration;
    const lines = file.text.split("\n", range.end.line).slice(range.start.line - 1);
    const text = "\n".repeat(range.start.line - 1) + lines.join("\n");
    return this.parsedOnce(declaration, text)?.functions.find((fn) => fn.name === name && fn.line === line);
  }

  private parsedOnce(key: SourceFile | FunctionDeclaration, text: string): GoFile | undefined {
    if (this.bodies.has(key)) return this.bodies.get(key);
    if (this.bodies.size >= MAX_BODIES) this.bodies.clear();
    const parsed = this.parser.parse(text, (root, source) => readGoFile(root, { bodies: true, text: source }));
    this.bodies.set(key, parsed);
    return parsed;
  }

  private remembered<T extends Declared>(key: string, find: () => Lookup<T> | undefined): Lookup<T> | undefined {
    if (this.lookups.has(key)) return this.lookups.get(key) as Lookup<T> | undefined;
    if (this.lookups.size >= MAX_LOOKUPS) this.lookups.clear();
    const found = find();
    this.lookups.set(key, found);
    return found;
  }

  private lookup<T>(
    name: string,
    keyword: keyof DeclaredWords["direct"],
    find: (file: ParsedFile) => T | undefined,
  ): Lookup<T> | undefined {
    return this.lookupIn(
      this.files.filter((file) => this.mayDeclare(file, keyword, name)),
      name,
      find,
    );
  }

  private lookupIn<T>(
    files: readonly SourceFile[],
    name: string,
    find: (file: ParsedFile) => T | undefined,
  ): Lookup<T> | undefined {
    const hits: { found: T; file: SourceFile }[] = [];
    for (const file of files) {
      const parsed = this.parse(file);
      if (parsed === undefined) return refuse(`${file.path} cannot be parsed`);
      const { syntaxErrorLine } = parsed.declarations;
      if (syntaxErrorLine !== undefined) {
        return refuse(`${file.path} has a syntax error at line ${syntaxErrorLine}`);
      }
      const found = find(parsed);
      if (found !== undefined) hits.push({ found, file });
    }
    const [first, second] = hits;
    if (first === undefined) return undefined;
    if (second !== undefined) return refuse(`${name} is declared in ${first.file.path} and ${second.file.path}`);
    if (!first.file.certain) return refuse(`it is not known whether ${first.file.path} was built (build tags)`);
    this.used.add(first.file);
    return first;
  }

  /** Never says no to a file that does. Parsing only such files makes large packages cheap. */
  private mayDeclare(file: SourceFile, keyword: keyof DeclaredWords["direct"], name: string): boolean {
    let words = this.words.get(file);
    if (words === undefined) this.words.set(file, (words = declaredWords(file.text)));
    return words.direct[keyword].has(name) || (words.grouped[keyword] && words.atStart.has(name));
  }

  private parse(file: SourceFile): ParsedFile | undefined {
    if (this.parsed.has(file)) return this.parsed.get(file);
    const declarations = this.parser.parse(withoutBodies(file.text) ?? file.text, (root, text) =>
      readGoFile(root, { bodies: false, text }),
    );
    const result =
      declarations === undefined
        ? undefined
        : {
            file,
            declarations,
            functions: byName(declarations.functions),
            types: new Map(declarations.types.map((type) => [type.name, type])),
            constants: new Map(declarations.constants.map((constant) => [constant.name, constant])),
          };
    this.parsed.set(file, result);
    return result;
  }
}

function byName(functions: readonly FunctionDeclaration[]): Map<string, FunctionDeclaration[]> {
  const named = new Map<string, FunctionDeclaration[]>();
  for (const fn of functions) {
    const others = named.get(fn.name);
    if (others === undefined) named.set(fn.name, [fn]);
    else others.push(fn);
  }
  return named;
}

/** The name in the package clause; empty where there is none. */
export function packageClause(text: string): string {
  const start = headerEnd(text);
  return /^package\s+([\p{L}_][\p{L}\p{N}_]*)/u.exec(text.slice(start, start + 1000))?.[1] ?? "";
}

interface DeclaredWords {
  /** Behind `type` or `const`. */
  readonly direct: Readonly<Record<"type" | "const", ReadonlySet<string>>>;
  /** Whether the text has a group, `type (`, or what may be one: a comment behind the keyword, a list of constants. */
  readonly grouped: Readonly<Record<"type" | "const", boolean>>;
  /** Where a name of a group stands: behind a parenthesis, a comma, a semicolon, a comment or at the start of a line. */
  readonly atStart: ReadonlySet<string>;
}

/** The words of a text that may be names which it declares at package level, comments' words among them. */
function declaredWords(text: string): DeclaredWords {
  const behind = (pattern: RegExp): Set<string> => new Set([...text.matchAll(pattern)].map((found) => found[1] ?? ""));
  const grouped = {
    type: /\btype[ \t\r\n]*[(/]/.test(text),
    const: /\bconst[ \t\r\n]*[(/]|\bconst[^\n(]*,/.test(text),
  };
  return {
    direct: {
      type: behind(/\btype(?=[ \t\r\n]+([\p{L}_][\p{L}\p{N}_]*))/gu),
      const: behind(/\bconst(?=[ \t\r\n]+([\p{L}_][\p{L}\p{N}_]*))/gu),
    },
    grouped,
    atStart: grouped.type || grouped.const ? behind(/(?:[\n(;,]|\*\/)[ \t\r]*([\p{L}_][\p{L}\p{N}_]*)/gu) : new Set(),
  };
}

function mostFrequent(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
}
