/** Fails where clang-format would change a C file; `npm run fix` mends it. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const files = ["bpf", "helper", "test/kernels", "test/unit/helper"].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => join(folder, name)),
);
const { error, status } = spawnSync("clang-format", ["--dry-run", "--Werror", ...files], {
  cwd: ROOT,
  stdio: "inherit",
});
if (error !== undefined) console.error("C is not checked: clang-format does not run here (package clang-format)");
process.exitCode = error === undefined && status === 0 ? 0 : 1;
