/** Which package a source file belongs to: from go.mod, the vendor folder or GOROOT above it. */
import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { readRegular } from "../../engine/programs/regularFile.ts";

export interface SourcePackage {
  /** Absolute path as the editor has it, and with symlinks resolved. */
  readonly paths: readonly string[];
  /** Import path; undefined where no go.mod tells it. */
  readonly importPath: string | undefined;
  /** Module that holds it: `std` for GOROOT, undefined where no go.mod tells it or it is vendored. */
  readonly module: string | undefined;
  /** For a vendored file: the import path alone is known. */
  readonly vendored: boolean;
  /** Folder of the go.mod. */
  readonly root: string | undefined;
  /** Of the module or of Go, where the folder tells it: in the module cache, in a toolchain's tree. */
  readonly version: string | undefined;
}

/** A path deeper than this is no source tree. */
const MAX_PARENTS = 64;
/** The `module` line stands at a go.mod's top. */
const MAX_GO_MOD_BYTES = 1 << 20;

export async function sourcePackageOf(path: string): Promise<SourcePackage> {
  const real = await realpath(path).catch(() => path);
  const paths = [...new Set([path, real])];
  const vendor = path.lastIndexOf("/vendor/");
  let directory = dirname(real);
  for (let count = 0; count < MAX_PARENTS; count += 1) {
    const module = await moduleOf(join(directory, "go.mod"));
    if (module !== undefined) {
      const below = relative(directory, dirname(real));
      // GOROOT/src is module `std`, whose packages have no module prefix, its own vendor folder included.
      if (module === "std") {
        const version = (await readRegular(join(dirname(directory), "VERSION"), MAX_GO_MOD_BYTES))
          ?.split("\n")[0]
          ?.trim();
        return { paths, importPath: below, module, vendored: false, root: directory, version: version || undefined };
      }
      if (vendor >= 0 && directory.length < vendor) {
        return {
          paths,
          importPath: dirname(path.slice(vendor + "/vendor/".length)),
          module: undefined,
          vendored: true,
          root: directory,
          version: undefined,
        };
      }
      return {
        paths,
        importPath: below === "" ? module : `${module}/${below}`,
        module,
        vendored: false,
        root: directory,
        version: /@(v\d[^/]*)$/.exec(directory)?.[1],
      };
    }
    const parent = dirname(directory);
    if (parent === directory) break;
    directory = parent;
  }
  return { paths, importPath: undefined, module: undefined, vendored: false, root: undefined, version: undefined };
}

/** Path below the module cache (`…/pkg/mod/example.com/x@v1.2.3/y.go`) or a plain one, without versions. */
export function withoutVersion(path: string): string {
  return path.replace(/@v[^/]*/g, "");
}

export function baseName(path: string): string {
  return basename(path);
}

async function moduleOf(goMod: string): Promise<string | undefined> {
  const text = await readRegular(goMod, MAX_GO_MOD_BYTES);
  const match = /^[ \t]*module[ \t]+(?:"([^"\n]+)"|`([^`\n]+)`|([^\s/"`][^\s]*))/m.exec(text ?? "");
  return match?.[1] ?? match?.[2] ?? match?.[3];
}
