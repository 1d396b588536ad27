/**
 * Starts the privileged helper: directly when already root, else through sudo, without a password where that works,
 * else with one asked for in a box (`sudo -A`) or by sudo itself on the terminal.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, openSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { UserError, usedUp } from "../../protocol/errors.ts";
import { checkProcfs } from "../../protocol/procfs.ts";
import type { PasswordPrompt } from "../api.ts";
import { helperNotStarted, launcherNotRun, privilegesMissing } from "../failures.ts";
import { type Askpass, startAskpass } from "./askpass.ts";

/** Of the helper's and sudo's stderr; the end of it explains a failure. */
const MAX_STDERR_BYTES = 16 << 10;
/** Once the pipes are closed an exit status follows; a helper that detaches thousands of probes takes its time. */
const EXIT_TIMEOUT_MS = 60_000;

export interface LaunchOptions {
  readonly passwordPrompt?: PasswordPrompt | undefined;
  /** sudo may ask on the controlling terminal. */
  readonly terminal: boolean;
  /** Only start it where no question is asked. */
  readonly quiet?: boolean;
}

export type HelperProcess = ChildProcessByStdio<Writable, Readable, Readable>;

export interface LaunchedHelper {
  readonly child: HelperProcess;
  /** Last lines that it or sudo wrote to stderr. */
  stderr(): string;
  /** Resolves when the process is gone, with what it ended with. */
  readonly exited: Promise<string>;
  /** Closes its input and waits until it is gone; every probe is gone then. */
  close(): Promise<void>;
}

interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

type Way = "direct" | "sudo" | "askpass" | "terminal";

/**
 * `connect` talks to the started helper and rejects when it is no helper (sudo refused); then the next way is tried.
 */
export async function launchHelper<T>(
  options: LaunchOptions,
  connect: (helper: LaunchedHelper) => Promise<T>,
): Promise<T> {
  checkProcfs("cannot start the privileged helper");
  if (process.getuid?.() === 0) return await attempt("direct", undefined, connect);
  try {
    return await attempt("sudo", undefined, connect);
  } catch (error) {
    if (!(error instanceof SudoRefusal) || !error.wantsPassword) throw asUserError(error);
  }
  if (options.quiet !== true && options.passwordPrompt !== undefined)
    return await withAskpass(options.passwordPrompt, connect);
  if (options.quiet !== true && options.terminal && hasTerminal()) {
    try {
      return await attempt("terminal", undefined, connect);
    } catch (error) {
      throw asUserError(error);
    }
  }
  throw privilegesMissing(
    "sudo wants a password, and there is no terminal to ask for it",
    "Run it as root, or run `sudo -v` in this terminal before",
    "password-needed",
  );
}

async function withAskpass<T>(prompt: PasswordPrompt, connect: (helper: LaunchedHelper) => Promise<T>): Promise<T> {
  const askpass = await startAskpass(prompt);
  try {
    return await attempt("askpass", askpass, connect);
  } catch (error) {
    if (askpass.dismissed) {
      throw privilegesMissing("no password was given", "Start the trace again and give your own password for sudo");
    }
    throw asUserError(error);
  } finally {
    await askpass.close();
  }
}

async function attempt<T>(
  way: Way,
  askpass: Askpass | undefined,
  connect: (helper: LaunchedHelper) => Promise<T>,
): Promise<T> {
  const helper = start(way, askpass);
  try {
    const result = await connect(helper);
    return result;
  } catch (error) {
    helper.child.stdin.destroy();
    const ended = await Promise.race([helper.exited, timeout(EXIT_TIMEOUT_MS)]);
    if (way === "direct") throw helperFailed(error, helper.stderr(), ended);
    const refusal = sudoRefusal(helper.stderr(), ended ?? "");
    throw refusal ?? helperFailed(error, helper.stderr(), ended);
  }
}

function start(way: Way, askpass: Askpass | undefined): LaunchedHelper {
  const { command, args, env } = commandLine(way, askpass);
  const child = spawnPiped(command, args, env);
  let stderr = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_BYTES);
  });
  child.stdin.on("error", () => {});
  const exited = new Promise<string>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) =>
      resolve(`could not be started (${error.code ?? error.message})`),
    );
    child.on("close", (status, signal) =>
      resolve(signal === null ? `exited with status ${status}` : `was killed by ${signal}`),
    );
  });
  return {
    child,
    stderr: () => stderr.trim(),
    exited,
    async close() {
      child.stdin.end();
      await Promise.race([exited, timeout(EXIT_TIMEOUT_MS)]);
    },
  };
}

/** Without descriptors or processes left, Node throws, or gives a child that has no streams. */
function spawnPiped(command: string, args: readonly string[], env: NodeJS.ProcessEnv): HelperProcess {
  const what = "cannot start the privileged helper";
  try {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env, cwd: "/" });
    if ((child.stderr as Readable | undefined) !== undefined) return child;
    child.on("error", () => {});
  } catch (error) {
    throw usedUp(what, error) ?? error;
  }
  throw usedUp(what, { code: "EMFILE" })!;
}

function commandLine(way: Way, askpass: Askpass | undefined): CommandLine {
  // Inside VS Code the executable is Electron, which is Node only when told so; sudo drops the variable.
  const electron = process.versions["electron"] !== undefined ? ["/usr/bin/env", "ELECTRON_RUN_AS_NODE=1"] : [];
  const [first, ...more] = launcher();
  const rest = [...more, ...electron, process.execPath, packageFile("../../../helper/main.ts", "./helper.js")];
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: "C" };
  if (way === "direct") return { command: first, args: rest, env };
  if (askpass !== undefined) env["SUDO_ASKPASS"] = askpass.program;
  // -k with a command is not used: a cached right to sudo is what the user expects to be taken.
  const mode = way === "sudo" ? ["-n"] : way === "askpass" ? ["-A"] : [];
  const prompt = ["-p", "[sudo] password for %p, to trace with Probelens: "];
  return { command: "sudo", args: [...mode, ...prompt, "--", first, ...rest], env };
}

class SudoRefusal extends Error {
  readonly wantsPassword: boolean;
  readonly why: string;
  readonly remedy: string;
  constructor(wantsPassword: boolean, why: string, remedy: string) {
    super(why);
    this.wantsPassword = wantsPassword;
    this.why = why;
    this.remedy = remedy;
  }
}

/** sudo's own messages (plugins/sudoers, LC_ALL=C), as far as they decide what to do next. */
function sudoRefusal(stderr: string, ended: string): SudoRefusal | undefined {
  const root = "Run it as root, or let an administrator grant you sudo";
  if (ended.includes("ENOENT"))
    return new SudoRefusal(false, "sudo is not installed", "Run it as root, or install sudo");
  // execvp(3): found, but in a folder or with a mode that keep this user from running it.
  if (ended.includes("EACCES")) return new SudoRefusal(false, "this user may not run what PATH has as sudo", root);
  if (/incorrect password|Authentication fail|no password was provided|maximum \d+ incorrect/i.test(stderr)) {
    return new SudoRefusal(false, "sudo did not accept the password", "Try again with your own password, not root's");
  }
  if (
    /a password is required|a terminal is required|no tty present|must have a tty|interaction is required/.test(stderr)
  ) {
    return new SudoRefusal(true, "sudo wants a password", root);
  }
  if (/not in the sudoers file|may not run sudo|is not allowed to|not permitted/.test(stderr)) {
    return new SudoRefusal(false, "sudo does not allow this user to run the helper as root", root);
  }
  if (/no new privileges/i.test(stderr)) {
    return new SudoRefusal(
      false,
      "this shell runs with no_new_privs (in a container or sandbox), where sudo cannot work",
      "Run it outside, or as root",
    );
  }
  const line = /^sudo: (.*)$/m.exec(stderr)?.[1];
  return line === undefined ? undefined : new SudoRefusal(false, `sudo says: ${line}`, root);
}

function asUserError(error: unknown): unknown {
  if (!(error instanceof SudoRefusal)) return error;
  return privilegesMissing(error.why, error.remedy, error.wantsPassword ? "password-needed" : "no-privileges");
}

function helperFailed(error: unknown, stderr: string, ended: string | undefined): UserError {
  if (error instanceof UserError && error.code !== "helper-died") return error;
  return helperNotStarted(ended, tellingLine(stderr));
}

/** Of what a process wrote before it died: the error, where a stack trace and Node's version stand around it. */
export function tellingLine(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const error = lines.findLast((line) => /^(\w*Error|probelens-(helper|launcher)|sudo)\b/.test(line));
  return error ?? lines.findLast((line) => line !== "" && !/^(Node\.js v|at |\})/.test(line)) ?? "";
}

/** A controlling terminal, which sudo asks on (it opens /dev/tty itself). */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r+"));
    return true;
  } catch {
    return false;
  }
}

/** The C library's program loader (System V ABI, AMD64 supplement: PT_INTERP). */
const LOADER = "/lib64/ld-linux-x86-64.so.2";

/** Gives up what the helper does not need before Node starts (helper/launcher.c). */
function launcher(): [string, ...string[]] {
  const path = launcherFile();
  try {
    accessSync(path, constants.X_OK);
    return [path];
  } catch (error) {
    // Editors unpack extensions without the permission to execute; the loader only has to read.
    if ((error as NodeJS.ErrnoException).code === "EACCES" && existsSync(LOADER)) return [LOADER, path];
    throw launcherNotRun(path, error as NodeJS.ErrnoException);
  }
}

export function launcherFile(): string {
  return packageFile("../../../dist/native/probelens-launcher", "./native/probelens-launcher");
}

/** `built`: beside the bundle; `source`: from this file when it runs from source. */
function packageFile(source: string, built: string): string {
  const own = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(own.endsWith(".ts") ? source : built, import.meta.url));
}

function timeout(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}
