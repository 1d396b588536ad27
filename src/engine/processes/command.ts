/**
 * `trace … -- CMD`: starts CMD stopped before its first instruction, so that probes are in place before main.main.
 *
 * A shell reads one line from a pipe and then becomes CMD by exec: its pid, known before, is CMD's pid. setpriv(1) makes
 * the kernel kill it when this process dies (PR_SET_PDEATHSIG survives exec), and a pipe that closes instead of
 * carrying a line ends it before CMD runs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, fstatSync, openSync, realpathSync, statSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, join } from "node:path";
import type { Writable } from "node:stream";
import type { GoBinary } from "../../gobinary/api.ts";
import { UserError } from "../../protocol/errors.ts";
import { decodePath, encodePath } from "../../protocol/path.ts";
import { commandNotStarted, isGoCommand, noSuchCommand } from "../failures.ts";
import { commandWords, oddVariables } from "./shellWords.ts";

/** Between SIGTERM and SIGKILL. */
export const KILL_AFTER_MS = 5000;
/** The stream that carries the permission to go on. */
const GATE_FD = 3;

function shim(argv: readonly string[]): string {
  const { before, words } = commandWords(argv);
  return `read _ <&${GATE_FD} && exec ${GATE_FD}<&- && ${oddVariables()}${before}exec ${words}`;
}

/** What exec would run: the file itself, or the first executable one in PATH. */
export function findCommand(name: string): string {
  const candidates = name.includes("/")
    ? [name]
    : (process.env["PATH"] ?? "/usr/bin:/bin").split(delimiter).map((dir) => join(dir || ".", name));
  let why = name.includes("/") ? "there is no such file" : "no directory of PATH has such a program";
  for (const candidate of name === "" ? [] : candidates) {
    try {
      const path = encodePath(candidate);
      if (statSync(path).isDirectory()) {
        if (name.includes("/")) why = "it is a directory";
        continue;
      }
      accessSync(path, constants.X_OK);
      return decodePath(realpathSync.native(path, { encoding: "buffer" }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EACCES") why = "it is not executable by this user";
    }
  }
  throw noSuchCommand(name, why);
}

/**
 * `-- go run .`, `-- go test`: the go command itself would be traced, and has none of the functions that the user means.
 */
export function notOfGoCommand(error: unknown, binary: GoBinary, argv: readonly string[]): unknown {
  if (binary.buildInfo.path !== "cmd/go" || !(error instanceof UserError) || error.code !== "no-such-function") {
    return error;
  }
  return isGoCommand(error.what, argv);
}

/**
 * A pipe or a terminal is opened once more. What a child is given blocks from then on (uv__process_child_init,
 * src/unix/process.c), as the child expects; this process would wait with it for a reader that is held up, and give no
 * sign of life, where stdout is the same pipe (`2>&1`).
 */
function openAnew(fd: number): number {
  try {
    const stat = fstatSync(fd);
    // Opened without waiting: of a named pipe the reader may have gone.
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    if (stat.isFIFO() || stat.isCharacterDevice()) return openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    // Not this user's to open: it is shared.
  }
  return fd;
}

export interface CommandEnd {
  /** 128 + N after a signal N, as a shell has it. */
  readonly exitStatus: number;
  readonly signal?: string;
}

export class StoppedCommand {
  readonly pid: number;
  readonly end: Promise<CommandEnd>;
  private running = true;
  private readonly child: ChildProcess;

  /** Resolves when the shim exists and waits. CMD's output goes to this process' stderr. */
  static async start(argv: readonly string[]): Promise<StoppedCommand> {
    const output = openAnew(2);
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", "/bin/sh", "-c", shim(argv), ...argv], {
      stdio: ["inherit", output, output, "pipe"],
    });
    if (output !== 2) closeSync(output);
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error: NodeJS.ErrnoException) => reject(commandNotStarted(argv[0] ?? "", error)));
    });
    return new StoppedCommand(child);
  }

  private constructor(child: ChildProcess) {
    this.child = child;
    this.pid = child.pid ?? 0;
    this.gate.on("error", () => {});
    this.end = new Promise((resolve) => {
      child.once("exit", (status, signal) => {
        this.running = false;
        resolve(
          signal === null ? { exitStatus: status ?? 0 } : { exitStatus: 128 + osConstants.signals[signal], signal },
        );
      });
    });
  }

  /** Lets CMD begin. */
  release(): void {
    this.gate.end("\n");
  }

  /** SIGTERM, after 5 s SIGKILL; resolves when it is gone. A command that was not released ends at once. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.gate.end();
    this.child.kill("SIGTERM");
    const kill = setTimeout(() => this.child.kill("SIGKILL"), KILL_AFTER_MS);
    await this.end;
    clearTimeout(kill);
  }

  private get gate(): Writable {
    return this.child.stdio[GATE_FD] as Writable;
  }
}
