/** Go source as an editor holds it half-written, go.mod files, symbol names. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { escapePackagePath, unescapePackagePath } from "../../../src/goname/linkName.ts";
import { parseSymbolName } from "../../../src/goname/symbolName.ts";
import { parseGoMod, parseGoWork, parseVendorModules } from "../../../src/gosource/packages/goMod.ts";
import { readGoFile } from "../../../src/gosource/syntax/declarations.ts";
import { loadGoParser } from "../../../src/gosource/syntax/parser.ts";
import { damage } from "../mutate.ts";
import type { Random } from "../random.ts";
import { check, type FuzzTarget } from "../target.ts";

const require = createRequire(import.meta.url);
const SHAPES = fileURLToPath(new URL("../../programs/shapes", import.meta.url));
const FILES = ["params.go", "structs.go", "methods.go", "closures.go", "frames.go", "generics.go", "go123.go"];
const NAMES = ["main.f", "net/http.(*Server).Serve", "gopkg.in/yaml%2ev2.Marshal", "main.pair[go.shape.string,go.shape.int].Swap",
  "main.f.func1.2", "main.T.M-fm", "main.f.deferwrap1", "main.init.0", "type:.eq.main.T", "main.(*list[...]).Push"]; // biome-ignore format: a table
const MOD = "module example.com/x\n\ngo 1.21\n\nrequire (\n\tgithub.com/a/b v1.2.3 // indirect\n)\nreplace a => ../a\n";

export async function sourceTarget(): Promise<FuzzTarget> {
  const parser = await loadGoParser({
    runtime: readFileSync(require.resolve("web-tree-sitter/web-tree-sitter.wasm")),
    grammar: readFileSync(require.resolve("tree-sitter-go/tree-sitter-go.wasm")),
  });
  const sources = FILES.map((name) => readFileSync(`${SHAPES}/${name}`));
  return {
    name: "source",
    run(random) {
      const text = damagedText(random.pick(sources), random, 1500);
      const file = parser.parse(text, (root) => readGoFile(root, { bodies: random.once(2) }));
      for (const fn of file?.functions ?? []) check(typeof fn.name === "string", "a function without a name");
    },
  };
}

export async function namesTarget(): Promise<FuzzTarget> {
  return {
    name: "names",
    run(random) {
      const name = damagedText(Buffer.from(random.pick(NAMES)), random, 200);
      parseSymbolName(name);
      unescapePackagePath(name);
      check(
        unescapePackagePath(escapePackagePath(name)) === name || /[^\x21-\x7e]/.test(name),
        `a path that does not survive escaping: ${name}`,
      );
      const mod = damagedText(Buffer.from(MOD), random, 300);
      parseGoMod(mod);
      parseGoWork(mod);
      parseVendorModules(mod);
    },
  };
}

/** A stretch of a source, damaged; invalid UTF-8 becomes U+FFFD as an editor would read it. */
function damagedText(seed: Uint8Array, random: Random, longest: number): string {
  const start = random.once(3) ? random.below(seed.length) : 0;
  const bytes = seed.slice(start, start + random.below(longest));
  if (bytes.length > 0) damage(bytes, { offset: 0, size: bytes.length }, random);
  return new TextDecoder().decode(bytes);
}
