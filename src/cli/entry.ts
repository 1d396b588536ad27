#!/usr/bin/env node
/** What a shell starts. It needs no other file to be read, so it can say that one cannot be. */
import { writeSync } from "node:fs";

const INCOMPLETE = "a part of the package is missing.\n  Reinstall Probelens, or build it: npm run build";
const NO_FILES = "this process may open no more files.\n  Raise the limit and try again: ulimit -n 1024";

/** By Node's code of a failed import. */
const REASONS: Readonly<Record<string, string>> = { ERR_MODULE_NOT_FOUND: INCOMPLETE, EMFILE: NO_FILES };

await import("./start.ts").catch((error: NodeJS.ErrnoException) => {
  const reason = REASONS[error.code ?? ""];
  if (reason === undefined) throw error;
  writeSync(2, `probelens: cannot start: ${reason}.\n`);
  process.exit(1);
});
