/** What the helper reads of /proc: identity of processes, their program files and mapped code. */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from "node:fs";
import { throwUsedUp, UserError } from "../src/protocol/errors.ts";
import type {
  DescribeProcessResult,
  ListProcessesResult,
  ReadCodeParams,
  ReadCodeResult,
  ReadFileParams,
  ReadFileResult,
} from "../src/protocol/helperApi.ts";
import { fileFailed, limitExceeded, noSuchProcess, processReplaced } from "./failures.ts";
import { openRegular } from "./programFile.ts";

/** Mappings of one process that are looked at: a Go program has a handful, and a hostile one cannot stall us. */
const MAX_MAPPINGS = 4096;

export interface ProcessStat {
  /** Field 22: clock ticks since boot. */
  readonly startTime: string;
  /**
   * Its main thread has ended (field 3: `Z`, `X`), and there is no other (field 20). Alone, the end of the main thread
   * says nothing: a C program may go on without it, and where another thread execs, it goes first.
   */
  readonly ended: boolean;
}

/** Undefined when there is no such process; throws a UserError where a limit keeps it from being read. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    throwUsedUp(`looking at process ${pid}`, error);
    return undefined;
  }
  // The command name (field 2) may hold anything, closing parentheses and spaces included: fields count from the last.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  return { ended: state === "X" || (state === "Z" && Number(fields[17]) <= 1), startTime: fields[19] ?? "" };
}

/** Its number in its own pid namespace, and that one (its inode): the same from wherever one looks. Where that cannot be read, its number here. */
export function ownPid(pid: number): { readonly pid: number; readonly namespace: bigint } {
  try {
    const [, innermost = pid] = /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return { pid: Number(innermost), namespace: statSync(`/proc/${pid}/ns/pid`, { bigint: true }).ino };
  } catch {
    return { pid, namespace: 0n };
  }
}

/**
 * Tells one exec of a process from the next, also of the same program: the auxiliary vector, with the addresses that
 * the kernel draws anew. It is written once, at the end of the exec (create_elf_tables, fs/binfmt_elf.c), while the
 * start of the stack (/proc/PID/stat) changes twice, with all the time in between that placing thousands of probes
 * takes. Undefined within an exec, and where the process has ended.
 */
export function readExecution(pid: number): string | undefined {
  const ENTRY_BYTES = 16; // Within an exec it holds the terminating entry alone.
  try {
    const vector = readFileSync(`/proc/${pid}/auxv`);
    return vector.length > ENTRY_BYTES ? vector.toString("latin1") : undefined;
  } catch (error) {
    throwUsedUp(`looking at process ${pid}`, error);
    return undefined;
  }
}

/** Throws unless `pid` is still the process that started at `startTime`. */
export function checkProcess(what: string, pid: number, startTime: string): void {
  const stat = readStat(pid);
  if (!stat || stat.ended) throw noSuchProcess(what, pid);
  if (stat.startTime !== startTime) throw processReplaced(what, pid, startTime, stat.startTime);
}

/** `dev:ino` of the program that a process runs; undefined when it has none (any more). */
export function programIdentity(pid: number): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/exe`);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

export function fileIdentity(fd: number): string {
  const { dev, ino } = fstatSync(fd);
  return `${dev}:${ino}`;
}

export function readFile(params: ReadFileParams): ReadFileResult {
  const what = `reading the program file of process ${params.pid}`;
  checkProcess(what, params.pid, params.startTime);
  const fd = openRegular(what, `/proc/${params.pid}/exe`);
  try {
    checkProcess(what, params.pid, params.startTime); // The file that was opened is this process's.
    const { size, dev, ino, mtimeMs } = fstatSync(fd);
    const bytes = readAt(fd, params.offset, params.length);
    return { size, identity: `${dev}:${ino}:${mtimeMs}`, base64: Buffer.from(bytes).toString("base64") };
  } finally {
    closeSync(fd);
  }
}

export function listProcesses(): ListProcessesResult {
  const runsProgram = (pid: number): boolean => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) !== "";
    } catch {
      return false; // A kernel thread, or gone.
    }
  };
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return { pids: pids.filter(runsProgram) };
}

export function describeProcess(id: number): DescribeProcessResult {
  const what = `describing process ${id}`;
  const { pid, uid, name } = readStatus(what, id);
  const stat = readStat(pid);
  if (!stat || stat.ended) throw noSuchProcess(what, pid);
  let exe: string;
  try {
    exe = readlinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT"
      ? new UserError({
          code: "no-program",
          what,
          why: `process ${pid} has no program file (a kernel thread, or just ending)`,
          remedy: "List running targets with: probelens targets",
        })
      : fileFailed(what, `/proc/${pid}/exe`, error);
  }
  const mappings = executableMappings(what, pid).map(({ start, end, fileOffset }) => ({
    start: `0x${start.toString(16)}`,
    end: `0x${end.toString(16)}`,
    fileOffset: `0x${fileOffset.toString(16)}`,
  }));
  checkProcess(what, pid, stat.startTime);
  return { pid, uid, name, startTime: stat.startTime, exe, mappings };
}

/** A thread's id means its process: /proc/TID exists although a listing of /proc does not show it. */
function readStatus(what: string, id: number): { pid: number; uid: number; name: string } {
  let text: string;
  try {
    text = readFileSync(`/proc/${id}/status`, "latin1");
  } catch (error) {
    throwUsedUp(what, error);
    throw noSuchProcess(what, id);
  }
  const field = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";
  return {
    pid: Number(field(/^Tgid:\s*(\d+)/m)),
    uid: Number(field(/^Uid:\s*\d+\s+(\d+)/m)),
    name: field(/^Name:\s*(.*)$/m),
  };
}

export function readCode(params: ReadCodeParams): ReadCodeResult {
  const { pid, startTime, length } = params;
  const what = `reading live code of process ${pid}`;
  checkProcess(what, pid, startTime);
  const from = BigInt(params.fileOffset);
  const mapping = executableMappings(what, pid).find(
    ({ start, end, fileOffset }) => from >= fileOffset && from + BigInt(length) <= fileOffset + (end - start),
  );
  if (!mapping)
    throw new UserError({
      code: "not-code",
      what,
      why: `bytes 0x${from.toString(16)} to 0x${(from + BigInt(length)).toString(16)} of its program file are not mapped as code`,
      remedy: "Only mapped code of the program file is handed out",
    });
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/mem`, constants.O_RDONLY);
  } catch (error) {
    throw fileFailed(what, `/proc/${pid}/mem`, error);
  }
  try {
    // The descriptor keeps the address space that it was opened on: still the checked process, or nothing is returned.
    checkProcess(what, pid, startTime);
    const bytes = readAt(fd, Number(mapping.start + (from - mapping.fileOffset)), length);
    return { hex: Buffer.from(bytes).toString("hex") };
  } catch (error) {
    throw error instanceof UserError ? error : fileFailed(what, `/proc/${pid}/mem`, error);
  } finally {
    closeSync(fd);
  }
}

/** Up to `length` bytes; fewer at the end of the file. */
export function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, bytes, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly fileOffset: bigint;
}

/** Executable mappings of the program file itself, by device and inode (its name may be gone or replaced). */
function executableMappings(what: string, pid: number): Mapping[] {
  let text: string;
  let program: string;
  try {
    text = readFileSync(`/proc/${pid}/maps`, "latin1");
    program = mapsIdentity(`/proc/${pid}/exe`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOENT" || code === "ESRCH"
      ? noSuchProcess(what, pid)
      : fileFailed(what, `/proc/${pid}/maps`, error);
  }
  const found: Mapping[] = [];
  for (const line of text.split("\n")) {
    // start-end perms offset major:minor inode path
    const match = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)/.exec(line);
    if (!match) continue;
    const [, start, end, offset, major, minor, inode] = match as unknown as string[];
    if (`${Number.parseInt(major ?? "", 16)}:${Number.parseInt(minor ?? "", 16)}:${inode}` !== program) continue;
    if (found.length === MAX_MAPPINGS)
      throw limitExceeded(
        what,
        `it maps its program file more than ${MAX_MAPPINGS} times`,
        "Such a process cannot be inspected",
      );
    found.push({ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), fileOffset: BigInt(`0x${offset}`) });
  }
  return found;
}

/** `major:minor:inode` as /proc/PID/maps writes it. On overlayfs and btrfs the device differs, so only the inode counts. */
function mapsIdentity(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  // glibc's gnu_dev_major and gnu_dev_minor.
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return `${major}:${minor}:${ino}`;
}
