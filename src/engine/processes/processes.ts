/** Running Go processes, from /proc. */
import { statSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { throwUsedUp } from "../../protocol/errors.ts";
import { checkProcfs } from "../../protocol/procfs.ts";
import type { ProcessInfo } from "../api.ts";
import { identityOf, openLocalSource, type ProgramSource } from "../programs/programFiles.ts";
import { goLibraries, hasMapped } from "./goLibraries.ts";
import { type GoIdentity, identifyGo } from "./identify.ts";
import { isDenied, processStat, processStatus, programFile, startedAt } from "./procfs.ts";
import { userName } from "./users.ts";

/** Processes looked at together: enough to overlap the waiting, few enough open files. */
const PARALLEL = 16;
/** Program files whose answer is remembered; machines run some hundred different ones. */
const MAX_KNOWN_FILES = 4096;

/** The program of another user's process. */
const DENIED = Symbol("denied");

interface Opened {
  readonly source: ProgramSource;
  readonly exe: string;
  readonly uid: number;
  readonly startTime: string;
}
type OpenDenied = (pid: number) => Promise<Opened | undefined>;

export interface ProcessList {
  readonly processes: readonly ProcessInfo[];
  /** Processes whose program this user may not read. */
  readonly denied: readonly number[];
}

export class ProcessScanner {
  private readonly known = new Map<string, Promise<GoIdentity | undefined>>();

  /**
   * `openDenied`: how to read the program of another user's process, where there is a way. `hidden`: pids of processes
   * that /proc does not list for this user.
   */
  async scan(openDenied?: OpenDenied, hidden: readonly number[] = []): Promise<ProcessList> {
    checkProcfs("cannot list processes");
    const listed = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
    const seen = new Set(listed);
    const pids = [...new Set([...listed, ...hidden])];
    const processes: ProcessInfo[] = [];
    const denied: number[] = [];
    for (let at = 0; at < pids.length; at += PARALLEL) {
      const part = pids.slice(at, at + PARALLEL);
      const found = await Promise.all(
        part.map((pid) =>
          this.look(pid, openDenied, !seen.has(pid)).catch((error: unknown) => {
            throwUsedUp("cannot list processes", error);
            return undefined;
          }),
        ),
      );
      part.forEach((pid, index) => {
        const one = found[index];
        if (one === "denied") denied.push(pid);
        else if (one !== undefined) processes.push(one);
      });
    }
    processes.sort((a, b) => a.pid - b.pid);
    return { processes, denied };
  }

  private async look(
    pid: number,
    openDenied: OpenDenied | undefined,
    hidden: boolean,
  ): Promise<ProcessInfo | "denied" | undefined> {
    // Most processes run a program that is known not to be Go's: this question, and one for what is mapped.
    const file = hidden ? DENIED : programIdentity(pid);
    if (file === undefined) return undefined;
    let opened: Opened | undefined;
    let exe: string | undefined;
    let identity: GoIdentity | undefined;
    if (file === DENIED) {
      if (!hidden && (await processStat(pid))?.kernelThread !== false) return undefined;
      opened = await openDenied?.(pid);
      if (opened === undefined) return hidden ? undefined : "denied";
      exe = opened.exe;
      const { source } = opened;
      identity = await this.identify(source.identity, async () => source);
    } else {
      identity = await this.identify(file, () => openLocalSource(`/proc/${pid}/exe`, `/proc/${pid}/exe`));
      const program = identity === undefined ? undefined : await programFile(pid);
      if (typeof program === "object") exe = program.path;
    }
    if (identity === undefined && file !== DENIED) {
      // A program that is not Go's may have loaded a library that is.
      const [library] = await goLibraries(pid);
      identity = library?.identity;
      exe = library?.path;
    }
    if (identity === undefined || exe === undefined) return undefined;
    const uid = opened?.uid ?? (await processStatus(pid))?.uid;
    const startTime = opened?.startTime ?? (await processStat(pid))?.startTime;
    if (startTime === undefined || uid === undefined) return undefined;
    const user = await userName(uid);
    const started = await startedAt(startTime);
    return { pid, uid, user, binary: plainPath(exe), ...identity, started };
  }

  private identify(key: string, open: () => Promise<ProgramSource>): Promise<GoIdentity | undefined> {
    let known = this.known.get(key);
    if (known === undefined) {
      known = open().then(async (source) => {
        try {
          return await identifyGo(source);
        } finally {
          await source.close();
        }
      });
      if (this.known.size >= MAX_KNOWN_FILES) this.known.clear();
      this.known.set(key, known);
      known.catch(() => this.known.delete(key));
    }
    return known;
  }
}

/** Pids that run the file with this device and inode, or have mapped it as a library, as far as this user may see. */
export async function processesRunning(path: string, device: bigint, inode: bigint): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const file = await stat(`/proc/${name}/exe`, { bigint: true });
      const runs = file.dev === device && file.ino === inode;
      if (runs || (await hasMapped(Number(name), { path, inode: Number(inode) }))) pids.push(Number(name));
    } catch (error) {
      throwUsedUp("cannot list processes", error);
      // Gone, a kernel thread, or another user's.
    }
  }
  return pids;
}

/** The kernel appends ` (deleted)` to the path of a removed or replaced file (d_path). */
export function plainPath(exe: string): string {
  return exe.replace(/ \(deleted\)$/, "");
}

/**
 * Of the file that a process runs; undefined where there is none (any more): a kernel thread, a process that is gone.
 * Asked of every process: the question takes microseconds, and handing it to another thread ten times that.
 */
function programIdentity(pid: number): string | typeof DENIED | undefined {
  try {
    return identityOf(statSync(`/proc/${pid}/exe`, { bigint: true }));
  } catch (error) {
    return isDenied(error) ? DENIED : undefined;
  }
}

/** Readlink of /proc/PID/exe in readable form, for messages. */
export async function programName(pid: number): Promise<string | undefined> {
  const program = await programFile(pid);
  return typeof program === "object" ? plainPath(program.path) : undefined;
}
