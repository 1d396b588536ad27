/** What the tests of src/gosource share: a parser, a reader over real files, binaries opened from disk. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { ByteSource } from "../../../src/bytes/source.ts";
import type { GoBinary } from "../../../src/gobinary/api.ts";
import { openBinary } from "../../../src/gobinary/open.ts";
import type { SourceReader } from "../../../src/gosource/packages/reader.ts";
import { createSourceTypes, type SourceTypes } from "../../../src/gosource/sourceTypes.ts";
import { type GoParser, loadGoParser } from "../../../src/gosource/syntax/parser.ts";

const fromHere = createRequire(import.meta.url);

export const parser: GoParser = await loadGoParser({
  runtime: readFileSync(fromHere.resolve("web-tree-sitter/web-tree-sitter.wasm")),
  grammar: readFileSync(fromHere.resolve("tree-sitter-go/tree-sitter-go.wasm")),
});

export const diskReader: SourceReader = {
  async read(path) {
    try {
      return await readFile(path, "utf8");
    } catch {
      return undefined;
    }
  },
  async list(dir) {
    try {
      const entries = await readdir(dir, { withFileTypes: true });
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
    } catch {
      return [];
    }
  },
};

/** Files by absolute path. */
export function memoryReader(files: Readonly<Record<string, string>>): SourceReader {
  return {
    read: (path) => Promise.resolve(files[path]),
    list(dir) {
      const names = new Set<string>();
      for (const path of Object.keys(files)) {
        if (!path.startsWith(`${dir}/`)) continue;
        const [first, ...rest] = path.slice(dir.length + 1).split("/");
        names.add(rest.length > 0 ? `${first}/` : (first ?? ""));
      }
      return Promise.resolve([...names]);
    },
  };
}

export async function openFile(path: string): Promise<GoBinary> {
  const bytes = readFileSync(path);
  const source: ByteSource = {
    name: path,
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
  return await openBinary(source);
}

export async function sourceTypesFor(root: string, depth?: number): Promise<SourceTypes> {
  const [goroot, gomodcache] = execFileSync("go", ["env", "GOROOT", "GOMODCACHE"], { encoding: "utf8" }).split("\n");
  return await createSourceTypes({ reader: diskReader, wasm: parser, root, goroot, gomodcache, depth });
}
