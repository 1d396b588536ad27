/** Builds the minified bundles and packs them into dist/probelens-linux-x64.vsix (`npm run package`). */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUTPUT = "dist/probelens-linux-x64.vsix";

run("node", ["build.mjs", "--minify", "--if-stale"]);
// The bundles hold every dependency, so none is packed; native files are for one platform, so the package is too.
run("node_modules/.bin/vsce", [
  "package",
  "--no-dependencies",
  "--allow-missing-repository",
  // The README's pictures lie in the package; there is no public repository whose copies could stand for them.
  "--no-rewrite-relative-links",
  "--target",
  "linux-x64",
  "--out",
  OUTPUT,
]);
console.log(OUTPUT);

function run(command: string, args: string[]): void {
  execFileSync(command, args, { cwd: ROOT, stdio: "inherit" });
}
