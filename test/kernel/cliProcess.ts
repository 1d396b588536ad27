/** Runs the command line and its Go targets for tests: the built CLI, real processes, and waiting for conditions. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import type { CallEvent, ReturnEvent, StatsEvent, TraceEvent } from "../../src/engine/api.ts";
import { unbounded } from "../unbounded.ts";
import { LIMIT_MS, until } from "../until.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const CLI = process.env["PROBELENS_CLI"] ?? join(ROOT, "dist/cli.js");

const children = new Set<Child>();
after(async () => {
  for (const child of children) await child.end();
});

/** A child whose output is kept, and which ends with the test file at the latest. */
export class Child {
  readonly process: ChildProcess;
  stdout = "";
  stderr = "";
  private readonly closed: Promise<unknown>;

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.process = spawn(command, unbounded(args), { stdio: ["pipe", "pipe", "pipe"], ...options });
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.process.stdin?.on("error", () => {});
    this.closed = once(this.process, "close");
    children.add(this);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  send(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  /** Sends a command of test/programs/calls and waits for its answer. */
  async command(line: string): Promise<void> {
    const from = this.stdout.length;
    this.send(line);
    await this.says(`done ${line.split(" ")[0]}\n`, from);
  }

  async says(text: string, from = 0): Promise<void> {
    await until(
      `${JSON.stringify(text)} in ${JSON.stringify(this.stdout.slice(from, from + 200))} ${this.stderr}`,
      () => this.stdout.includes(text, from),
    );
  }

  async complains(text: string): Promise<void> {
    await until(`${JSON.stringify(text)} on stderr: ${this.stderr}`, () => this.stderr.includes(text));
  }

  /** Exit status; 128 + N after a signal is not made up: a killed child gives its signal's name. */
  async status(): Promise<number | NodeJS.Signals> {
    await Promise.race([
      this.closed,
      new Promise((_, reject) => {
        setTimeout(
          reject,
          LIMIT_MS,
          new Error(`still running; stdout ${this.stdout.slice(-500)} stderr ${this.stderr}`),
        ).unref();
      }),
    ]);
    const { exitCode, signalCode } = this.process;
    return exitCode ?? signalCode ?? -1;
  }

  async end(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.closed;
  }
}

/** A running program of test/programs. */
export function startTarget(path: string, ...args: string[]): Child {
  return new Child(path, args);
}

/** Every probe is in place. (The first changed byte of the code stands before the last probe does.) */
export async function attached(trace: Child): Promise<void> {
  await trace.complains("attached to");
}
export async function detached(pid: number, code: CodeView): Promise<void> {
  await until("the original bytes", () => liveCode(pid, code) === code.original);
}

export function probelens(...args: string[]): Child {
  return new Child(process.execPath, [CLI, ...args]);
}

export function probelensIn(env: NodeJS.ProcessEnv, ...args: string[]): Child {
  return new Child(process.execPath, [CLI, ...args], { env: { ...process.env, ...env } });
}

export interface Run {
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(...args: string[]): Promise<Run> {
  const child = probelens(...args);
  child.process.stdin?.end();
  const status = await child.status();
  return { status, stdout: child.stdout, stderr: child.stderr };
}

export interface Events {
  readonly calls: CallEvent[];
  readonly returns: ReturnEvent[];
  readonly unwound: TraceEvent[];
  readonly stats: StatsEvent[];
}

export function eventsOf(jsonl: string): Events {
  const events: Events = { calls: [], returns: [], unwound: [], stats: [] };
  for (const line of jsonl.split("\n").slice(0, -1)) {
    const event = JSON.parse(line) as TraceEvent | StatsEvent;
    if (event.event === "call") events.calls.push(event);
    else if (event.event === "return") events.returns.push(event);
    else if (event.event === "unwound") events.unwound.push(event);
    else events.stats.push(event);
  }
  return events;
}

/** One function's code, as the program's file and as a process has it. */
export interface CodeView {
  /** Virtual address, and file offset. */
  readonly address: number;
  readonly size: number;
  readonly original: string;
}

export async function codeOf(path: string, func: string): Promise<CodeView> {
  const { stdout } = await run("inspect", func, "--binary", path, "--json");
  const { entry, offset, size } = JSON.parse(stdout) as { entry: string; offset: string; size: number };
  const file = readFileSync(path);
  const start = Number(offset);
  return { address: Number(entry), size, original: file.subarray(start, start + size).toString("hex") };
}

/** Code of a running non-PIE process. */
export function liveCode(pid: number, code: CodeView): string {
  const fd = openSync(`/proc/${pid}/mem`, "r");
  try {
    const bytes = Buffer.alloc(code.size);
    readSync(fd, bytes, 0, code.size, code.address);
    return bytes.toString("hex");
  } finally {
    closeSync(fd);
  }
}

export function alive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Children of a process, by what their command line holds. */
export function childrenOf(pid: number, text: string): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter((child) => child !== "")
    .map(Number)
    .filter((child) => commandLine(child).includes(text));
}

/** The processes that hold a helper's probes; beside them, for a moment, is the one that finds out what a hit costs. */
export function holdersOf(helper: number): number[] {
  return childrenOf(helper, "holder").filter((pid) => !commandLine(pid).includes("costs"));
}

export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
