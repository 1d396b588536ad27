/** Where the program of a request is read from, and how its probes are attached. */
import { realpath } from "node:fs/promises";
import type { GoBinary } from "../../gobinary/api.ts";
import { UserError } from "../../protocol/errors.ts";
import type { AttachTarget } from "../../protocol/helperApi.ts";
import { decodePath, encodePath } from "../../protocol/path.ts";
import { shown } from "../../protocol/shown.ts";
import { noGoMapped, readingProgramOf } from "../failures.ts";
import type { HelperLink } from "../helper/link.ts";
import type { Job } from "../job.ts";
import { resolvePatterns } from "../plan/resolvePatterns.ts";
import { type GoLibrary, goLibraries, hasMapped } from "../processes/goLibraries.ts";
import { plainPath, programName } from "../processes/processes.ts";
import { findProcess, hidesProcesses } from "../processes/procfs.ts";
import { type BinaryCache, type BinaryHandle, isStill } from "../programs/binaries.ts";
import { HelperSource, openLocalSource, type ProgramSource } from "../programs/programFiles.ts";

/** The helper, started if need be. */
type GetHelper = () => Promise<HelperLink>;

/** Where a trace's binary comes from and how it is attached. */
export interface OpenTarget {
  readonly handle: BinaryHandle;
  readonly attach: AttachTarget;
  /** Of a program file. */
  readonly path?: string;
  /** Path of the library that was read instead of the process's program. */
  readonly library?: string;
  /** Of others with Go code that the process has mapped, which may have functions of these names, too. */
  readonly otherLibraries?: readonly string[];
  /** Asked once attached: the probes were planned for the program that was read, and for no other. */
  readonly isStill: () => Promise<boolean>;
}

/**
 * Of the files with Go code that a process has mapped, the one that holds `functions` (patterns; none: the first): its
 * program, or else a plugin or a library of a program that is not Go's.
 */
export async function openProcessTarget(
  job: Job,
  id: number,
  functions: readonly string[],
  cache: BinaryCache,
  helper: GetHelper,
): Promise<OpenTarget> {
  const found = await findWithHelper(id, helper);
  let program: OpenTarget | undefined;
  let refusal: unknown;
  try {
    program = await openProgramOf(job, found, cache, helper);
    if (await holds(program.handle.binary, functions)) return program;
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== "not-go") throw error;
    refusal = error;
  }
  // Where no library has the functions, either, the program's answer (or the only library's) says so.
  let fallback = program;
  const libraries = await goLibraries(found.pid);
  for (const library of libraries) {
    const target = await openLibraryOf(job, found, library, cache).catch((error: unknown) => {
      if (error instanceof UserError) return undefined;
      throw error;
    });
    if (target !== undefined && (await holds(target.handle.binary, functions))) {
      fallback?.handle.release();
      const others = libraries.map(({ path }) => path).filter((path) => path !== library.path);
      return { ...target, otherLibraries: others };
    }
    if (fallback === undefined) fallback = target;
    else target?.handle.release();
  }
  if (fallback === undefined) throw refusal instanceof UserError ? noGoMapped(refusal) : refusal;
  return fallback;
}

async function openProgramOf(
  job: Job,
  found: FoundProcess,
  cache: BinaryCache,
  helper: GetHelper,
): Promise<OpenTarget> {
  const handle = await cache.acquire(job, await openProcessSource(found, helper));
  const { pid, startTime } = found;
  const { source } = handle;
  const ofHelper = async (): Promise<boolean> => {
    const { client } = await helper();
    const { identity } = await client.readFile({ pid, startTime, offset: 0, length: 1 });
    return identity === source.identity;
  };
  const ofFile = async (): Promise<boolean> => {
    if (await isStill(`/proc/${pid}/exe`, source.identity)) return true;
    // Throws, with a better reason, where the process has ended.
    await findProcess(pid);
    return false;
  };
  return {
    handle,
    attach: { kind: "process", pid, startTime },
    isStill: source instanceof HelperSource ? ofHelper : ofFile,
  };
}

async function openLibraryOf(
  job: Job,
  { pid, startTime }: { pid: number; startTime: string },
  library: GoLibrary,
  cache: BinaryCache,
): Promise<OpenTarget> {
  const handle = await cache.acquire(job, await library.open());
  const { source } = handle;
  return {
    handle,
    // The file that was read, whatever stands at the path by now.
    attach: { kind: "process", pid, startTime, file: `/proc/${process.pid}/fd/${source.descriptor}`, library: true },
    library: library.path,
    isStill: () => hasMapped(pid, { path: library.path, inode: source.inode }),
  };
}

async function holds(binary: GoBinary, functions: readonly string[]): Promise<boolean> {
  try {
    await resolvePatterns(binary, functions);
    return true;
  } catch (error) {
    // Any other refusal is about functions that it has.
    if (error instanceof UserError) return error.code !== "no-such-function";
    throw error;
  }
}

export async function openFileTarget(job: Job, file: string, cache: BinaryCache): Promise<OpenTarget> {
  const handle = await cache.acquire(job, await openFileSource(file));
  const path = await realpath(encodePath(file), { encoding: "buffer" }).then(decodePath, () => file);
  return {
    handle,
    // The file that was read, with this user's rights, whatever stands at the path by now.
    attach: { kind: "file", file: `/proc/${process.pid}/fd/${handle.source.descriptor}` },
    path,
    isStill: () => isStill(path, handle.source.identity),
  };
}

export interface FoundProcess {
  readonly pid: number;
  readonly uid: number;
  readonly startTime: string;
  readonly name: string;
  /** /proc keeps it from this user; the helper sees it. */
  readonly hidden?: true;
}

/** As `findProcess`, of processes that /proc hides from this user, too. */
export async function findWithHelper(id: number, helper: GetHelper): Promise<FoundProcess> {
  try {
    return await findProcess(id);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== "no-such-process" || !(await hidesProcesses())) throw error;
    const { pid, uid, startTime, name } = await (await helper()).client.describeProcess({ pid: id });
    return { pid, uid, startTime, name, hidden: true };
  }
}

export async function openProcessSource(found: FoundProcess, helper: GetHelper): Promise<ProgramSource> {
  const { pid, name } = found;
  const shown = (await programName(pid)) ?? `/proc/${pid}/exe (${name})`;
  try {
    return await openLocalSource(`/proc/${pid}/exe`, shown, readingProgramOf(pid, name));
  } catch (error) {
    if (!(error instanceof UserError) || (error.code !== "denied" && found.hidden !== true)) throw error;
    return (await openThroughHelper(await helper(), pid)).source;
  }
}

export async function openFileSource(file: string): Promise<ProgramSource> {
  return await openLocalSource(file, file);
}

export async function openThroughHelper(
  link: HelperLink,
  pid: number,
): Promise<{ source: ProgramSource; exe: string; uid: number; startTime: string }> {
  const { startTime, exe, uid } = await link.client.describeProcess({ pid });
  const source = await HelperSource.open(plainPath(exe), (offset, length) =>
    link.client.readFile({ pid, startTime, offset, length }),
  );
  return { source, exe, uid, startTime };
}

/** How often a traced file is looked at: `go build` puts a new one in its place, which is not traced. */
const FILE_CHECK_MS = 1000;

/** Tells once when the file is no longer the one that is traced. */
export function tellReplacement(job: Job, path: string, identity: string): NodeJS.Timeout {
  const timer = setInterval(() => {
    void isStill(path, identity).then((same) => {
      if (same) return;
      clearInterval(timer);
      job.notice(
        `${shown(path)} was replaced or removed: processes that run the new file are not traced, start the trace again for them`,
      );
    });
  }, FILE_CHECK_MS);
  return timer.unref();
}
