/** The little of go.mod, go.work and vendor/modules.txt that says where a package's source lies. */

export interface GoMod {
  readonly module: string;
  readonly requires: ReadonlyMap<string, string>;
  readonly replaces: readonly Replace[];
}
export interface Replace {
  readonly path: string;
  /** Undefined: every version. */
  readonly version: string | undefined;
  /** A folder (`./x`, `../x`, `/x`) or a module path. */
  readonly target: string;
  readonly targetVersion: string | undefined;
}

export function parseGoMod(text: string): GoMod {
  let module = "";
  const requires = new Map<string, string>();
  const replaces: Replace[] = [];
  for (const [verb, ...words] of directives(text)) {
    if (verb === "module") module = words[0] ?? "";
    else if (verb === "require" && words[0] !== undefined && words[1] !== undefined) requires.set(words[0], words[1]);
    else if (verb === "replace") {
      const arrow = words.indexOf("=>");
      const path = words[0];
      const target = words[arrow + 1];
      if (arrow > 0 && path !== undefined && target !== undefined) {
        replaces.push({ path, version: arrow > 1 ? words[1] : undefined, target, targetVersion: words[arrow + 2] });
      }
    }
  }
  return { module, requires, replaces };
}

/** Folders of a go.work file's `use` directives. */
export function parseGoWork(text: string): string[] {
  return directives(text).flatMap(([verb, folder]) => (verb === "use" && folder !== undefined ? [folder] : []));
}

export interface VendoredModule {
  readonly version: string;
  /** `PATH VERSION` of the module, or the folder, that stands in its place. */
  readonly replacedBy: string | undefined;
}

/** Modules by path, from vendor/modules.txt. */
export function parseVendorModules(text: string): ReadonlyMap<string, VendoredModule> {
  const modules = new Map<string, VendoredModule>();
  for (const [, path, version, replacedBy] of text.matchAll(/^# (\S+) (v\S+)(?: => (\S+(?: \S+)?))?[ \t]*$/gm)) {
    if (path !== undefined && version !== undefined) modules.set(path, { version, replacedBy });
  }
  return modules;
}

/** In the module cache an upper-case letter is `!` and the lower-case one (module.EscapePath). */
export function escapeModule(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

function directives(text: string): string[][] {
  const out: string[][] = [];
  let block: string | undefined;
  for (const line of text.split("\n")) {
    const words = wordsOf(line);
    if (words.length === 0) continue;
    if (block !== undefined) {
      if (words[0] === ")") block = undefined;
      else out.push([block, ...words]);
    } else if (words[1] === "(") block = words[0];
    else out.push(words);
  }
  return out;
}

function wordsOf(line: string): string[] {
  const words = line.match(/"[^"]*"|`[^`]*`|\/\/.*|[^\s"`]+/g) ?? [];
  const comment = words.findIndex((word) => word.startsWith("//"));
  return (comment === -1 ? words : words.slice(0, comment)).map((word) => word.replaceAll(/^["`]|["`]$/g, ""));
}
