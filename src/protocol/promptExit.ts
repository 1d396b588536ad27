/**
 * Imported by every process that must be gone when it says so. Node ends a process by waiting for V8's compiler threads,
 * and one of them may be waiting for a garbage collection by the main thread: neither ever goes on, and the process stays
 * (https://github.com/nodejs/node/issues/54918). So the kernel is asked to end the process before Node waits, and what
 * Node would have put right behind that (`ResetStdio`, src/node.cc) is put right here. Profiles that Node writes last
 * (`--cpu-prof`) are not written.
 */
import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { koffi } from "./lazyKoffi.cjs";

/** fcntl(2), Linux on x86-64 and arm64. */
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

// Node emits "exit" before it prints an error that nobody caught; then the text is worth more.
let crashed = false;
process.on("uncaughtExceptionMonitor", () => {
  crashed ||= process.listenerCount("uncaughtException") === 0;
});

if (isMainThread) {
  // Before anybody uses them; importing "node:process" does, too.
  const blocking = [0, 1, 2].filter(blocks);
  process.on("exit", (status) => {
    if (crashed) return;
    try {
      const libc = koffi().load(null);
      const fcntl = libc.func("int fcntl(int, int, int)");
      // libuv has made pipes not block, which the shell's next command has for its own, too, and does not expect.
      for (const fd of blocking) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) & ~O_NONBLOCK);
      libc.func("void _exit(int)")(status);
    } catch {
      // Part of the package is gone: Node's way, which almost always ends, too.
    }
  });
}

/** Whether it is open and a read or write of it waits. */
function blocks(fd: number): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? [];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_NONBLOCK) === 0;
  } catch {
    return false;
  }
}
