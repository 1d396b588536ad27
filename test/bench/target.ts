/** The benchmarks' target: test/programs/loop, which makes as many calls as it is told and says what one took. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../programs/loop", import.meta.url));

export interface LoopTarget {
  readonly binary: string;
  readonly pid: number;
  /** Makes `count` calls of main.nine; nanoseconds per call. */
  run(count: number): Promise<number>;
  stop(): Promise<void>;
}

export function buildLoop(): string {
  const binary = join(mkdtempSync(join(tmpdir(), "probelens-bench-")), "loop");
  execFileSync("go", ["build", "-o", binary, "."], { cwd: SOURCE, stdio: "inherit" });
  return binary;
}

export async function startLoop(binary: string): Promise<LoopTarget> {
  const child = spawn(binary, { stdio: ["pipe", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    binary,
    pid: child.pid ?? 0,
    async run(count) {
      child.stdin.write(`${count}\n`);
      return Number((await lines.next()).value);
    },
    async stop() {
      const exited = once(child, "exit");
      child.stdin.end();
      await exited;
    },
  };
}
