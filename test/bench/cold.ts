/** How soon an answer stands: first probe attached, and "where is this function and where are its arguments". */
import { fileURLToPath } from "node:url";
import { hasCommand, type Measured, measureCommand } from "./measured.ts";
import { median, printTable } from "./table.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const ROUNDS = 3;

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  /** What its answer holds; checked, so that a failing tool is not a fast one. */
  readonly answer: RegExp;
  readonly says: string;
}

/** `fn` must be a function of `binary` that takes arguments. */
export function printLookup(binary: string, fn: string, findDelve: () => string | undefined): void {
  const contenders: Contender[] = [
    {
      name: "Probelens, cold",
      command: ["env", "PROBELENS_NO_CACHE=1", process.execPath, CLI, "inspect", fn, "--binary", binary],
      answer: /RAX|CFA/,
      says: "offset, place of every argument, probe site, returns",
    },
    {
      name: "Probelens, warm",
      command: [process.execPath, CLI, "inspect", fn, "--binary", binary],
      answer: /RAX|CFA/,
      says: "the same",
    },
    {
      name: "Node alone (node -e 0)",
      command: [process.execPath, "-e", "0"],
      answer: /^$/,
      says: "nothing: what its start costs the two above",
    },
    {
      name: "gdb",
      command: ["gdb", "-nx", "-batch", "-ex", `info scope ${fn}`, "-ex", `info address ${fn}`, binary],
      answer: /Symbol/,
      says: "address, location lists",
    },
    {
      name: "bpftrace -lv",
      command: ["bpftrace", "-lv", `uprobe:${binary}:"${fn}"`],
      answer: /uprobe:/,
      says: "name and types, no places",
    },
  ];
  const delve = findDelve();
  if (delve !== undefined) {
    // Delve answers about a file only by starting it (stopped before main).
    const script = `printf 'break ${fn}\\nexit\\n' | ${delve} exec ${binary} --allow-non-terminal-interactive=true`;
    contenders.push({
      name: "Delve",
      command: ["sh", "-c", script],
      answer: /Breakpoint 1 set/,
      says: "address, no places",
    });
  }

  const present = contenders.filter(({ command }) => hasCommand(command[0]!));
  const samples = new Map(present.map((contender) => [contender, [] as Measured[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of present) {
      const measured = measureCommand(contender.command);
      if (!contender.answer.test(measured.output))
        throw new Error(`bench: ${contender.name} gave no answer: ${measured.output}`);
      samples.get(contender)!.push(measured);
    }
  }
  printTable(
    `Where is ${fn} of ${binary.split("/").at(-1)} and where are its arguments (whole process, median of ${ROUNDS})`,
    ["", "seconds", "peak MiB", "answers with"],
    present.map((contender) => {
      const own = samples.get(contender)!;
      const peak = median(own.map((sample) => sample.peakMiB));
      return [contender.name, median(own.map((sample) => sample.seconds)).toFixed(2), peak.toFixed(0), contender.says];
    }),
  );
}
