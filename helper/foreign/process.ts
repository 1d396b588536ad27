/** What a process may do, and the open files of others. */
import { lastError, libc, systemCall } from "./native.ts";

/** arch/x86/entry/syscalls/syscall_64.tbl */
const SYS = { pidfd_open: 434, pidfd_getfd: 438 } as const;
/** include/uapi/linux/prctl.h */
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const CAPABILITY_VERSION_3 = 0x20080522;

/** Permitted capabilities of this thread, as a bit set. */
export function permittedCapabilities(): bigint {
  const data = new Uint32Array(6); // two of {effective, permitted, inheritable}
  if (Number(libc("capget")(new Uint32Array([CAPABILITY_VERSION_3, 0]), data)) < 0) throw lastError("capget");
  return BigInt(data[1] ?? 0) | (BigInt(data[4] ?? 0) << 32n);
}

/** Also the set that a program started from here keeps, whoever its user is (inheritable and ambient). */
export function setCapabilities(set: bigint): void {
  const low = Number(set & 0xffffffffn);
  const high = Number(set >> 32n);
  const data = new Uint32Array([low, low, low, high, high, high]);
  if (Number(libc("capset")(new Uint32Array([CAPABILITY_VERSION_3, 0]), data)) < 0) throw lastError("capset");
  for (let capability = 0; set >> BigInt(capability) !== 0n; capability++)
    if (((set >> BigInt(capability)) & 1n) === 1n)
      libc("prctl")(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

export function setNoNewPrivileges(): void {
  const PR_SET_NO_NEW_PRIVS = 38;
  if (Number(libc("prctl")(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0) throw lastError("prctl");
}

export function setLimit(resource: "memlock" | "nofile", value: bigint): void {
  const number = resource === "memlock" ? 8 : 7; // asm-generic/resource.h
  if (Number(libc("setrlimit")(number, new BigUint64Array([value, value]))) < 0) throw lastError("setrlimit");
}

/** Another descriptor of the open file that is descriptor `fd` of process `pid` (Linux 5.6; asks for ptrace rights). */
export function takeDescriptor(pid: number, fd: number): number {
  const process = systemCall("pidfd_open", SYS.pidfd_open, pid, null, 0);
  try {
    return systemCall("pidfd_getfd", SYS.pidfd_getfd, process, BigInt(fd), 0);
  } finally {
    closeFd(process);
  }
}

export function closeFd(fd: number): void {
  libc("close")(fd);
}
