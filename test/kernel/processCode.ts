/** A process's code, whole, beside the file's. */
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";

/** What the process has mapped of its program's code. */
export function liveText(pid: number): Buffer {
  // A program that was built anew meanwhile is "(deleted)" in both.
  const program = readlinkSync(`/proc/${pid}/exe`);
  const line = readFileSync(`/proc/${pid}/maps`, "latin1")
    .split("\n")
    .find((mapping) => / r-xp /.test(mapping) && mapping.endsWith(program));
  assert.ok(line !== undefined, `${pid} has no code of ${program}`);
  const [start = 0, end = 0] = line
    .split(" ")[0]!
    .split("-")
    .map((word) => Number.parseInt(word, 16));
  const bytes = Buffer.alloc(end - start);
  const fd = openSync(`/proc/${pid}/mem`, "r");
  try {
    assert.equal(readSync(fd, bytes, 0, bytes.length, start), bytes.length);
  } finally {
    closeSync(fd);
  }
  return bytes;
}

/** Whether the process's code is the file's, byte for byte; the rest of the last page is not the code's. */
export function isUntouched(pid: number): boolean {
  const file = readFileSync(`/proc/${pid}/exe`);
  const start = Number(file.readBigUInt64LE(32));
  for (let index = 0; index < file.readUInt16LE(56); index++) {
    const header = start + index * file.readUInt16LE(54);
    // ELF64: a PT_LOAD segment that is executable.
    if (file.readUInt32LE(header) !== 1 || (file.readUInt32LE(header + 4) & 1) === 0) continue;
    const offset = Number(file.readBigUInt64LE(header + 8));
    const size = Number(file.readBigUInt64LE(header + 32));
    return liveText(pid)
      .subarray(0, size)
      .equals(file.subarray(offset, offset + size));
  }
  throw new Error(`${pid} has no code`);
}

/** Children of the helper that hold BPF links. */
export function linkHolders(helper: number): number[] {
  return childrenOf(helper).filter((pid) => openFiles(pid).some((name) => name.includes("bpf")));
}

/** Of all processes; some end while they are looked at. */
export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
      } catch {
        return false;
      }
    });
}

/** What a process's descriptors lead to. */
export function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** A small generator (Numerical Recipes' constants), so that a run can be repeated. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
