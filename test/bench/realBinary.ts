/** A large real program to look things up in. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cacheFolder.ts";

/** BENCH_BINARY, else the largest that the matrix of real programs has built, else undefined. */
export function realBinary(): string | undefined {
  const chosen = process.env["BENCH_BINARY"];
  if (chosen !== undefined && chosen !== "") return chosen;
  const dir = cacheFolder("matrix/real/bin");
  return namesIn(dir)
    .map((name) => ({ path: join(dir, name), size: statSync(join(dir, name)).size }))
    .sort((a, b) => b.size - a.size)[0]?.path;
}

/** Delve is no part of the setup: it is compared where the matrix has built it or the user has it. */
export function delve(): string | undefined {
  const built = cacheFolder("matrix/real/bin/dlv");
  return statSync(built, { throwIfNoEntry: false }) === undefined ? undefined : built;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => !name.startsWith("."));
  } catch {
    return [];
  }
}
