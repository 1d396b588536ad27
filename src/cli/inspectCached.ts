/** `probelens inspect`, from the answers on disk where it was asked before: then nothing else is loaded. */
import { openAnswerCache } from "../engine/programs/answerCache.ts";
import { COMMANDS } from "./commands.ts";
import type { Asked } from "./inspect.ts";
import { checkTarget, type ParsedOptions } from "./options.ts";
import { Printer } from "./print.ts";

export async function runInspect(parsed: ParsedOptions): Promise<number> {
  checkTarget(COMMANDS.inspect, parsed);
  const asked = await askCache(parsed);
  const stored = asked === undefined ? undefined : await asked.cache.get(asked.file);
  const printer = new Printer();
  if (stored === undefined) await (await import("./inspect.ts")).inspectAll(parsed, printer, asked);
  else for (const line of stored.split("\n")) await printer.line(line);
  await printer.close();
  return 0;
}

/** Undefined where the answer depends on more than the program file: a process's memory, source files. */
async function askCache(parsed: ParsedOptions): Promise<Asked | undefined> {
  const path = parsed.texts.get("--binary");
  if (path === undefined || parsed.texts.has("--source")) return undefined;
  const cache = await openAnswerCache();
  const question = ["inspect", parsed.positionals[0] ?? "", parsed.flags.has("--json")];
  const file = await cache?.ask(path, JSON.stringify(question));
  return cache === undefined || file === undefined ? undefined : { cache, file };
}
