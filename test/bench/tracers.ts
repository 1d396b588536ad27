/** The tools that are compared, each put on a function of a running process and taken off again. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { unbounded } from "../unbounded.ts";
import type { Target } from "./target.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

export interface Tracer {
  readonly name: string;
  /** Resolves once probes are in place. */
  attach(target: Target): Promise<Attached>;
}
export interface Attached {
  /** What reads the events rests until the function returned is called. */
  pauseReader?(): () => void;
  /** Detaches and says what the tool counted, and what it cost in its own process. */
  detach(): Promise<{ calls: number; dropped: number; cpuSeconds?: number }>;
}

export const untraced: Tracer = {
  name: "not traced",
  attach: () => Promise.resolve({ detach: () => Promise.resolve({ calls: 0, dropped: 0 }) }),
};

export function probelens(name: string, options: readonly string[], func = "main.nine"): Tracer {
  return {
    name,
    async attach(target) {
      const output = join(dirname(target.binary), "events.jsonl");
      const args = ["trace", func, "--pid", String(target.pid), "--format", "jsonl", "--output", output];
      const child = spawn(process.execPath, unbounded([CLI, ...args, ...options]), {
        stdio: ["ignore", "ignore", "pipe"],
      });
      await textUntil(child, child.stderr, /attached/i);
      const helper = helperOf(child.pid ?? 0);
      return {
        pauseReader() {
          const reader = [helper, child.pid].filter((pid) => pid !== undefined);
          for (const pid of reader) process.kill(pid, "SIGSTOP");
          return () => {
            for (const pid of reader) process.kill(pid, "SIGCONT");
          };
        },
        async detach() {
          const cpuSeconds = helper === undefined ? Number.NaN : cpuSecondsOf(helper);
          child.kill("SIGINT");
          await once(child, "close");
          const stats = JSON.parse(readFileSync(output, "utf8").trimEnd().split("\n").at(-1) ?? "{}");
          return { calls: stats.hits, dropped: stats.dropped, cpuSeconds };
        },
      };
    },
  };
}

/** The trap alone (floor.c, built at `program`), at offsets in the file. */
export function floorAt(name: string, program: string, offsets: readonly string[]): Tracer {
  return {
    name,
    async attach(target) {
      const child = spawn(program, [String(target.pid), target.binary, ...offsets], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      await textUntil(child, child.stdout, /attached/);
      return {
        async detach() {
          child.stdin.end();
          await once(child, "close");
          return { calls: Number.NaN, dropped: 0 };
        },
      };
    },
  };
}

export function bpftrace(name: string, action: string, func = "main.nine"): Tracer {
  return {
    name,
    async attach(target) {
      const script = `BEGIN { printf("ready\\n"); } uprobe:${target.binary}:"${func}" /pid == ${target.pid}/ { ${action} }`;
      const child = spawn("bpftrace", ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
      await textUntil(child, child.stdout, /ready/);
      const rest = countLines(child);
      return {
        async detach() {
          child.kill("SIGINT");
          await once(child, "close");
          return rest();
        },
      };
    },
  };
}

export function hasBpftrace(): boolean {
  return spawnSync("bpftrace", ["--version"]).status === 0;
}

/** Pid of the helper: the child of the CLI (or of sudo) that runs helper.js. */
export function helperOf(cli: number): number | undefined {
  const children = readFileSync(`/proc/${cli}/task/${cli}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number);
  for (const child of children) {
    if (readFileSync(`/proc/${child}/cmdline`, "utf8").includes("helper.js")) return child;
  }
  return undefined;
}

/** User and system time of a process, seconds (proc(5): fields 14 and 15, in 1/100 s). */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export async function textUntil(child: ChildProcess, stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let text = "";
  return await new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!pattern.test(text)) return;
      stream.off("data", onData);
      child.off("exit", onExit);
      resolve(text);
    };
    const onExit = (): void => reject(new Error(`${child.spawnargs.join(" ")} ended before it was attached: ${text}`));
    stream.on("data", onData);
    child.once("exit", onExit);
  });
}

/** bpftrace prints a line a call, or the count (`@: N`) at its end. */
function countLines(child: ChildProcess): () => { calls: number; dropped: number } {
  let lines = 0;
  let tail = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) lines += 1;
    tail = (tail + chunk.toString()).slice(-200);
  });
  return () => {
    const count = /@: (\d+)/.exec(tail);
    return { calls: count === null ? lines - 1 : Number(count[1]), dropped: 0 };
  };
}
