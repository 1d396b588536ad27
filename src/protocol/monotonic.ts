/**
 * CLOCK_MONOTONIC as the kernel and its BPF programs have it: in a time namespace (time_namespaces(7); restored containers
 * have one) a process reads another.
 */
import { readFileSync } from "node:fs";

let ahead: bigint | undefined;

/** Nanoseconds. libuv's hrtime is CLOCK_MONOTONIC (uv__hrtime, src/unix/linux.c). */
export function kernelMonotonicNs(): bigint {
  ahead ??= aheadNs(readOffsets());
  return process.hrtime.bigint() - ahead;
}

/** Nanoseconds by which this namespace's clock is ahead, from a /proc/PID/timens_offsets. */
export function aheadNs(offsets: string): bigint {
  const [, seconds = "0", nanoseconds = "0"] = /^monotonic\s+(-?\d+)\s+(\d+)$/m.exec(offsets) ?? [];
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

/** Empty before Linux 5.5, which has no such namespaces. */
function readOffsets(): string {
  try {
    return readFileSync("/proc/self/timens_offsets", "latin1");
  } catch {
    return "";
  }
}
