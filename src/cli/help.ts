/** Help texts. */
import { COMMANDS } from "./commands.ts";
import type { CommandSpec } from "./options.ts";

const ABOUT: Record<keyof typeof COMMANDS, { usage: string; about: string; notes?: string }> = {
  targets: {
    usage: "probelens targets [--json]",
    about: "Lists the running Go processes.",
  },
  list: {
    usage: "probelens list (--pid PID | --binary FILE) [PATTERN] [--source DIR] [--json]",
    about:
      "Lists a program's functions with file, line and signature, and why a function cannot be traced.\nPATTERN is a name in which * stands for any characters.",
  },
  trace: {
    usage: "probelens trace FUNC|FILE:LINE... (--pid PID | --binary FILE | -- CMD ARGS...) [options]",
    about:
      "Shows the arguments of every call of the functions, live, without stopping or changing the program.\nFUNC is a linker name such as main.computeE or 'net/http.(*Server).Serve'; * stands for any characters.\nWith -- CMD, the command is started with the probes in place before its main.main; its output goes to stderr.",
    notes: `Text format: one line per call:
  TIME [PID gGOROUTINE] FUNCTION(ARG=VALUE, ...) → RESULTS (DURATION) ← CALLER:LINE
A call that takes longer gets its line at once, ending in "…#N", and a second line "#N ..." when it returns.
Labels stand before the function, [KEY=VALUE ...]; a stack takes the indented lines after the call's.
The last lines are the totals: emitted + filtered + throttled + dropped = hits.

Ctrl-C ends the trace. Status: 0 done, 1 failed, 2 usage; with -- CMD its own status when it ends by itself.`,
  },
  inspect: {
    usage: "probelens inspect FUNC (--pid PID | --binary FILE) [--source DIR] [--json]",
    about:
      "Shows a function's signature, where each argument and result lives, the chosen probe site and its cost, and the\ndisassembly around it; with --pid the bytes as they stand in the process now.",
  },
  doctor: {
    usage: "probelens doctor",
    about: "Shows what this machine can do, what is missing, and how to mend it.",
  },
};

export function generalHelp(): string {
  const lines = Object.values(ABOUT).map(({ usage, about }) => `  ${usage}\n      ${about.split("\n")[0]}`);
  return `probelens: live arguments of running Go functions, from unmodified binaries\n\n${lines.join("\n")}\n\n  probelens --version\n\n\`probelens COMMAND --help\` shows a command's options.\n`;
}

export function commandHelp(name: keyof typeof COMMANDS): string {
  const { usage, about, notes } = ABOUT[name];
  const spec: CommandSpec = COMMANDS[name];
  const rows = [
    ...spec.options.map(({ name, value, help }) => [value === undefined ? name : `${name} ${value}`, help] as const),
    ["-h, --help", "this text"] as const,
  ];
  const width = Math.max(...rows.map(([left]) => left.length));
  const options = rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`).join("\n");
  return `${usage}\n\n${about}\n\nOptions:\n${options}\n${notes === undefined ? "" : `\n${notes}\n`}`;
}
