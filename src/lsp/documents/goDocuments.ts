/** Open Go documents: parsed once per version, joined with each program once per version and build. */
import { fileURLToPath } from "node:url";
import type { TextDocument } from "vscode-languageserver-textdocument";
import { type Refusal, refuse } from "../../goabi/refusal.ts";
import type { FollowedText, GoParser } from "../../gosource/syntax/parser.ts";
import type { Catalog, Program } from "./catalog.ts";
import { type EditorFile, type EditorFunction, readEditorFile } from "./editorFunctions.ts";
import { type FileMatch, lineKindOf, type Match, matchFile, mayContain } from "./matchBinary.ts";
import { baseName, type SourcePackage, sourcePackageOf } from "./sourcePackage.ts";

/** A program that holds the document's file, and what it has of each function. */
export interface ProgramMatch {
  readonly program: Program;
  readonly functions: ReadonlyMap<string, Match>;
}

/** A program that could not be looked into. */
export interface ProgramFailure extends Refusal {
  readonly program: Program;
}

interface Parsed {
  readonly version: number;
  readonly file: EditorFile;
  readonly matches: Map<string, Promise<FileMatch>>;
}

export class GoDocument {
  readonly uri: string;
  /** Functions that have had a lens: they keep it while the document is open, so that the code does not jump. */
  readonly lensKeys = new Set<string>();
  private readonly parser: FollowedText;
  private text: TextDocument;
  private parsed: Parsed | undefined;
  private source: Promise<SourcePackage> | undefined;
  private isClosed = false;

  constructor(text: TextDocument, parser: GoParser) {
    this.uri = text.uri;
    this.text = text;
    this.parser = parser.follow();
  }

  update(text: TextDocument): void {
    this.text = text;
  }

  close(): void {
    this.isClosed = true;
    this.parser.close();
  }

  /** After a save the file may belong to another module. */
  saved(): void {
    this.source = undefined;
  }

  get version(): number {
    return this.text.version;
  }

  get file(): EditorFile {
    return this.parse().file;
  }

  function(key: string): EditorFunction | undefined {
    return this.file.functions.find((fn) => fn.key === key);
  }

  textOf(fn: EditorFunction): string {
    return this.text.getText({ start: fn.start, end: fn.end });
  }

  /** Programs that hold this file, in the catalog's order; and those that could not be looked into. */
  async matches(
    catalog: Catalog,
  ): Promise<{ readonly found: readonly ProgramMatch[]; readonly failed: readonly ProgramFailure[] }> {
    const found: ProgramMatch[] = [];
    const failed: ProgramFailure[] = [];
    // One after the other: opening is work for the processor, and the first answer is often the wanted one.
    for (const program of catalog.programs) {
      if (this.isClosed) break;
      try {
        const opened = await catalog.open(program);
        if (!opened.ok) {
          failed.push({ program, ...opened });
          continue;
        }
        const functions = await this.matchProgram(catalog, program);
        if (functions !== undefined) found.push({ program, functions });
      } catch (error) {
        failed.push({ program, ...refuse(error instanceof Error ? error.message : String(error)) });
      }
    }
    return { found, failed };
  }

  /** Folder of the go.mod above the document. */
  async sourceRoot(): Promise<string | undefined> {
    return (await this.sourcePackage()).root;
  }

  private sourcePackage(): Promise<SourcePackage> {
    this.source ??= sourcePackageOf(fileURLToPath(this.uri));
    return this.source;
  }

  private async matchProgram(catalog: Catalog, program: Program): Promise<FileMatch> {
    const parsed = this.parse();
    const known = parsed.matches.get(program.key);
    if (known !== undefined) return await known;
    const matching = this.computeMatch(catalog, program, parsed.file);
    parsed.matches.set(program.key, matching);
    // A failure is not kept: the next poll tries again.
    matching.catch(() => parsed.matches.delete(program.key));
    return await matching;
  }

  private async computeMatch(catalog: Catalog, program: Program, file: EditorFile): Promise<FileMatch> {
    const answer = await catalog.open(program);
    if (!answer.ok) return undefined;
    const source = await this.sourcePackage();
    // Looking through all functions takes its time: only for programs that were built with the document's module.
    const { buildInfo } = answer.opened;
    if (!mayContain(source, buildInfo)) return undefined;
    const sameName = await catalog.functionsIn(program, answer.opened, baseName(source.paths[0] ?? ""));
    return matchFile(file, source, buildInfo, sameName, lineKindOf(answer.opened));
  }

  private parse(): Parsed {
    if (this.parsed?.version !== this.text.version) {
      const file = readEditorFile(this.parser, this.text.getText());
      this.parsed = { version: this.text.version, file, matches: new Map() };
    }
    return this.parsed;
  }
}
