/**
 * The packages that one binary was built from, as far as their source can be found. Look-ups are synchronous so that
 * types can be built lazily; a package that is not there yet is noted, and `load` fetches what was noted.
 */

import { isRefusal, type Refusal, refuse } from "../../goabi/refusal.ts";
import type { GoParser } from "../syntax/parser.ts";
import { fileIncluded, type TagState } from "./buildConstraints.ts";
import { GoPackage, packageClause, type SourceFile } from "./package.ts";
import { PackageFolders, type PackageLocation, type Tests } from "./packageFolders.ts";
import { joinPath, type SourceReader } from "./reader.ts";

/** `net/http` needs about 60 packages for all its exported types; a request for more is not worth a user's wait. */
const MAX_PACKAGES = 1_000;
/** Characters of source held per binary: about ten times the standard library's part that `net/http` needs. */
const MAX_SOURCE_CHARS = 64 * 1024 * 1024;
/** A part of both that is kept for the next function; a large server's functions are in 1 500 packages. */
const KEPT = 1 / 2;
/** The largest package known (a generated API client) has 3 000 files. */
const MAX_FILES_PER_PACKAGE = 5_000;
/** Far from the number of files that a process may have open. */
const FILES_AT_ONCE = 32;

export type PackageLookup =
  | GoPackage
  /** Its source cannot be found. */
  | Refusal
  /** Not read yet. */
  | undefined;

export class BuildPackages {
  readonly folders: PackageFolders;
  private readonly packages = new Map<string, GoPackage | Refusal>();
  private readonly wanted = new Map<string, { path: string; from: GoPackage | undefined }>();
  private readonly reader: SourceReader;
  private readonly parser: GoParser;
  private tags: Promise<TagState> | undefined;
  private heldChars = 0;
  /** Of the standard library, taken over from the ones before. */
  private inherited = 0;

  constructor(reader: SourceReader, parser: GoParser, folders: PackageFolders) {
    this.reader = reader;
    this.parser = parser;
    this.folders = folders;
  }

  /** The package that `from` means by an import path. */
  get(importPath: string, from: GoPackage | undefined): PackageLookup {
    const key = keyOf(importPath, from);
    const known = this.packages.get(key);
    if (known === undefined) this.wanted.set(key, { path: importPath, from });
    return known;
  }

  /** True where something new was read. */
  async load(): Promise<boolean> {
    const wanted = [...this.wanted];
    this.wanted.clear();
    let any = false;
    for (const [key, { path, from }] of wanted) {
      if (this.packages.has(key)) continue;
      any = true;
      this.packages.set(key, await this.read(path, from));
    }
    return any;
  }

  /** Files of the user's own modules that answers have rested on. */
  usedFiles(): SourceFile[] {
    const own = [...this.packages.values()].filter((entry) => entry instanceof GoPackage && entry.origin === "module");
    return own.flatMap((entry) => (entry instanceof GoPackage ? [...entry.used] : []));
  }

  /** So much is held that the next function should begin with fresh ones. */
  get isFull(): boolean {
    return this.packages.size - this.inherited > MAX_PACKAGES * KEPT || this.heldChars > MAX_SOURCE_CHARS * KEPT;
  }

  /** One that holds the standard library's packages only, which are few and which everything needs. */
  successor(): BuildPackages {
    const next = new BuildPackages(this.reader, this.parser, this.folders);
    for (const [key, entry] of this.packages)
      if (entry instanceof GoPackage && entry.origin === "std") next.packages.set(key, entry);
    next.inherited = next.packages.size;
    next.tags = this.tags;
    return next;
  }

  /** Somebody has met a package that is not there yet. */
  get wantsMore(): boolean {
    return this.wanted.size > 0;
  }

  /** Reads a package whose folder is known already. */
  async loadAt(location: PackageLocation): Promise<GoPackage | Refusal> {
    const key = keyOf(location.importPath, undefined);
    const known = this.packages.get(key);
    if (known instanceof GoPackage && known.dir === location.dir) return known;
    const loaded = await this.readAt(location);
    this.packages.set(key, loaded);
    return loaded;
  }

  private async read(path: string, from: GoPackage | undefined): Promise<GoPackage | Refusal> {
    const location = await this.folders.folderOf(path, from?.origin === "std");
    return isRefusal(location) ? location : await this.readAt(location);
  }

  private async readAt(location: PackageLocation): Promise<GoPackage | Refusal> {
    if (this.packages.size >= MAX_PACKAGES) return refuse(`more than ${MAX_PACKAGES} packages are needed`);
    this.tags ??= this.folders.tags();
    const tags = await this.tags;
    const names = (await this.reader.list(location.dir)).filter((name) => name.endsWith(".go"));
    const tests = await this.folders.testsOf(location.importPath);
    if (names.length > MAX_FILES_PER_PACKAGE) return refuse(`${location.dir} holds ${names.length} files`);
    const files: { path: string; base: string; text: string; certain: boolean }[] = [];
    // The name alone decides about most files; the text is read only of those that may belong.
    const likely = [...names].sort().filter((base) => fileIncluded(base, "", tags, tests !== undefined) !== "no");
    for (let at = 0; at < likely.length; at += FILES_AT_ONCE) {
      const bases = likely.slice(at, at + FILES_AT_ONCE);
      const texts = await Promise.all(bases.map((base) => this.reader.read(joinPath(location.dir, base))));
      for (const [index, base] of bases.entries()) {
        const path = joinPath(location.dir, base);
        const text = texts[index];
        if (text === undefined) return refuse(`${path} cannot be read`);
        const included = fileIncluded(base, text, tags, tests !== undefined);
        if (included === "no" || (tests !== undefined && !isOf(tests, base, text))) continue;
        this.heldChars += text.length;
        if (this.heldChars > MAX_SOURCE_CHARS) {
          return refuse(`more than ${MAX_SOURCE_CHARS / 1024 / 1024} MiB of source are needed`);
        }
        files.push({ path, base, text, certain: included === "yes" });
      }
    }
    if (files.length === 0) return refuse(`no Go file in ${location.dir} was part of the build`);
    return new GoPackage({ ...location, parser: this.parser, files });
  }
}

/** The standard library imports its vendored packages by their plain paths. */
function keyOf(importPath: string, from: GoPackage | undefined): string {
  return from?.origin === "std" ? `std ${importPath}` : importPath;
}

/** Of the two packages of a folder: an external test's consists of `_test.go` files, and its name ends like them. */
function isOf(tests: Tests, base: string, text: string): boolean {
  const external = base.endsWith("_test.go") && packageClause(text).endsWith("_test");
  return external === (tests === "external");
}
