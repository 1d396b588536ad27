/**
 * Facts from /proc. A process may vanish between any two reads, so every function answers `undefined` then instead of
 * throwing; proc(5) is the source of the formats.
 */
import { open, readFile, readlink } from "node:fs/promises";
import { throwUsedUp } from "../../protocol/errors.ts";
import { decodePath } from "../../protocol/path.ts";
import { checkProcfs } from "../../protocol/procfs.ts";
import { isKernelThread, noSuchProcess, processExited } from "../failures.ts";

/** PID_MAX_LIMIT of 64-bit kernels (include/linux/threads.h): 4 × 1024 × 1024. */
export const PID_MAX = 4_194_304;
/** USER_HZ, the unit of start times in /proc: 100 on every architecture that Go supports on Linux. */
const CLOCK_TICKS_PER_SECOND = 100;

export interface ProcessStat {
  /** Field 22, in clock ticks since boot, as text: what the helper compares. */
  readonly startTime: string;
  readonly parent: number;
  readonly state: string;
  /** PF_KTHREAD of field 9. */
  readonly kernelThread: boolean;
}

const PF_KTHREAD = 0x00200000;

export async function processStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readProc(pid, "stat");
  if (text === undefined) return undefined;
  // The command name (field 2) may hold spaces and parentheses; fields count from after its last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const startTime = fields[19];
  if (startTime === undefined || !/^\d+$/.test(startTime)) return undefined;
  return {
    startTime,
    parent: Number(fields[1]),
    state: fields[0] ?? "?",
    kernelThread: (Number(fields[6]) & PF_KTHREAD) !== 0,
  };
}

export interface ProcessStatus {
  /** Thread group id: the process of a thread. */
  readonly tgid: number;
  /** Effective uid: whom the process acts as. */
  readonly uid: number;
  readonly name: string;
}

export async function processStatus(pid: number): Promise<ProcessStatus | undefined> {
  const text = await readProc(pid, "status");
  if (text === undefined) return undefined;
  const tgid = /^Tgid:\s*(\d+)/m.exec(text)?.[1];
  const uid = /^Uid:\s*\d+\s+(\d+)/m.exec(text)?.[1];
  if (tgid === undefined || uid === undefined) return undefined;
  return { tgid: Number(tgid), uid: Number(uid), name: /^Name:\s*(.*)$/m.exec(text)?.[1] ?? "" };
}

/**
 * The process that a process or thread id names. A thread id means its process: /proc/TID exists although a listing of
 * /proc does not show it.
 */
export async function findProcess(id: number): Promise<{ pid: number; uid: number; startTime: string; name: string }> {
  checkProcfs(`cannot look at process ${id}`);
  const status = await processStatus(id);
  const stat = status === undefined ? undefined : await processStat(status.tgid);
  if (status === undefined || stat === undefined) throw noSuchProcess(id);
  if (stat.kernelThread) throw isKernelThread(id, status.name);
  if (stat.state === "Z" || stat.state === "X") throw processExited(id, status.name);
  return { pid: status.tgid, uid: status.uid, startTime: stat.startTime, name: status.name };
}

/**
 * Whether /proc keeps the processes of other users from this one (option hidepid, proc(5)): then "there is none" may be
 * false, and nothing tells a process that is hidden from one that is not there.
 */
export async function hidesProcesses(): Promise<boolean> {
  if (process.getuid?.() === 0) return false;
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  // ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE SUPEROPTIONS; the last one at a place counts.
  const options = mounts.split("\n").findLast((line) => line.split(" ")[4] === "/proc") ?? "";
  return /[ ,]hidepid=(?!0|off)/.test(options);
}

/** Target of /proc/PID/exe; a denied read is told apart from a vanished process or a kernel thread. */
export async function programFile(pid: number): Promise<{ readonly path: string } | "denied" | undefined> {
  try {
    return { path: decodePath(await readlink(`/proc/${pid}/exe`, { encoding: "buffer" })) };
  } catch (error) {
    return isDenied(error) ? "denied" : undefined;
  }
}

/** Wall-clock time at which a process started: RFC 3339, seconds, UTC. */
export async function startedAt(startTime: string): Promise<string> {
  const seconds = (await bootTimeSeconds()) + Math.floor(Number(startTime) / CLOCK_TICKS_PER_SECOND);
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Bytes of a process's memory; `undefined` where this user may not read them or they are not mapped. */
export async function readMemory(pid: number, address: number, length: number): Promise<Uint8Array | undefined> {
  try {
    const file = await open(`/proc/${pid}/mem`, "r");
    try {
      const buffer = new Uint8Array(length);
      const { bytesRead } = await file.read(buffer, 0, length, address);
      return bytesRead === length ? buffer : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

export function isDenied(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "EACCES" || code === "EPERM";
}

/** Read once: the file has a line for each processor, and a time for whole seconds drifts with the clock's setting. */
let bootTime: Promise<number> | undefined;

function bootTimeSeconds(): Promise<number> {
  bootTime ??= readFile("/proc/stat", "utf8").then((text) => Number(/^btime (\d+)/m.exec(text)?.[1] ?? 0));
  return bootTime;
}

async function readProc(pid: number, file: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    throwUsedUp(`cannot look at process ${pid}`, error);
    return undefined;
  }
}
