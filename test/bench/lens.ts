/** The language server's answers, over stdio as editors ask it: lenses of a Go file with 500 functions, and the first ones. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BenchServer } from "./server.ts";
import { median, printTable } from "./table.ts";
import { cpuSecondsOf } from "./tracers.ts";

const FUNCTIONS = 500;
const ROUNDS = 20;
const BUILDS = 5;
/** The server's own time is counted for so long while nothing happens. */
const IDLE_MS = 10_000;

/** `dir`: where the program may be built; `large`: a large program. */
export async function printLensTime(dir: string, large: string | undefined): Promise<void> {
  const project = join(dir, "many");
  mkdirSync(project);
  const file = join(project, "many.go");
  const text = source();
  writeFileSync(file, text);
  writeFileSync(join(project, "go.mod"), "module example.com/many\n\ngo 1.21\n");
  build(project);
  const programs: ChildProcess[] = [spawn(join(project, "many"), { stdio: "ignore" })];
  const server = await BenchServer.start();
  try {
    const start = performance.now();
    const uri = await server.open(file, text);
    await server.until(uri, (lenses) => lenses.length >= FUNCTIONS);
    const first = performance.now() - start;
    const warm: number[] = [];
    const edited: number[] = [];
    let version = 1;
    const edit = async (change: object): Promise<void> => {
      const textDocument = { uri, version: ++version };
      await server.connection.sendNotification("textDocument/didChange", { textDocument, contentChanges: [change] });
    };
    const ask = async (): Promise<void> => {
      if ((await server.lenses(uri)).length < FUNCTIONS) throw new Error("bench: lenses are missing");
    };
    for (let round = 0; round < ROUNDS; round++) {
      warm.push(await timed(ask));
      // As when somebody types: a character more, and the editor asks at once.
      const position = { line: 2, character: 0 };
      await edit({ range: { start: position, end: position }, text: "/" });
      edited.push(await timed(ask));
    }
    await edit({ text });
    const built: number[] = [];
    for (let round = 1; round <= BUILDS; round++) {
      // A line more above everything: the lenses follow when none says any more that its line has moved.
      const moved = text.replace("import", `${"\n".repeat(round)}import`);
      writeFileSync(file, moved);
      await edit({ text: moved });
      build(project);
      const begin = performance.now();
      programs.push(spawn(join(project, "many"), { stdio: "ignore" }));
      await server.until(uri, (lenses) => !lenses.some(({ command }) => command.title.includes("moved")));
      built.push(performance.now() - begin);
    }
    const cpu = cpuSecondsOf(server.pid);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const idle = (cpuSecondsOf(server.pid) - cpu) / (IDLE_MS / 1000);
    printTable(
      `CodeLens for a file with ${FUNCTIONS} functions of a running program (request to answer, median of ${ROUNDS})`,
      ["", ""],
      [
        ["from opening the file: finding the program, reading it, matching", `${first.toFixed(0)} ms`],
        ["asked again", `${median(warm).toFixed(1)} ms`],
        ["after an edit: parsed and matched anew", `${median(edited).toFixed(1)} ms`],
        [
          `from the start of what \`go build\` made to its lenses (median of ${BUILDS})`,
          `${median(built).toFixed(0)} ms`,
        ],
        ["the server's own time while nothing happens", `${(idle * 100).toFixed(1)} % of a core`],
      ],
    );
  } finally {
    for (const program of programs) program.kill();
    await server.stop();
  }
  if (large !== undefined) await printLargeProgram(dir, large);
}

/** Asked from a file that stands where the program's main function does. */
async function printLargeProgram(dir: string, binary: string): Promise<void> {
  const info = execFileSync("go", ["version", "-m", binary], { encoding: "utf8" });
  const [, path = ""] = /^\tpath\t(\S+)/m.exec(info) ?? [];
  const [, module = ""] = /^\tmod\t(\S+)/m.exec(info) ?? [];
  const file = join(dir, "large", path.slice(module.length), "main.go");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(join(dir, "large/go.mod"), `module ${module}\n`);
  const server = await BenchServer.start();
  try {
    // Parsed before: what is measured is the program.
    const uri = await server.open(file, "package main\n\nfunc main() {}\n");
    await server.lenses(uri);
    await server.loopDelayMs();
    const start = performance.now();
    server.settings = { binaries: [binary] };
    await server.connection.sendNotification("workspace/didChangeConfiguration", { settings: null });
    await server.until(uri, (lenses) => lenses.length > 0);
    const first = performance.now() - start;
    const delay = await server.loopDelayMs();
    printTable(
      `The language server while it reads ${basename(binary)} for the first lenses`,
      ["", "ms"],
      [
        ["from choosing the program to the lenses of an open Go file", first.toFixed(0)],
        ["longest time for which the server's event loop was held up", delay.toFixed(1)],
      ],
    );
  } finally {
    await server.stop();
  }
}

function build(project: string): void {
  execFileSync("go", ["build", "-o", "many", "."], { cwd: project, stdio: "inherit" });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function source(): string {
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `f${index}`);
  const functions = names.map((name) => `//go:noinline\nfunc ${name}(a int, s string) int { return a + len(s) }\n`);
  const calls = names.map((name) => `\tsum += ${name}(1, "x")`);
  return `package main\n\n//\n\nimport "time"\n\n${functions.join("\n")}\nfunc main() {\n\tsum := 0\n${calls.join("\n")}\n\tprintln(sum)\n\ttime.Sleep(time.Hour)\n}\n`;
}
