/** Whether /proc is this process's own: both ends of the stream read it themselves. */
import { readlinkSync } from "node:fs";
import { UserError } from "./errors.ts";

/** Throws where /proc tells nothing of this process's namespace: a number would mean another process there. */
export function checkProcfs(what: string): void {
  let self: string | undefined;
  try {
    self = readlinkSync("/proc/self");
  } catch {
    // There is none.
  }
  if (self === String(process.pid)) return;
  throw new UserError({
    code: "no-procfs",
    what,
    why:
      self === undefined
        ? "/proc is missing here, where the kernel tells of processes"
        : "/proc is that of another PID namespace, where processes have other numbers",
    remedy: "Mount it (mount -t proc none /proc), or run Probelens outside of this container",
  });
}
