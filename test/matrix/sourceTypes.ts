/** Types from Go source, with the source of the Go version that built the program. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { createSourceTypes, type SourceTypes } from "../../src/gosource/sourceTypes.ts";
import { goEnvironment } from "./build.ts";

const exec = promisify(execFile);
const require = createRequire(import.meta.url);

export interface SourceFolders {
  /** The program's own source. */
  readonly root: string;
  readonly goVersion: string;
}

export async function sourceTypes({ root, goVersion }: SourceFolders): Promise<SourceTypes> {
  const { stdout } = await exec("go", ["env", "GOROOT", "GOMODCACHE"], { cwd: root, env: goEnvironment(goVersion) });
  const [goroot, gomodcache] = stdout.trim().split("\n");
  return createSourceTypes({
    root,
    goroot,
    gomodcache,
    wasm: {
      runtime: await readFile(require.resolve("web-tree-sitter/web-tree-sitter.wasm")),
      grammar: await readFile(require.resolve("tree-sitter-go/tree-sitter-go.wasm")),
    },
    reader: {
      read: (path) => readFile(path, "utf8").catch(() => undefined),
      async list(folder) {
        try {
          const entries = await readdir(folder, { withFileTypes: true });
          return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
        } catch {
          return [];
        }
      },
    },
  });
}
