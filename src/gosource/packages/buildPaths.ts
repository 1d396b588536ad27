/** From a file's path where the binary was built to the package that it belongs to. */
import type { BuildInfo, GoBinary } from "../../gobinary/api.ts";
import { escapeModule } from "./goMod.ts";
import { below, dirName } from "./reader.ts";

/** Folders where the binary was built; with -trimpath they are import paths. */
export interface BuildPaths {
  /** Of the standard library, with a slash behind; empty with -trimpath. */
  readonly std: string | undefined;
  /** Of the main module. */
  readonly main: string | undefined;
  /** Import paths by folder, as far as they were asked for; undefined for a folder that says nothing. */
  readonly known: Map<string, string | undefined>;
}

/** From two functions that every program has. */
export async function buildPathsOf(info: BuildInfo, binary: Pick<GoBinary, "functionsNamed">): Promise<BuildPaths> {
  const fileOf = async (name: string): Promise<string> => (await binary.functionsNamed(name))[0]?.file ?? "";
  const runtime = await fileOf("runtime.main");
  const folder = dirName(await fileOf("main.main"));
  const inModule = below(info.path ?? "", info.module?.path ?? "");
  const tail = inModule === undefined || inModule === "" ? inModule : `/${inModule}`;
  return {
    std: runtime.endsWith(RUNTIME_FILE) ? runtime.slice(0, -RUNTIME_FILE.length) : undefined,
    main: tail !== undefined && folder.endsWith(tail) ? folder.slice(0, folder.length - tail.length) : undefined,
    known: new Map(),
  };
}

/** Undefined where it cannot be told. */
export function importPathOf(file: string, info: BuildInfo, paths: BuildPaths): string | undefined {
  const folder = dirName(file);
  // A binary has far fewer folders than functions.
  if (!paths.known.has(folder)) paths.known.set(folder, importPathOfFolder(folder, info, paths));
  return paths.known.get(folder);
}

function importPathOfFolder(folder: string, info: BuildInfo, { std, main }: BuildPaths): string | undefined {
  for (const { path, version, replacedBy } of info.dependencies) {
    const from = replacedBy ?? { path, version };
    for (const name of new Set([escapeModule(from.path), from.path])) {
      const at = `/${folder}/`.indexOf(`/${name}@${from.version}/`);
      if (at >= 0) return joined(path, folder.slice(at + name.length + from.version.length + 2));
    }
  }
  if (folder.includes("vendor/")) return undefined;
  const own = main === undefined || info.module === undefined ? undefined : below(folder, main);
  if (own !== undefined && info.module !== undefined) return joined(info.module.path, own);
  if (std === undefined || !folder.startsWith(std)) return undefined;
  const path = folder.slice(std.length);
  // With -trimpath nothing but the first element tells the standard library from modules.
  return (path.split("/")[0] ?? "").includes(".") ? undefined : path;
}

const RUNTIME_FILE = "runtime/proc.go";

function joined(module: string, rest: string): string {
  return rest === "" ? module : `${module}/${rest}`;
}
