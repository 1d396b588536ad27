/** What this kernel offers, found by trying and not by version. */
import { readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { kernelFieldOffset } from "./foreign/btf.ts";
import { SystemCallError } from "./foreign/native.ts";
import { closeFd } from "./foreign/process.ts";
import { loadCopyingProgram, loadTrivialMultiProgram, tryMultiLink } from "./foreign/testPrograms.ts";

export interface Features {
  /** uprobe_multi links with a process filter that works. */
  readonly uprobeMulti: boolean;
  /** Attach cookies on perf events (Linux 5.15). */
  readonly cookies: boolean;
  /** bpf_loop (Linux 5.17). */
  readonly loops: boolean;
  /** Programs that may wait for memory that is not resident (Linux 6.0). */
  readonly sleepable: boolean;
  /** Type number of the uprobe PMU; undefined without perf-event uprobes. */
  readonly uprobePmu: number | undefined;
  /** The helper's pid namespace, unless it is the initial one: BPF must translate pids. */
  readonly pidNamespace: { readonly device: bigint; readonly inode: bigint } | undefined;
}

/** include/linux/proc_ns.h: PROC_PID_INIT_INO. */
const INITIAL_PID_NAMESPACE = 0xeffffffcn;

export function probeFeatures(): Features {
  const namespace = statSync("/proc/self/ns/pid", { bigint: true });
  return {
    uprobeMulti: hasUprobeMulti(),
    cookies: kernelAtLeast(5, 15),
    loops: kernelAtLeast(5, 17),
    sleepable: hasSleepable(),
    uprobePmu: readPmuType(),
    pidNamespace: namespace.ino === INITIAL_PID_NAMESPACE ? undefined : { device: namespace.dev, inode: namespace.ino },
  };
}

let fsbase: number | undefined | "unknown" = "unknown";

/**
 * task_struct.thread.fsbase by the kernel's BTF: where a thread's TLS base is saved. Undefined without BTF, and where
 * lockdown forbids programs to read kernel memory (bpf_base_func_proto, kernel/bpf/helpers.c): the verifier would
 * refuse them.
 */
export function fsbaseOffset(): number | undefined {
  if (fsbase === "unknown")
    fsbase = isConfidential() ? undefined : kernelFieldOffset("task_struct", ["thread", "fsbase"]);
  return fsbase;
}

/** Where the kernel keeps the numbers of a thread, one for each pid namespace that it is in; by its BTF. */
export interface PidOffsets {
  readonly taskPid: number;
  readonly taskLeader: number;
  readonly pidLevel: number;
  readonly pidNumbers: number;
  readonly pidnsInum: number;
}

let pidOffsetsRead: { readonly offsets: PidOffsets | undefined } | undefined;

/** Undefined where `fsbaseOffset` is. */
export function pidOffsets(): PidOffsets | undefined {
  pidOffsetsRead ??= { offsets: isConfidential() ? undefined : readPidOffsets() };
  return pidOffsetsRead.offsets;
}

function readPidOffsets(): PidOffsets | undefined {
  const taskPid = kernelFieldOffset("task_struct", ["thread_pid"]);
  const taskLeader = kernelFieldOffset("task_struct", ["group_leader"]);
  const pidLevel = kernelFieldOffset("pid", ["level"]);
  const pidNumbers = kernelFieldOffset("pid", ["numbers"]);
  const pidnsInum = kernelFieldOffset("pid_namespace", ["ns", "inum"]);
  if (taskPid === undefined || taskLeader === undefined || pidLevel === undefined) return undefined;
  if (pidNumbers === undefined || pidnsInum === undefined) return undefined;
  return { taskPid, taskLeader, pidLevel, pidNumbers, pidnsInum };
}

function isConfidential(): boolean {
  return readKernelFile("/sys/kernel/security/lockdown").includes("[confidentiality]");
}

/**
 * The kernel's answer to a link on "/" (not a regular file) is EBADF where it knows uprobe_multi. Its first versions
 * (6.6.0 to 6.6.34) filtered one thread instead of the process; since the fix (46ba0e49b642) a negative pid is refused
 * with EINVAL. The same test as libbpf's own (tools/lib/bpf/features.c), and as launcher.c's.
 */
function hasUprobeMulti(): boolean {
  let program: number;
  try {
    program = loadTrivialMultiProgram();
  } catch {
    return false;
  }
  try {
    const attempt = (pid: number): string => {
      try {
        closeFd(tryMultiLink(program, pid));
        return "";
      } catch (error) {
        return error instanceof SystemCallError ? error.code : "";
      }
    };
    return attempt(0) === "EBADF" && attempt(-1) === "EINVAL";
  } finally {
    closeFd(program);
  }
}

/** `sleepable` and bpf_copy_from_user came together for uprobes: 8c7dcb84e3b7, "bpf: implement sleepable uprobes". */
function hasSleepable(): boolean {
  try {
    closeFd(loadCopyingProgram());
    return true;
  } catch {
    return false;
  }
}

function readPmuType(): number | undefined {
  const text = readKernelFile("/sys/bus/event_source/devices/uprobe/type");
  return text === "" ? undefined : Number(text);
}

/** Empty when there is none. */
function readKernelFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function kernelAtLeast(major: number, minor: number): boolean {
  const [a = 0, b = 0] = release().split(".").map(Number);
  return a > major || (a === major && b >= minor);
}
