/** The `probelens` command: which command, with which options, and what its end means as an exit status. */
import { readFileSync } from "node:fs";
import { type ErrorCode, UserError, usedUp } from "../protocol/errors.ts";
import { decodePath } from "../protocol/path.ts";
import { COMMANDS } from "./commands.ts";
import { partMissing, usage, withProcess } from "./failures.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { type CommandSpec, type ParsedOptions, parseOptions } from "./options.ts";
import { Printer } from "./print.ts";
import { say } from "./terminal.ts";
import { version } from "./version.ts";

/** stderr that nobody reads holds the end up for this long. */
const STDERR_FLUSH_MS = 1000;

/** Loaded when asked for: evaluating what only some commands need takes longer than answering from the cache. */
const RUN: Record<keyof typeof COMMANDS, (parsed: ParsedOptions) => Promise<number>> = {
  targets: async (parsed) => await (await import("./targets.ts")).runTargets(parsed),
  list: async (parsed) => await (await import("./list.ts")).runList(parsed),
  trace: async (parsed) => {
    const { runTrace, traceOptions } = await import("./trace.ts");
    return await runTrace(traceOptions(parsed));
  },
  inspect: async (parsed) => await (await import("./inspectCached.ts")).runInspect(parsed),
  doctor: async () => await (await import("./doctor.ts")).runDoctor(),
};

// A terminal or log that went away must not turn a message into a crash.
process.stderr.on("error", () => {});
process.on("uncaughtException", (error) => void exit(report(error)));
process.on("unhandledRejection", (error) => void exit(report(error)));
void main(typedWords()).then(exit, (error: unknown) => exit(report(error)));

/** Node replaces bytes that are no UTF-8; paths may have them. */
function typedWords(): string[] {
  const words = process.argv.slice(2);
  if (!words.some((word) => word.includes("\ufffd"))) return words;
  const all = readFileSync("/proc/self/cmdline", "latin1").split("\0").slice(0, -1);
  return all.slice(-words.length).map((word) => decodePath(Buffer.from(word, "latin1")));
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined)
    throw usage({ name: "" }, "a command is needed", `one of ${Object.keys(COMMANDS).join(", ")}`);
  if (name === "-h" || name === "--help" || name === "help") {
    const [about] = atMost(1, rest);
    return await print(about === undefined ? generalHelp() : commandHelp(commandNamed(about)));
  }
  if (name === "--version" || name === "-V") {
    atMost(0, rest);
    return await print(`probelens ${version()}\n`);
  }
  return await runCommand(commandNamed(name), rest);
}

async function runCommand(name: keyof typeof COMMANDS, rest: readonly string[]): Promise<number> {
  const spec: CommandSpec = COMMANDS[name];
  const parsed = parseOptions(spec, rest);
  if (parsed.help) return await print(commandHelp(name));
  try {
    return await RUN[name](parsed);
  } catch (error) {
    throw naming(parsed.numbers.get("--pid"), error);
  }
}

/** Where the message does not say the number that the user typed. */
function naming(pid: number | undefined, error: unknown): unknown {
  if (pid === undefined || !(error instanceof UserError) || new RegExp(`\\b${pid}\\b`).test(error.message))
    return error;
  return NOT_OF_PROCESS.has(error.code) ? error : withProcess(pid, error);
}

/** Whatever process is traced. */
const NOT_OF_PROCESS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "output-failed",
  "usage",
  "incomplete-package",
  "used-up",
  "no-privileges",
  "password-needed",
  "helper-died",
  "no-bpf",
  "no-holder",
  "no-libbpf",
  "no-procfs",
  "no-source",
  "no-sysfs",
  "protocol-mismatch",
  "verifier",
]);

function atMost(count: number, words: readonly string[]): readonly string[] {
  const extra = words[count];
  if (extra !== undefined) throw usage({ name: "" }, JSON.stringify(extra), "there is one argument too many");
  return words;
}

function commandNamed(name: string): keyof typeof COMMANDS {
  if (Object.hasOwn(COMMANDS, name)) return name as keyof typeof COMMANDS;
  const kind = name.startsWith("-") ? "option" : "command";
  throw usage({ name: "" }, JSON.stringify(name), `there is no such ${kind}`);
}

async function print(text: string): Promise<number> {
  const printer = new Printer();
  await printer.line(text.trimEnd());
  await printer.close();
  return 0;
}

/** Says what went wrong; the exit status. */
function report(thrown: unknown): number {
  const error = usedUp("cannot go on", thrown) ?? partMissing(thrown) ?? thrown;
  if (error instanceof UserError) {
    say(`${error.what}: ${error.why}.\n  ${error.remedy}${/[.?!]$/.test(error.remedy) ? "" : "."}`);
    return error.exitStatus;
  }
  const message = error instanceof Error ? error.message : String(error);
  say(
    `a defect of Probelens: ${message.split("\n")[0]}.\n  Please report it; PROBELENS_DEBUG=1 shows where it happened.`,
  );
  if (process.env["PROBELENS_DEBUG"] === "1" && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return 1;
}

/** Pipes are written asynchronously: what was said must be out before the process ends. */
async function exit(status: number): Promise<never> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, STDERR_FLUSH_MS).unref();
    process.stderr.write("", () => resolve());
  });
  process.exit(status);
}
