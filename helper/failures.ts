/** Every way in which the helper refuses: what was tried, why not, what to do. */
import { UserError, usedUp } from "../src/protocol/errors.ts";
import { SystemCallError } from "./foreign/native.ts";
import { VerifierError } from "./foreign/objects.ts";

export function noLibbpf(tried: string): UserError {
  return new UserError({
    code: "no-libbpf",
    what: "loading libbpf",
    why: tried,
    remedy: "Reinstall Probelens (it brings its own libbpf), or install the package libbpf1 of your distribution",
  });
}

export function damagedPackage(path: string, error: unknown): UserError {
  const what = "loading the probe programs";
  const limit = usedUp(what, error);
  if (limit !== undefined) return limit;
  return new UserError({
    code: "incomplete-package",
    what,
    why: `${path} cannot be used (${error instanceof Error ? error.message : String(error)})`,
    remedy: "Reinstall Probelens, or build it: npm run build",
  });
}

export function noHolder(path: string, error: unknown): UserError {
  const limit = usedUp("keeping the probes in a process of their own", error);
  if (limit !== undefined) return limit;
  const code = (error as NodeJS.ErrnoException).code;
  const installed = code !== "ENOENT" && code !== "EACCES";
  return new UserError({
    code: installed ? "no-holder" : "incomplete-package",
    what: "keeping the probes in a process of their own",
    why: `${path} cannot be started (${code ?? String(error)})`,
    remedy: installed
      ? "Check the limits on processes and open files of the helper's user"
      : "Reinstall Probelens where programs may be run, or build it: npm run build",
  });
}

export function damagedHolder(why: string): UserError {
  return new UserError({
    code: "no-holder",
    what: "keeping the probes in a process of their own",
    why,
    remedy: "Try again; if it stays so, reinstall Probelens",
  });
}

/** No hit could be told to be this process's. */
export function belowPidNamespace(pid: number): UserError {
  return new UserError({
    code: "kernel-refused",
    what: `attaching to process ${pid}`,
    why: "it runs in a pid namespace below this one, and this kernel tells programs nothing of its structures (no BTF, or lockdown)",
    remedy: "Run Probelens in the container of that process, or outside of all of them",
  });
}

/** Nobody reads it: the peer is gone. */
export function attachCalledOff(): UserError {
  return new UserError({
    code: "helper-died",
    what: "placing the probes",
    why: "the helper was told to end before they stood, and has removed what did",
    remedy: "Start the trace again",
  });
}

/** `left`: why what it left could not be removed. */
export function holderKilled(signal: string | null, left: string | undefined): UserError {
  const killed = `the process that holds them was killed${signal === null ? "" : ` (${signal})`} while it placed them`;
  return new UserError({
    code: "holder-killed",
    what: "placing the probes",
    why:
      left === undefined
        ? `${killed}; the helper has removed what it left in the program`
        : `${killed}, and what it left in the program could not be removed (${left})`,
    remedy:
      left === undefined
        ? "Start the trace again"
        : "The program runs on, slower; tracing the same functions once more removes what was left",
  });
}

export function noSysfs(what: string): UserError {
  return new UserError({
    code: "no-sysfs",
    what,
    why: "/sys is missing here, where the kernel tells of its processors",
    remedy: "Mount it (mount -t sysfs none /sys), or run Probelens outside of this container",
  });
}

export function noBpf(what: string, error: SystemCallError): UserError {
  const limit = usedUp(what, error);
  if (limit !== undefined) return limit;
  if (error.code === "ENOSYS" || error.code === "EINVAL")
    return new UserError({
      code: "no-bpf",
      what,
      why: `this kernel lacks what Probelens needs from BPF (${error.call}: ${error.code})`,
      remedy: "Linux 5.10 or later with CONFIG_BPF_SYSCALL, CONFIG_UPROBE_EVENTS and BPF ring buffers is needed",
    });
  if (error.code === "EPERM" || error.code === "EACCES")
    return new UserError({
      code: "no-privileges",
      what,
      why: `the kernel does not allow it (${error.call}: ${error.code})`,
      remedy:
        "Run as root or through sudo; in a container, it needs CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and CAP_SYS_ADMIN, and a seccomp profile that allows bpf() and perf_event_open()",
    });
  return new UserError({
    code: "kernel-refused",
    what,
    why: `${error.call} failed: ${error.code}`,
    remedy: "probelens doctor shows what this machine can do",
  });
}

/** Lines of the verifier's log that go into the message: the reason stands at its end. */
const VERIFIER_LOG_LINES = 12;

export function verifierRefused(error: VerifierError): UserError {
  if (error.log === "") return noBpf("loading the probe programs into the kernel", error);
  const end = error.log.split("\n").slice(-VERIFIER_LOG_LINES).join("\n");
  return new UserError({
    code: "verifier",
    what: "loading the probe programs into the kernel",
    why: `its verifier refuses them (${error.code}):\n${end}`,
    remedy: "This is a defect of Probelens with this kernel version; please report it with these lines",
  });
}

export function cannotFaultIn(kernel: string): UserError {
  return new UserError({
    code: "no-fault-in",
    what: "waiting for memory that is not resident (--fault-in)",
    why: `this kernel (Linux ${kernel}) has no sleepable uprobe programs, and no other may wait`,
    remedy:
      "Linux 6.0 or later has them. Without --fault-in (setting probelens.faultIn) such memory reads as unavailable",
  });
}

export function noSuchProcess(what: string, pid: number): UserError {
  return new UserError({
    code: "no-such-process",
    what,
    why: `process ${pid} does not exist (any more)`,
    remedy: "List running targets with: probelens targets",
  });
}

export function processReplaced(what: string, pid: number, expected: string, actual: string): UserError {
  return new UserError({
    code: "process-replaced",
    what,
    why: `pid ${pid} now belongs to another process (started at tick ${actual}, not ${expected})`,
    remedy: "List running targets with: probelens targets",
  });
}

/** Does not say what stands there: the helper reads files that its peer may not read. */
export function bytesDiffer(file: string, offset: number): UserError {
  return new UserError({
    code: "bytes-differ",
    what: `probing ${file} at offset 0x${offset.toString(16)}`,
    why: "the instruction there is not the expected one",
    remedy: file.startsWith("/proc/")
      ? "The process runs another program by now (exec), or its binary was overwritten; start the trace again"
      : "The binary was replaced after it was read; start the trace again",
  });
}

export function notAFile(what: string, path: string): UserError {
  return new UserError({
    code: "not-a-file",
    what,
    why: `${path} is not a regular file`,
    remedy: "Give the path of an executable file",
  });
}

/** The same whether such a file exists or not: what root sees is not for everybody. */
export function notAllowed(what: string, path: string, why: string): UserError {
  return new UserError({
    code: "not-allowed",
    what,
    why: `the helper opens no file for a user who may not open it himself, and ${path} ${why}`,
    remedy: "Hand over an open file (/proc/PID/fd/N), or trace a process that runs the program (--pid)",
  });
}

const WHERE_ROOT_MAY =
  "Even root may not do this here, because of a security module or a container's limits; run Probelens outside of them";

export function fileFailed(what: string, file: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const why = `${file} cannot be read (${code})`;
  if (code === "ENOENT") return new UserError({ code: "no-such-file", what, why, remedy: "Check the path" });
  if (code === "EACCES" || code === "EPERM") {
    const remedy = process.geteuid?.() === 0 ? WHERE_ROOT_MAY : "Run as root or through sudo";
    return new UserError({ code: "no-privileges", what, why, remedy });
  }
  return new UserError({ code: "file-unreadable", what, why, remedy: "Check that the file exists and can be read" });
}

export function invalidRequest(method: string, why: string): UserError {
  return new UserError({
    code: "invalid-request",
    what: `request "${method}" to the privileged helper`,
    why,
    remedy: "This is a defect of Probelens; please report it",
  });
}

export function limitExceeded(what: string, why: string, remedy: string): UserError {
  return new UserError({ code: "limit", what, why, remedy });
}

/** Anything else: told as it is, so that it can be reported. */
export function asUserError(what: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  if (error instanceof VerifierError) return verifierRefused(error);
  if (error instanceof SystemCallError) return noBpf(what, error);
  const limit = usedUp(what, error);
  if (limit !== undefined) return limit;
  return new UserError({
    code: "helper-failed",
    what,
    why: error instanceof Error ? error.message : String(error),
    remedy: "This is a defect of Probelens; please report it",
  });
}
