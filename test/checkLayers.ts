/**
 * Folders are layers, and imports point one way. Fails on any import that breaks this, and on a folder that the table
 * does not know. oxlint's rule could hold the same patterns, but eight overlapping pattern lists hide what one table shows.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What each layer may import, besides itself. `modules`: packages that only this layer may name. */
const LAYERS: Record<string, { layers: string[]; modules?: string[]; pure?: true }> = {
  "src/extension": { layers: ["src/protocol"], modules: ["vscode", "vscode-languageclient"] },
  "src/cli": {
    layers: ["src/engine", "src/probe", "src/goabi", "src/gobinary", "src/arch", "src/value", "src/protocol"],
  },
  "src/lsp": {
    layers: ["src/engine", "src/value", "src/gosource", "src/gobinary", "src/goname", "src/goabi", "src/protocol"],
    modules: ["vscode-languageserver", "vscode-languageserver-textdocument"],
  },
  "src/engine": {
    layers: [
      "src/condition",
      "src/probe",
      "src/value",
      "src/gosource",
      "src/gobinary",
      "src/goname",
      "src/elf",
      "src/bytes",
      "src/goabi",
      "src/arch",
      "src/protocol",
    ],
  },
  "src/gosource": {
    layers: ["src/gobinary", "src/goname", "src/goabi", "src/protocol"],
    modules: ["web-tree-sitter"],
    pure: true,
  },
  "src/value": { layers: ["src/probe", "src/gobinary", "src/goabi", "src/protocol"], pure: true },
  "src/condition": { layers: ["src/goabi", "src/protocol"], pure: true },
  "src/probe": { layers: ["src/gobinary", "src/goabi", "src/arch", "src/protocol"], modules: ["iced-x86"], pure: true },
  "src/gobinary": {
    layers: ["src/dwarf", "src/elf", "src/bytes", "src/goname", "src/goabi", "src/arch", "src/protocol"],
    pure: true,
  },
  "src/dwarf": { layers: ["src/bytes", "src/goabi", "src/arch"], pure: true },
  "src/elf": { layers: ["src/bytes", "src/arch", "src/protocol"], modules: ["elfy", "fzstd"], pure: true },
  "src/bytes": { layers: [], pure: true },
  "src/goname": { layers: [], pure: true },
  "src/goabi": { layers: ["src/arch"], pure: true },
  "src/arch": { layers: [], pure: true },
  "src/protocol": { layers: [], modules: ["vscode-jsonrpc", "valibot"] },
  helper: { layers: ["src/protocol"] },
};
/**
 * Rooms of a layer, each of which may import those before it; files that stand in no room are the layer's door, which
 * imports any of them and is imported by none. So rooms have no circles.
 */
const ROOMS: Record<string, readonly string[]> = {
  "src/gosource": ["syntax", "packages", "types", "functions"],
};
/** Packages that several layers may name. */
const SHARED_MODULES = new Set(["vscode-jsonrpc", "valibot", "koffi"]);
/** Packages that one file of a layer wraps. */
const ONE_FILE: Record<string, string | readonly string[]> = {
  koffi: ["helper/foreign/native.ts", "src/protocol/lazyKoffi.cjs", "src/protocol/lazyKoffi.d.cts"],
  elfy: "src/elf/elf.ts",
  "iced-x86": "src/probe/amd64/decode.ts",
  "web-tree-sitter": "src/gosource/syntax/parser.ts",
};
/** Node modules without I/O, for the pure layers. */
const PURE_NODE_MODULES = new Set(["node:zlib", "node:assert", "node:buffer", "node:util", "node:module"]);

const owner = new Map(
  Object.entries(LAYERS).flatMap(([layer, { modules }]) => (modules ?? []).map((name) => [name, layer])),
);
const complaints: string[] = [];

for (const file of [...sources("src"), ...sources("helper")]) {
  const layer = layerOf(file);
  const rule = layer === undefined ? undefined : LAYERS[layer];
  if (layer === undefined || rule === undefined) {
    complaints.push(`${file}: its folder is no layer; add it to LAYERS in test/checkLayers.ts`);
    continue;
  }
  for (const specifier of importsOf(file)) {
    const complaint = specifier.startsWith(".")
      ? checkRelative(file, layer, rule.layers, specifier)
      : checkModule(file, layer, rule.pure === true, specifier);
    if (complaint !== undefined) complaints.push(`${file}: imports ${specifier}: ${complaint}`);
  }
}

if (complaints.length > 0) {
  console.error(complaints.join("\n"));
  process.exit(1);
}

function checkRelative(file: string, layer: string, allowed: readonly string[], specifier: string): string | undefined {
  const target = layerOf(relative(ROOT, join(ROOT, dirname(file), specifier)));
  if (target === layer) return checkRooms(layer, file, join(dirname(file), specifier));
  if (target !== undefined && allowed.includes(target)) return undefined;
  return `${layer} may import only ${[layer, ...allowed].join(", ")}`;
}

function checkRooms(layer: string, from: string, to: string): string | undefined {
  const rooms = ROOMS[layer];
  const room = (file: string): string | undefined => {
    const [folder, ...rest] = relative(layer, file).split("/");
    return rest.length === 0 ? undefined : folder;
  };
  const [own, other] = [room(from), room(to)];
  if (rooms === undefined || own === undefined) return undefined;
  const place = rooms.indexOf(own);
  if (place < 0) return `${layer}/${own} is no room; add it to ROOMS in test/checkLayers.ts`;
  const allowed = rooms.slice(0, place + 1);
  if (other !== undefined && allowed.includes(other)) return undefined;
  return `${layer}/${own} may import only ${allowed.join(", ")} of its layer`;
}

function checkModule(file: string, layer: string, pure: boolean, specifier: string): string | undefined {
  const name = specifier.startsWith("node:")
    ? specifier
    : specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/");
  if (name.startsWith("node:")) return pure && !PURE_NODE_MODULES.has(name) ? `${layer} does no I/O` : undefined;
  const wrappers = [ONE_FILE[name] ?? []].flat();
  if (wrappers.length > 0 && !wrappers.includes(file)) return `only ${wrappers.join(" and ")} may, which wraps it`;
  const owningLayer = owner.get(name);
  if (owningLayer === layer || SHARED_MODULES.has(name)) return undefined;
  return owningLayer === undefined
    ? "no layer owns this package; add it to LAYERS in test/checkLayers.ts"
    : `only ${owningLayer} may`;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const statement = /^(?:import|export)\b[^";]*?from "([^"]+)"|^import "([^"]+)"|\b(?:import|require)\("([^"]+)"\)/gm;
  return [...text.matchAll(statement)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function layerOf(path: string): string | undefined {
  return Object.keys(LAYERS).find((layer) => path === layer || path.startsWith(`${layer}/`));
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[cm]?[jt]s$/.test(name))
    .map((name) => join(folder, name));
}
