/**
 * Separate debug files of stripped programs, where distributions and gdb keep them (GDB manual, "Separate Debug
 * Files"): by build ID below /usr/lib/debug/.build-id, by `.gnu_debuglink` beside the program and below /usr/lib/debug.
 * Whether a file found belongs to the program is checked by whoever reads it.
 */
import { dirname, isAbsolute, join } from "node:path";
import type { ByteSource } from "../../bytes/source.ts";
import { UserError } from "../../protocol/errors.ts";
import { openLocalSource, type ProgramSource } from "./programFiles.ts";

const DEBUG_ROOT = "/usr/lib/debug";

/** Finds and opens debug files for one program, and closes what it opened. */
export class DebugFiles {
  private readonly program: string;
  private readonly root: string;
  private readonly opened: ProgramSource[] = [];

  /** `program`: path of the file, or a name that is no path (then only the build ID helps). */
  constructor(program: string, root: string = DEBUG_ROOT) {
    this.program = program;
    this.root = root;
  }

  readonly find = async (buildId: string, debugLink: string | undefined): Promise<ByteSource | undefined> => {
    for (const path of debugFilePaths(this.program, buildId, debugLink, this.root)) {
      try {
        const source = await openLocalSource(path, path);
        this.opened.push(source);
        return source;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }
    return undefined;
  };

  async close(): Promise<void> {
    for (const source of this.opened.splice(0)) await source.close();
  }
}

/** In the order in which gdb looks. */
export function debugFilePaths(
  program: string,
  buildId: string,
  debugLink: string | undefined,
  root: string = DEBUG_ROOT,
): string[] {
  const paths: string[] = [];
  // The GNU build ID in hex; Go's own ID is no file name.
  if (/^[0-9a-f]{6,128}$/.test(buildId))
    paths.push(join(root, ".build-id", buildId.slice(0, 2), `${buildId.slice(2)}.debug`));
  // The link is a bare file name; anything else comes from a program that wants another file opened.
  if (
    debugLink !== undefined &&
    /^[^/\0]+$/.test(debugLink) &&
    debugLink !== "." &&
    debugLink !== ".." &&
    isAbsolute(program)
  ) {
    const folder = dirname(program);
    paths.push(join(folder, debugLink), join(folder, ".debug", debugLink), join(root, folder, debugLink));
  }
  return paths.filter((path) => path !== program);
}
