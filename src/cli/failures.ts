/** Every way in which the command line refuses: what was tried, why not, what to do. */
import { UserError } from "../protocol/errors.ts";
import { shown } from "../protocol/shown.ts";

/** `command`: the empty name is the program's own. */
export function usage(command: { readonly name: string }, what: string, why: string): UserError {
  return new UserError({
    code: "usage",
    what: [command.name, shown(what)].filter((part) => part !== "").join(": ") || "usage",
    why,
    remedy: `\`probelens ${command.name === "" ? "" : `${command.name} `}--help\` shows how it is used`,
    exitStatus: 2,
  });
}

/** Of what is loaded when it is first needed; undefined where the error is of another kind. */
export function partMissing(error: unknown): UserError | undefined {
  if ((error as { code?: unknown } | null)?.code !== "ERR_MODULE_NOT_FOUND") return undefined;
  return new UserError({
    code: "incomplete-package",
    what: "cannot go on",
    why: "a part of the package is missing",
    remedy: "Reinstall Probelens, or build it: npm run build",
  });
}

/** Messages speak of the program that a process runs; what the user typed is its number. */
export function withProcess(pid: number, { code, what, why, remedy, exitStatus }: UserError): UserError {
  return new UserError({ code, what: `${what} (--pid ${pid})`, why, remedy, exitStatus });
}

export function isTracedProgram(path: string): UserError {
  return new UserError({
    code: "output-failed",
    what: `cannot write the output file ${shown(path)}`,
    why: "it is the program that is to be traced",
    remedy: "Give another path",
  });
}

export function outputNotOpened(path: string, error: NodeJS.ErrnoException): UserError {
  return new UserError({
    code: "output-failed",
    what: `cannot write the output file ${shown(path)}`,
    why: notWritten(error),
    remedy: REMEDIES[error.code ?? ""] ?? "Give a path in a directory that this user may write to",
  });
}

const EXISTING_DIRECTORY = "Give the path of a file in a directory that exists";
const MAKE_ROOM = "Make room there, or write elsewhere";
/** By error code; most often it is the right to write. */
const REMEDIES: Readonly<Record<string, string>> = {
  EISDIR: EXISTING_DIRECTORY,
  ENOENT: EXISTING_DIRECTORY,
  ENOTDIR: EXISTING_DIRECTORY,
  ENXIO: "Start what reads it first, or give the path of a file",
  ENAMETOOLONG: "Give a shorter one",
  ENOSPC: MAKE_ROOM,
  EDQUOT: MAKE_ROOM,
};

/** `name`: a path, or `stdout`. */
export function outputFailed(name: string, error: NodeJS.ErrnoException): UserError {
  return new UserError({
    code: "output-failed",
    what: `cannot write to ${shown(name)}`,
    why: notWritten(error),
    remedy: error.code === "ENOSPC" || error.code === "EDQUOT" ? MAKE_ROOM : "Write elsewhere",
  });
}

function notWritten(error: NodeJS.ErrnoException): string {
  const reasons: Record<string, string> = {
    ENOENT: "its directory does not exist",
    ENXIO: "it is a socket, a pipe that nobody reads, or a device that is not there",
    ENOTDIR: "a part of its path is not a directory",
    EISDIR: "it is a directory",
    EACCES: "this user may not write there",
    EPERM: "this user may not write there",
    EROFS: "the file system is read-only",
    ENOSPC: "no space is left on the device",
    EDQUOT: "the disk quota is used up",
    ENAMETOOLONG: "its name is too long",
    EFBIG: "it would grow larger than allowed",
  };
  return reasons[error.code ?? ""] ?? `the system says ${error.code ?? error.message}`;
}

export function endedEarly(why: string): UserError {
  return new UserError({
    code: "helper-died",
    what: "the trace ended early",
    why,
    remedy: "Every probe is gone with it; start the trace again",
  });
}
