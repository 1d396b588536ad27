/** Children of a test: a program, and the command line that traces it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { unbounded } from "../unbounded.ts";
import { LIMIT_MS, until } from "../until.ts";

const CLI = process.env["PROBELENS_CLI"] ?? fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
/** Reading a program of a thousand functions on a loaded machine. */
const ATTACH_LIMIT_MS = 4 * LIMIT_MS;

/** `probelens trace` with these arguments, when its probes are in place; rejects with its message. */
export async function startTrace(args: readonly string[]): Promise<Process> {
  const trace = new Process(process.execPath, unbounded([CLI, "trace", ...args]));
  try {
    await until(
      "the trace to attach",
      () => {
        if (trace.ended) throw new Error(`the trace ended: ${trace.stderr}`);
        return trace.stderr.includes("attached to");
      },
      ATTACH_LIMIT_MS,
    );
  } catch (error) {
    trace.kill("SIGKILL");
    throw error;
  }
  return trace;
}

/** A child whose output is kept. */
export class Process {
  stdout = "";
  stderr = "";
  ended = false;
  readonly #child: ChildProcess;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    // What is written to a process that has ended is missed by nobody.
    this.#child.stdin?.on("error", () => {});
    void once(this.#child, "close").then(() => (this.ended = true));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }
  send(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
  kill(signal: NodeJS.Signals): void {
    if (!this.ended) this.#child.kill(signal);
  }
  async closed(limitMs: number): Promise<void> {
    await until(`${this.#child.spawnargs[0]} to end`, () => this.ended, limitMs);
  }
}
