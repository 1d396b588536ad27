/** Raises the limits that probing needs, then gives up every capability that it does not: for a helper without launcher. */
import { permittedCapabilities, setCapabilities, setLimit, setNoNewPrivileges } from "./foreign/process.ts";

/** include/uapi/linux/capability.h */
const CAP = { DAC_READ_SEARCH: 2n, SYS_PTRACE: 19n, SYS_ADMIN: 21n, PERFMON: 38n, BPF: 39n } as const;
const UNLIMITED = 0xffffffffffffffffn;
/** One descriptor per probe where the kernel takes them one by one, and some. */
const OPEN_FILES = 16384n;

/** Best effort: a limit that stays low shows when something needs it, with an error of its own. */
export function raiseLimits(): void {
  for (const [resource, value] of [
    // Before Linux 5.11 BPF maps count as locked memory.
    ["memlock", UNLIMITED],
    ["nofile", OPEN_FILES],
  ] as const) {
    try {
      setLimit(resource, value);
    } catch {
      // Not root, or a container's hard limit.
    }
  }
}

/**
 * Keeps what launcher.c keeps, which lists what each is for. The launcher has done this before there was a second
 * thread; a helper that was started without it gives up what it can: this thread, which handles requests, and those
 * that Node starts for file access later.
 */
export function dropPrivileges(uprobeMulti: boolean): void {
  let keep = 0n;
  for (const bit of [CAP.BPF, CAP.PERFMON, CAP.SYS_PTRACE, CAP.DAC_READ_SEARCH]) keep |= 1n << bit;
  if (!uprobeMulti) keep |= 1n << CAP.SYS_ADMIN;
  setCapabilities(permittedCapabilities() & keep);
  setNoNewPrivileges();
}
