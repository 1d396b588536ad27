/**
 * Words and variables for a shell, byte for byte: what is no UTF-8 would reach the command as U+FFFD, because Node reads
 * its own environment and writes a child's arguments as UTF-8.
 */
import { readFileSync } from "node:fs";
import { decodePath, encodePath } from "../../protocol/path.ts";

/** `argv`: the shell's `$0`, `$1`, …, as decodePath has them. What exec is given, and what must stand before it. */
export function commandWords(argv: readonly string[]): { readonly before: string; readonly words: string } {
  const before: string[] = [];
  const words = argv.map((word, index) => {
    const bytes = encodePath(word);
    if (typeof bytes === "string") return `"\${${index}}"`;
    before.push(assignment(`w${index}`, bytes));
    return `"$w${index}"`;
  });
  return { before: before.join(""), words: before.length === 0 ? '"$0" "$@"' : words.join(" ") };
}

/** Exports the variables of this process that are no UTF-8. */
export function oddVariables(environment = ownEnvironment()): string {
  let script = "";
  for (const entry of environment.split("\0")) {
    const [, name, value = ""] = /^([A-Za-z_]\w*)=(.*)$/s.exec(entry) ?? [];
    const bytes = encodePath(decodePath(Buffer.from(value, "latin1")));
    if (name !== undefined && typeof bytes !== "string") script += `${assignment(name, bytes)}export ${name} && `;
  }
  return script;
}

/** As Latin-1. */
function ownEnvironment(): string {
  try {
    return readFileSync("/proc/self/environ", "latin1");
  } catch {
    return "";
  }
}

/** The last character keeps line ends, which `$(…)` takes away. */
function assignment(name: string, bytes: Buffer): string {
  const octal = [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  return `${name}=$(printf '${octal}_') && ${name}=\${${name}%_} && `;
}
