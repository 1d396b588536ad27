/** `probelens targets`. */
import { createEngine } from "../engine/engine.ts";
import { newJob } from "../engine/job.ts";
import { quotedPath } from "../protocol/path.ts";
import type { ParsedOptions } from "./options.ts";
import { columns, Printer } from "./print.ts";
import { say } from "./terminal.ts";

export async function runTargets(parsed: ParsedOptions): Promise<number> {
  const engine = createEngine();
  try {
    const processes = await engine.processes(newJob({ notice: say }));
    const printer = new Printer();
    if (parsed.flags.has("--json")) {
      for (const process of processes) await printer.json(process);
    } else if (processes.length === 0) {
      say("no Go process that this user can see is running (32-bit ones are not listed)");
    } else {
      const rows = processes.map(({ pid, user, goVersion, started, module, binary }) => [
        String(pid),
        user,
        goVersion,
        started,
        module || "-",
        quotedPath(binary),
      ]);
      for (const line of columns([["PID", "USER", "GO", "STARTED", "MODULE", "BINARY"], ...rows]))
        await printer.line(line);
    }
    await printer.close();
    return 0;
  } finally {
    await engine.dispose();
  }
}
