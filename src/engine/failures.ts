/** Every way in which the engine refuses a request: what was tried, why not, what to do. */
import { type ErrorCode, UserError, usedUp } from "../protocol/errors.ts";
import { shown } from "../protocol/shown.ts";
import type { MalformedLine } from "./plan/patterns.ts";

const LIST_TARGETS = "`probelens targets` lists the running Go processes";
const START_AGAIN = "Every probe is gone with it; start the trace again";
const WHAT_CAN_BE_TRACED =
  "Trace a Go function that calls it or that it calls; `probelens list` shows which can be traced";

// Processes and commands.

export function noSuchProcess(id: number): UserError {
  return new UserError({
    code: "no-such-process",
    what: `cannot look at process ${id}`,
    why: "no process or thread has this id",
    remedy: LIST_TARGETS,
  });
}

export function isKernelThread(id: number, name: string): UserError {
  return new UserError({
    code: "not-go",
    what: `cannot look at process ${id} (${name})`,
    why: "it is a kernel thread, which runs no program file",
    remedy: LIST_TARGETS,
  });
}

export function processExited(id: number, name: string): UserError {
  return new UserError({
    code: "process-exited",
    what: `cannot look at process ${id} (${name})`,
    why: "it has exited already and waits for its parent to notice",
    remedy: LIST_TARGETS,
  });
}

/** `why`: of the first file that could not be run. */
export function noSuchCommand(name: string, why: string): UserError {
  return new UserError({
    code: "no-such-file",
    what: `cannot start ${name === "" ? "a command without a name" : shown(name)}`,
    why,
    remedy: "Give the path of a Go program after `--`",
  });
}

export function commandNotStarted(name: string, error: NodeJS.ErrnoException): UserError {
  const missing = error.code === "ENOENT";
  return new UserError({
    code: "cannot-start",
    what: `cannot start ${shown(name)}`,
    why: missing ? "setpriv (of util-linux) is not in PATH" : `the system says ${error.code ?? error.message}`,
    remedy: missing
      ? "Install util-linux, or start the program yourself and use --pid"
      : "Start it yourself and use --pid",
  });
}

/** `what`: of the function that the go command itself does not have. */
export function isGoCommand(what: string, argv: readonly string[]): UserError {
  return new UserError({
    code: "no-such-function",
    what,
    why: `\`${argv.slice(0, 2).join(" ")}\` builds a program and runs it as a child process; what is traced is the go command itself, which has no such function`,
    remedy:
      argv[1] === "test"
        ? "Build the test first and trace that: `go test -c -o app.test`, then `-- ./app.test`"
        : "Build the program first and trace that: `go build -o app`, then `-- ./app`",
  });
}

// Program files.

/** What the caller tried with a file, and what to do when that fails. */
export interface FileUse {
  readonly what: string;
  readonly remedy: string;
}

export function readingProgramOf(pid: number, name: string): FileUse {
  return { what: `cannot read the program of process ${pid} (${name})`, remedy: LIST_TARGETS };
}

export function readingFile(file: string): FileUse {
  return {
    what: `cannot read ${file === "" ? "a file without a name" : shown(file)}`,
    remedy: "Give the path of a Go program that this user may read",
  };
}

export function readingMapped(pid: number, path: string): FileUse {
  return { what: `cannot read ${path}, which process ${pid} has mapped`, remedy: "Restart the process" };
}

export function notOpened(error: NodeJS.ErrnoException, { what, remedy }: FileUse): UserError {
  const [code, why] = whyNotOpened(error);
  return usedUp(what, error) ?? new UserError({ code, what, why, remedy });
}

function whyNotOpened(error: NodeJS.ErrnoException): [ErrorCode, string] {
  const reasons: Record<string, [ErrorCode, string]> = {
    ENOENT: ["no-such-file", "there is no such file"],
    ENOTDIR: ["no-such-file", "a part of its path is not a directory"],
    EACCES: ["denied", "this user may not read it"],
    EPERM: ["denied", "this user may not read it"],
    ELOOP: ["no-such-file", "its path has too many symbolic links"],
    ENAMETOOLONG: ["no-such-file", "its name is too long"],
    ENXIO: ["not-a-file", "it is not a regular file"],
  };
  return reasons[error.code ?? ""] ?? ["io-error", `the system says ${error.code ?? error.message}`];
}

export function notAFile(isDirectory: boolean, use: FileUse): UserError {
  const kind = isDirectory ? "a directory" : "not a regular file";
  return new UserError({ code: "not-a-file", why: `it is ${kind}`, ...use });
}

export function tooLarge(bytes: number, most: number, use: FileUse): UserError {
  const why = `it has ${bytes} bytes, more than any program file (${most})`;
  return new UserError({ code: "too-large", why, ...use });
}

export function tooLongRead(file: string, offset: number, length: number): UserError {
  return truncated(file, offset, length, "no part of a program is that long: the file is damaged");
}

export function endsAt(file: string, offset: number, length: number, end: number): UserError {
  return truncated(file, offset, length, `the file ends at byte ${end}: it is truncated or damaged`);
}

function truncated(file: string, offset: number, length: number, why: string): UserError {
  return new UserError({
    code: "truncated",
    what: `cannot read ${length} bytes at offset ${offset} of ${file}`,
    why,
    remedy: "Build or copy the program again",
  });
}

export function replacedWhileRead(file: string): UserError {
  return new UserError({
    code: "binary-replaced",
    what: `cannot go on reading ${file}`,
    why: "the process now runs another program file",
    remedy: "Start again",
  });
}

export function replacedSinceRead(file: string): UserError {
  return new UserError({
    code: "binary-replaced",
    what: `cannot trace ${file}`,
    why: "another program stands or runs there by now: it was replaced while it was being read",
    remedy: "Start the trace again",
  });
}

/** `refusal`: of the process's program. */
export function noGoMapped({ code, what, why, remedy }: UserError): UserError {
  return new UserError({ code, what, why: `${why}; nor has the process loaded a library that is, so far`, remedy });
}

export function libraryNotReadable(pid: number, library: string): UserError {
  return new UserError({
    code: "denied",
    what: `cannot read the code of ${library} in process ${pid}`,
    why: "this user may not read the process's memory",
    remedy: "Run it as root, or leave out --pid and give the library with --binary",
  });
}

export function noSourceFolder(folder: string, reason: string | NodeJS.ErrnoException): UserError {
  return new UserError({
    code: "no-source",
    what: `cannot read Go source below ${folder === "" ? "a folder without a name" : shown(folder)}`,
    why: typeof reason === "string" ? reason : whyNotOpened(reason)[1],
    remedy: "Give the folder that holds the go.mod of the program's source",
  });
}

// Functions.

/** `others`: how many more functions the pattern names, which cannot be traced, either. */
export function noneTraceable(name: string, pattern: string, others: number, why: string): UserError {
  return new UserError({
    code: "not-traceable",
    what: `cannot trace ${shown(name)}${others === 0 ? "" : ` or anything else that ${shown(pattern)} names`}`,
    why,
    remedy: WHAT_CAN_BE_TRACED,
  });
}

export function notTraceable(name: string, why: string, remedy = WHAT_CAN_BE_TRACED): UserError {
  return new UserError({ code: "not-traceable", what: `cannot trace ${shown(name)}`, why, remedy });
}

/** `near`: names that may be meant. */
export function noSuchFunction(binary: string, pattern: string, near: readonly string[]): UserError {
  const inlined = "it may be inlined everywhere or left out as unused";
  return new UserError({
    code: "no-such-function",
    what: `cannot find ${pattern === "" ? "a function without a name" : shown(pattern)}`,
    why: `${shown(binary)} has no function of this name${pattern.includes("*") || pattern === "" ? "" : `; ${inlined}`}`,
    remedy:
      near.length > 0
        ? `Did you mean ${near.join(" or ")}?`
        : "`probelens list` shows the names; `*` in a name stands for any characters",
  });
}

export function noSuchFile(binary: string, pattern: string, file: string): UserError {
  return new UserError({
    code: "no-such-function",
    what: `cannot find ${shown(pattern)}`,
    why: `no function of ${shown(binary)} is declared in a file ${shown(file)}`,
    remedy: "Give the end of the path as the binary has it; `probelens list` shows the files",
  });
}

export function noSuchLine(pattern: string, { file, rest, why }: MalformedLine): UserError {
  const line = why === "a column" ? rest.slice(0, rest.indexOf(":")) : "12";
  const whys: Record<MalformedLine["why"], string> = {
    "no line": "it names a file and no line of it",
    "a column": "a column stands behind the line",
    "not a line": `${rest === "" ? "nothing" : shown(rest)} is no line of a file: lines are counted from 1`,
  };
  return new UserError({
    code: "no-such-function",
    what: `cannot find ${shown(pattern)}`,
    why: whys[why],
    remedy: `Give FILE:LINE, such as ${shown(`${file}:${line}`)}, or a function's name`,
  });
}

export function ambiguousFile(binary: string, pattern: string, files: readonly string[]): UserError {
  return new UserError({
    code: "ambiguous-file",
    what: `cannot take ${shown(pattern)}`,
    why: `${files.length} files of ${shown(binary)} end in this path: ${files.slice(0, 3).map(shown).join(", ")}${files.length > 3 ? ", …" : ""}`,
    remedy: "Give more of the path",
  });
}

export function noFunctionAtLine(
  pattern: string,
  file: string,
  line: number,
  nearest: { readonly name: string; readonly line: number } | undefined,
): UserError {
  return new UserError({
    code: "no-such-function",
    what: `cannot find ${shown(pattern)}`,
    why: `no function with code that is declared at or above line ${line} of ${shown(file)} reaches it`,
    remedy:
      nearest === undefined
        ? "`probelens list` shows the functions"
        : `The nearest is ${shown(nearest.name)} at line ${nearest.line}`,
  });
}

export function tooManyMatches(binary: string, pattern: string, count: number, most: number): UserError {
  return new UserError({
    code: "too-many-functions",
    what: `cannot take ${shown(pattern)}`,
    why: `it matches ${count} functions of ${shown(binary)}, and ${most} is the most`,
    remedy: "Name a package or type, such as `main.*` or `net/http.(*Server).*`",
  });
}

export function tooManyProbes(functions: number, probes: number, most: number): UserError {
  return new UserError({
    code: "too-many-functions",
    what: `cannot attach to ${functions} functions at once`,
    why: `they need ${probes} probes, and ${most} is the most`,
    remedy: "Name fewer functions, or leave out --returns",
  });
}

export function labelsNotKnown(binary: string, goVersion: string): UserError {
  return new UserError({
    code: "labels-not-known",
    what: `cannot show the labels of goroutines in ${shown(binary)}`,
    why: `it is not known where ${goVersion} keeps them, and the binary has no DWARF that tells it`,
    remedy: "Trace without --labels",
  });
}

export function goroutinesNotKnown(binary: string, goVersion: string | undefined): UserError {
  return new UserError({
    code: "goroutines-not-known",
    what: `cannot trace ${shown(binary)}`,
    why:
      goVersion === undefined
        ? "its Go version is not known, hence not where goroutines have their numbers, by which calls and returns are told apart"
        : `it is not known where ${goVersion} keeps the numbers of goroutines, by which calls and returns are told apart`,
    remedy: "Trace a build that has its debug information, which tells it (neither stripped nor linked with -s or -w)",
  });
}

export function neverReturns(func: string): UserError {
  return new UserError({
    code: "bad-condition",
    what: `--where for ${func}`,
    why: "it needs a result or the duration, and this function has no return that a probe could sit on",
    remedy: "Use parameters only",
    exitStatus: 2,
  });
}

// The privileged helper.

export function privilegesMissing(
  why: string,
  remedy: string,
  code: "no-privileges" | "password-needed" = "no-privileges",
): UserError {
  return new UserError({
    code,
    what: "cannot start the privileged helper (tracing needs root's rights to place probes)",
    why,
    remedy,
  });
}

/** `ended`: how, where it did; `line`: of what it wrote before that. */
export function helperNotStarted(ended: string | undefined, line: string): UserError {
  return new UserError({
    code: "helper-died",
    what: "cannot start the privileged helper",
    why: `it ${ended ?? "does not answer"}${line === "" ? "" : `: ${line}`}`,
    remedy:
      ended?.startsWith("was killed") === true
        ? "Try again; the kernel's log (dmesg) tells whether memory ran out"
        : "Reinstall Probelens if files of it are missing; `probelens doctor` looks at the machine",
  });
}

export function launcherNotRun(path: string, error: NodeJS.ErrnoException): UserError {
  return new UserError({
    code: "incomplete-package",
    what: "cannot start the privileged helper",
    why: `${path} cannot be run (${error.code ?? String(error)})`,
    remedy: "Reinstall Probelens, or build it: npm run build",
  });
}

export function helperDied(message: string): UserError {
  return new UserError({
    code: "helper-died",
    what: "cannot go on tracing",
    why: message === "" ? "the privileged helper ended" : message,
    remedy: START_AGAIN,
  });
}
