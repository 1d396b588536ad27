/** What can go wrong, a stable word for each: programs and the layers above tell errors apart by these, never by prose. */
export const ERROR_CODES = [
  "ambiguous-file",
  "bad-condition",
  "bad-setting",
  "binary-replaced",
  "bytes-differ",
  "cannot-start",
  "damaged-elf",
  "damaged-go-binary",
  "defect",
  "denied",
  "file-unreadable",
  "helper-died",
  "helper-failed",
  "holder-killed",
  "incomplete-package",
  "invalid-request",
  "io-error",
  "kernel-refused",
  "labels-not-known",
  "goroutines-not-known",
  "limit",
  "no-bpf",
  "no-fault-in",
  "no-holder",
  "no-libbpf",
  "no-privileges",
  "no-procfs",
  "no-program",
  "no-source",
  "no-such-file",
  "no-such-function",
  "no-such-process",
  "no-sysfs",
  "not-a-file",
  "not-allowed",
  "not-code",
  "not-elf",
  "not-go",
  "not-traceable",
  "output-failed",
  "password-needed",
  "process-exited",
  "process-replaced",
  "protocol-mismatch",
  "too-large",
  "too-many-functions",
  "truncated",
  "unsupported-elf",
  "usage",
  "used-up",
  "verifier",
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * The one error that users see: what was tried (with which value), why it failed, and what to do.
 * Anything else that reaches the top is a defect of Probelens and is reported as such.
 */
export class UserError extends Error {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
  /** 1: the request failed; 2: it was not a valid request (usage). */
  readonly exitStatus: 1 | 2;
  readonly code: ErrorCode;

  constructor(parts: { code: ErrorCode; what: string; why: string; remedy: string; exitStatus?: 1 | 2 }) {
    super(`${parts.what}: ${parts.why}. ${parts.remedy}`);
    this.name = "UserError";
    this.code = parts.code;
    this.what = parts.what;
    this.why = parts.why;
    this.remedy = parts.remedy;
    this.exitStatus = parts.exitStatus ?? 1;
  }
}

/** Limits of the process or the machine, by error code (errno(3)): [what is used up, what to do]. */
const USED_UP: Readonly<Record<string, readonly [why: string, remedy: string]>> = {
  EMFILE: ["this process may open no more files", "Raise the limit and try again: ulimit -n 1024"],
  ENFILE: ["this machine has no room for more open files", "Raise fs.file-max, or end what keeps many files open"],
  ENOMEM: ["there is no memory for it", "Raise the limit (ulimit -v, ulimit -l, a container's memory), or free some"],
  EAGAIN: [
    "no further process or thread may be started",
    "Raise the limit and try again: ulimit -u, or a container's pids",
  ],
};

/** Undefined where the error is of another kind. */
export function usedUp(what: string, error: unknown): UserError | undefined {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  // Elsewhere it means "not now".
  if (code === "EAGAIN" && !String(syscall).startsWith("spawn")) return undefined;
  if (typeof code !== "string") return undefined;
  const [why, remedy] = USED_UP[code] ?? [];
  if (why === undefined || remedy === undefined) return undefined;
  return new UserError({ code: "used-up", what, why: `${why} (${code})`, remedy });
}

/** For readers to whom other errors mean "there is none": what a limit keeps from being read may well be there. */
export function throwUsedUp(what: string, error: unknown): void {
  const limit = error instanceof UserError && error.code === "used-up" ? error : usedUp(what, error);
  if (limit !== undefined) throw limit;
}
