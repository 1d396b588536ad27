/** Finds and reads the two WebAssembly files of tree-sitter. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type GoParser, loadGoParser } from "../../gosource/syntax/parser.ts";

/** In dist/ they lie beside the bundle; when the sources run directly (tests), in node_modules. */
export async function loadGrammar(): Promise<GoParser> {
  const [runtime, grammar] = await Promise.all([
    readBeside("web-tree-sitter.wasm", "web-tree-sitter/web-tree-sitter.wasm"),
    readBeside("tree-sitter-go.wasm", "tree-sitter-go/tree-sitter-go.wasm"),
  ]);
  return await loadGoParser({ runtime, grammar });
}

async function readBeside(name: string, inPackage: string): Promise<Uint8Array> {
  try {
    return await readFile(fileURLToPath(new URL(name, import.meta.url)));
  } catch {
    const fromHere = createRequire(import.meta.url);
    return await readFile(fromHere.resolve(inPackage));
  }
}
