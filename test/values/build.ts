/** Builds test/programs/values together with generated calls. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildProgram, CACHE } from "../matrix/build.ts";
import { modeNamed } from "../matrix/toolchains.ts";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface ValuesProgram {
  readonly file: string;
  /** The folder of its source, where the program itself does not tell enough. */
  readonly source?: string;
  /** Functions that cannot be told from others by their names. */
  readonly ambiguous?: RegExp;
}

/** `generated`: Go source that is added to the program. */
export async function buildValues(version: string, modeName: string, generated: string): Promise<ValuesProgram> {
  const folder = withGenerated("values", generated);
  const mode = modeNamed(modeName);
  const base = mode.stripOf === undefined ? mode : modeNamed(mode.stripOf);
  const file = await buildProgram({
    folder: relative(ROOT, folder),
    module: "example.com/values",
    version,
    name: base.name,
    flags: base.flags,
  });
  const minor = Number(version.split(".")[1]);
  // DWARF up to 1.16 lists no unused parameters, that of 1.17 no results in registers; in 1.21 and 1.22 nothing in the
  // binary tells which captured variable is which.
  const needsSource = minor <= 17 || minor === 21 || minor === 22;
  if (mode.stripOf === undefined) return needsSource ? { file, source: folder } : { file };
  const stripped = `${file}-${mode.name}`;
  if (!existsSync(stripped)) {
    await exec("strip", ["-o", `${stripped}.${process.pid}`, file]);
    renameSync(`${stripped}.${process.pid}`, stripped);
  }
  // Without symbols, literals are numbered apart from the source up to 1.19, and all instances of a generic function and
  // their wrappers are called `f[...]` from 1.18 to 1.20.
  const ambiguous = minor < 18 ? /\.func\d/ : minor < 20 ? /\.func\d|\[/ : minor === 20 ? /\[/ : undefined;
  return { file: stripped, source: folder, ...(ambiguous === undefined ? {} : { ambiguous }) };
}

/** A copy of a folder of test/programs with the generated file, under a name that its content gives. */
export function withGenerated(program: string, generated: string): string {
  const from = join(ROOT, "test/programs", program);
  const names = readdirSync(from).filter((name) => /\.(go|mod)$/.test(name));
  const sum = createHash("sha256").update(generated);
  for (const name of names) sum.update(`${name}\n`).update(readFileSync(join(from, name)));
  const folder = join(CACHE, "generated", sum.digest("hex").slice(0, 16), program);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  for (const name of names) copyFileSync(join(from, name), join(unfinished, name));
  writeFileSync(join(unfinished, "generated.go"), generated);
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
  return folder;
}
