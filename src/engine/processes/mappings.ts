/** What a process has mapped as code, from /proc/PID/maps (proc(5)). */
import { readFile } from "node:fs/promises";
import { throwUsedUp } from "../../protocol/errors.ts";
import { decodePath } from "../../protocol/path.ts";
import { programFile } from "./procfs.ts";

/** A maps file of a large process is some 100 KB; more than this many lines is not read. */
const MAX_MAPPINGS = 65_536;

export interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
}

/** A file of which a process has mapped code. */
export interface MappedFile {
  readonly path: string;
  readonly inode: number;
  /** `major:minor`, hex, as maps has it: on overlay and btrfs another than stat's. */
  readonly device: string;
  readonly mappings: readonly Mapping[];
}

/** In address order; undefined where this user may not see them, or the process is gone. */
export async function mappedFiles(pid: number): Promise<MappedFile[] | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/maps`, "latin1");
  } catch (error) {
    throwUsedUp(`cannot look at process ${pid}`, error);
    return undefined;
  }
  const files = new Map<string, MappedFile & { mappings: Mapping[] }>();
  for (const line of text.split("\n").slice(0, MAX_MAPPINGS)) {
    const [, start, end, offset, device = "", inode, name = ""] =
      /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) (\S+) ([1-9]\d*) +(.*)$/.exec(line) ?? [];
    if (start === undefined) continue;
    const key = `${device} ${inode} ${name}`;
    // The kernel writes a line end in a path as \012.
    const path = decodePath(Buffer.from(name.replaceAll("\\012", "\n"), "latin1"));
    const file = files.get(key) ?? { path, inode: Number(inode), device, mappings: [] };
    file.mappings.push({ start: hex(start), end: hex(end), fileOffset: hex(offset) });
    files.set(key, file);
  }
  return [...files.values()];
}

/**
 * Executable mappings of one file, in address order. The program's are known by inode or by path: on overlay file
 * systems the one in maps can differ from stat's.
 */
export async function executableMappings(pid: number, inode: number, path?: string): Promise<Mapping[] | undefined> {
  const files = await mappedFiles(pid);
  const program = path === undefined ? await programFile(pid) : { path };
  const named = typeof program === "object" ? program.path : undefined;
  return files?.filter((file) => file.inode === inode || file.path === named).flatMap(({ mappings }) => mappings);
}

function hex(text: string | undefined): number {
  return Number.parseInt(text ?? "", 16);
}
