/**
 * Imported by every process that must be gone when it says so. Node ends a process by waiting for V8's compiler threads,
 * and one of them may be waiting for a garbage collection by the main thread: neither ever goes on, and the process stays
 * (https://github.com/nodejs/node/issues/54918). So the
 * kernel is asked to end the process before Node waits.
 */
import { isMainThread } from "node:worker_threads";
import { koffi } from "./lazyKoffi.cjs";

// Node emits "exit" before it prints an error that nobody caught; then the text is worth more.
let crashed = false;
process.on("uncaughtExceptionMonitor", () => {
  crashed ||= process.listenerCount("uncaughtException") === 0;
});

if (isMainThread) {
  process.on("exit", (status) => {
    if (crashed) return;
    try {
      koffi().load(null).func("void _exit(int)")(status);
    } catch {
      // Part of the package is gone: Node's way, which almost always ends, too.
    }
  });
}
