/**
 * Builds everything that ships into dist/: bundles, the BPF object, libbpf, and the WebAssembly and native files that
 * the bundles load from beside themselves. `node build.mjs --if-stale` does nothing when no input has changed.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const DIST = join(ROOT, "dist");
const STAMP = join(DIST, ".inputs");
const INPUTS = ["src", "helper", "bpf", "build.mjs", "package.json", "package-lock.json"];

/** Each bundle's entry; a missing one is an error, so a renamed file cannot drop out of the package silently. */
const BUNDLES = {
  "askpass.js": "src/engine/helper/askpassMain.ts",
  "helper.js": "helper/main.ts",
};
/** These share parts, and what `import()` names is a part of its own: a command loads what it needs and no more. */
const SPLIT_BUNDLES = {
  cli: "src/cli/entry.ts",
  server: "src/lsp/main.ts",
  engine: "src/lsp/thread/engineWorker.ts",
};
/** Beside the bundles, because the code in them looks for other files of the package there. */
const PART_NAMES = "part-[hash]";

/**
 * koffi's ES module looks for its native file in node_modules at run time; its CommonJS twin can be bundled together
 * with the loader of this platform's native package, which then finds dist/linux_x64 and dist/musl_x64.
 */
const bundledKoffi = {
  name: "bundled-koffi",
  setup(build) {
    build.onResolve({ filter: /^koffi$/ }, () => ({ path: join(ROOT, "node_modules/koffi/index.cjs") }));
    build.onResolve({ filter: /^@koromix\/koffi-linux-x64$/ }, () => ({
      path: join(ROOT, "node_modules/@koromix/koffi-linux-x64/index.js"),
    }));
  },
};

const stamp = hashOf(INPUTS.flatMap((input) => filesBelow(join(ROOT, input))));
if (process.argv.includes("--if-stale") && existsSync(STAMP) && readFileSync(STAMP, "utf8") === stamp) process.exit(0);

mkdirSync(DIST, { recursive: true });
rmSync(STAMP, { force: true });
buildKernelProgram();
copyRuntimeFiles();
buildNativePrograms();
await bundle();
execFileSync("sh", [join(ROOT, "helper/libbpf/build.sh")], { stdio: "inherit" });
writeFileSync(STAMP, stamp);

/** bpf/*.bpf.c → dist/*.bpf.o; symbols are kept because libbpf reads them, DWARF is dropped because nobody does. */
function buildKernelProgram() {
  for (const name of readdirSync(join(ROOT, "bpf")).filter((file) => file.endsWith(".bpf.c"))) {
    const object = join(DIST, name.replace(/\.c$/, ".o"));
    run("clang", [
      "-target",
      "bpf",
      "-mcpu=v2",
      "-O2",
      "-g",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-D__TARGET_ARCH_x86",
      "-c",
      join(ROOT, "bpf", name),
      "-o",
      object,
    ]);
    run("llvm-strip", ["-g", object]);
  }
}

/** helper/NAME.c → dist/native/probelens-NAME. */
function buildNativePrograms() {
  mkdirSync(join(DIST, "native"), { recursive: true });
  for (const name of ["holder", "launcher"]) {
    const program = join(DIST, `native/probelens-${name}`);
    // Renamed into place: one that runs cannot be written to.
    run("gcc", [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-pthread",
      "-s",
      join(ROOT, `helper/${name}.c`),
      "-o",
      `${program}.new`,
    ]);
    renameSync(`${program}.new`, program);
  }
}

function copyRuntimeFiles() {
  const modules = join(ROOT, "node_modules");
  const files = {
    "iced_x86_bg.wasm": "iced-x86/iced_x86_bg.wasm",
    "web-tree-sitter.wasm": "web-tree-sitter/web-tree-sitter.wasm",
    "tree-sitter-go.wasm": "tree-sitter-go/tree-sitter-go.wasm",
    // koffi's loader asks for these two by relative path; it takes the one of the running C library.
    "linux_x64/koffi.node": "@koromix/koffi-linux-x64/linux_x64/koffi.node",
    "musl_x64/koffi.node": "@koromix/koffi-linux-x64/musl_x64/koffi.node",
  };
  for (const [target, source] of Object.entries(files)) cpSync(join(modules, source), join(DIST, target));
}

async function bundle() {
  let esbuild;
  try {
    esbuild = await import("esbuild");
  } catch (error) {
    throw new Error(`build.mjs: esbuild is not installed (${error.message}); run "npm ci" first`, { cause: error });
  }
  const common = {
    absWorkingDir: ROOT,
    bundle: true,
    platform: "node",
    target: "node20",
    minify: process.argv.includes("--minify"),
    sourcemap: process.argv.includes("--minify") ? false : "linked",
    logLevel: "warning",
    // koffi names a package for each platform that it could run on; only this platform's is installed.
    external: ["vscode", "@koromix/*"],
    // Tells builds apart (src/engine/programs/answerCache.ts): the program is many files, of which a part may stay as it was.
    define: { "process.env.PROBELENS_BUILD": JSON.stringify(stamp) },
    logOverride: { "require-resolve-not-external": "silent" },
  };
  const banner =
    "import{createRequire as __cr}from'node:module';import{fileURLToPath as __fu}from'node:url';const require=__cr(import.meta.url),__filename=__fu(import.meta.url),__dirname=__fu(new URL('.',import.meta.url));";
  const module = { ...common, format: "esm", banner: { js: banner }, plugins: [bundledKoffi] };
  // Parts are named by their content, and what an earlier build made would be packaged.
  for (const name of readdirSync(DIST).filter((name) => /\.(c?js|map)$/.test(name))) rmSync(join(DIST, name));
  await Promise.all([
    ...Object.entries(BUNDLES).map(([name, entry]) =>
      esbuild.build({ ...module, entryPoints: [entry], outfile: `dist/${name}` }),
    ),
    esbuild.build({
      ...module,
      entryPoints: SPLIT_BUNDLES,
      outdir: "dist",
      splitting: true,
      chunkNames: PART_NAMES,
    }),
    esbuild.build({ ...common, format: "cjs", entryPoints: ["src/extension/main.ts"], outfile: "dist/extension.cjs" }),
  ]);
  chmodSync(join(DIST, "cli.js"), 0o755);
}

function run(command, args) {
  try {
    execFileSync(command, args, { stdio: "inherit" });
  } catch (error) {
    throw new Error(
      `build.mjs: ${command} ${args.join(" ")} failed (${error.message}); "npm run setup" installs what is missing`,
      { cause: error },
    );
  }
}

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

function hashOf(files) {
  const hash = createHash("sha256").update(process.argv.includes("--minify") ? "minified" : "plain");
  for (const file of files) hash.update(file.slice(ROOT.length)).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}
