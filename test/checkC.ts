/** Fails where clang-format would change a C file; `npm run fix` mends it. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../bpf", import.meta.url));
const files = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
execFileSync("clang-format", ["--dry-run", "--Werror", ...files], { cwd: folder, stdio: "inherit" });
