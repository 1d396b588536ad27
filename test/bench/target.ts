/** The benchmarks' targets (test/programs/loop and costs), which make as many calls as they are told and say what one took. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAMS = fileURLToPath(new URL("../programs", import.meta.url));

export interface Target {
  readonly binary: string;
  readonly pid: number;
  /** Makes `count` calls, of loop's main.nine or of the function of that name; nanoseconds per call. */
  run(count: number, name?: string): Promise<number>;
  stop(): Promise<void>;
}

export function buildTarget(program: "loop" | "costs"): string {
  const binary = join(mkdtempSync(join(tmpdir(), "probelens-bench-")), program);
  execFileSync("go", ["build", "-o", binary, "."], { cwd: join(PROGRAMS, program), stdio: "inherit" });
  return binary;
}

export async function startTarget(binary: string): Promise<Target> {
  const child = spawn(binary, { stdio: ["pipe", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    binary,
    pid: child.pid ?? 0,
    async run(count, name) {
      child.stdin.write(name === undefined ? `${count}\n` : `${name} ${count}\n`);
      return Number((await lines.next()).value);
    },
    async stop() {
      const exited = once(child, "exit");
      child.stdin.end();
      await exited;
    },
  };
}
