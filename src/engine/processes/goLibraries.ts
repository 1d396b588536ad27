/**
 * Go code that a process has mapped beside its program: plugins (`plugin.Open`) and libraries for C programs
 * (`-buildmode=c-shared`), whose host is no Go program by its own file.
 */

import { throwUsedUp } from "../../protocol/errors.ts";
import { shown } from "../../protocol/shown.ts";
import { readingMapped } from "../failures.ts";
import { openLocalSource, type ProgramSource } from "../programs/programFiles.ts";
import { type GoIdentity, identifyGo } from "./identify.ts";
import { type MappedFile, mappedFiles } from "./mappings.ts";
import { programFile } from "./procfs.ts";

/** Large desktop programs have mapped some three hundred libraries. */
const MAX_LIBRARIES = 1024;
/** Libraries whose answer is remembered: a machine's processes share most of theirs. */
const MAX_KNOWN = 4096;

export interface GoLibrary {
  readonly path: string;
  readonly identity: GoIdentity;
  open(): Promise<ProgramSource>;
}

/** By device, inode and path; a library that is built anew is another file. */
const known = new Map<string, Promise<GoIdentity | undefined>>();

/** In address order; none where this user may not see what is mapped. */
export async function goLibraries(pid: number): Promise<GoLibrary[]> {
  const program = await programFile(pid);
  const exe = typeof program === "object" ? program.path : undefined;
  const found: GoLibrary[] = [];
  for (const file of ((await mappedFiles(pid)) ?? []).slice(0, MAX_LIBRARIES)) {
    if (file.path === exe || !file.path.startsWith("/")) continue;
    const open = () => openMapped(pid, file);
    const identity = await identify(file, open);
    if (identity !== undefined) found.push({ path: file.path, identity, open });
  }
  return found;
}

/** Whether a process has mapped code of a file. */
export async function hasMapped(pid: number, { path, inode }: { path: string; inode: number }): Promise<boolean> {
  return (await mappedFiles(pid))?.some((file) => file.inode === inode && file.path === path) === true;
}

async function identify(file: MappedFile, open: () => Promise<ProgramSource>): Promise<GoIdentity | undefined> {
  const key = `${file.device} ${file.inode} ${file.path}`;
  let identity = known.get(key);
  if (identity === undefined) {
    identity = open().then(async (source) => {
      try {
        return await identifyGo(source);
      } finally {
        await source.close();
      }
    });
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, identity);
    identity.catch(() => known.delete(key));
  }
  return await identity.catch((error: unknown) => {
    throwUsedUp(`cannot look at ${shown(file.path)}`, error);
    return undefined;
  });
}

/** As the process sees its files: it may live in a container. Throws where another file stands at the path by now. */
async function openMapped(pid: number, { path, inode }: MappedFile): Promise<ProgramSource> {
  const source = await openLocalSource(`/proc/${pid}/root${path}`, path, readingMapped(pid, path));
  if (source.inode === inode) return source;
  await source.close();
  throw new Error(`${path} is another file by now`);
}
