/**
 * Which files the helper opens: regular ones, and of those only what runs in a process that the peer may trace, or what
 * the peer has opened itself. The helper is privileged, so whatever it opens by a name that somebody gave it could tell
 * what that person may not know; even opening a device node does something.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { throwUsedUp, type UserError } from "../src/protocol/errors.ts";
import { fileFailed, noSuchProcess, notAFile, notAllowed } from "./failures.ts";
import { SystemCallError } from "./foreign/native.ts";
import { closeFd, takeDescriptor } from "./foreign/process.ts";

/** include/uapi/asm-generic/fcntl.h; node:fs does not name it. */
const O_PATH = 0o10000000;
/** A file that a process has open: how a peer hands over what it may read. */
const OPEN_FILE = /^\/proc\/([1-9]\d{0,6})\/fd\/(\d{1,7})$/;

/**
 * Opens the program file of a request read-only; the caller closes it. A peer who is neither root nor the helper's own
 * user (for whom the kernel decides) has to have it open.
 */
export function openProgram(what: string, path: string, peerUid: number): number {
  const [, pid, fd] = OPEN_FILE.exec(path) ?? [];
  if (pid !== undefined) return openHanded(what, path, Number(pid), Number(fd), peerUid);
  if (peerUid !== process.getuid?.()) throw notAllowed(what, path, "was not handed over open");
  return openRegular(what, path);
}

/** Looks at what stands there before it is opened: nothing happens to a device or a pipe. */
export function openRegular(what: string, path: string): number {
  let place: number | undefined;
  try {
    place = openSync(path, O_PATH);
    if (!fstatSync(place).isFile()) throw notAFile(what, path);
    // The very file that was looked at, whatever stands at the path by now.
    return openSync(`/proc/self/fd/${place}`, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw (error as UserError).name === "UserError" ? error : fileFailed(what, path, error);
  } finally {
    if (place !== undefined) closeSync(place);
  }
}

/**
 * The open file itself, so with the rights with which the process opened it; reading fails where it was not opened for
 * that. The process has to be the peer's through and through: one that runs another user's program (set-user-ID,
 * capabilities) has files open that the peer may not read. It is looked at twice, and the two looks tell an exec.
 */
function openHanded(what: string, path: string, pid: number, fd: number, peerUid: number): number {
  const before = ownProcess(pid, peerUid);
  if (before === undefined) throw notAllowed(what, path, "is of another user's process");
  let file: number;
  try {
    file = takeDescriptor(pid, fd);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.code === "ESRCH") throw noSuchProcess(what, pid);
    if (error.code === "EBADF") throw notAllowed(what, path, "is not open");
    throw error;
  }
  if (ownProcess(pid, peerUid) !== before) {
    closeFd(file);
    throw notAllowed(what, path, "is of a process that has changed meanwhile");
  }
  if (fstatSync(file).isFile()) return file;
  closeFd(file);
  throw notAFile(what, path);
}

/** What stays the same until the next exec; undefined where the process is not wholly this user's. */
function ownProcess(pid: number, uid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const execution = readFileSync(`/proc/${pid}/auxv`, "latin1");
    if (uid === 0) return execution;
    const ids = (name: string): string[] =>
      (new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "").split(/\s+/);
    const [group, ...groups] = ids("Gid");
    const own =
      ids("Uid").every((id) => Number(id) === uid) &&
      groups.every((id) => id === group) &&
      BigInt(`0x${ids("CapPrm")[0]}`) === 0n &&
      // Root's, where the program was started with more rights than its user's (PR_SET_DUMPABLE in prctl(2)).
      statSync(`/proc/${pid}`).uid === uid;
    return own ? execution : undefined;
  } catch (error) {
    throwUsedUp(`looking at process ${pid}`, error);
    return undefined;
  }
}
