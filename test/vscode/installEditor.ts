/**
 * Installs the VS Code server that the editor tests run in: the npm package `code-server`, whose lib/vscode is the
 * plain server with its web workbench and a real extension host. Some 600 MB, two to three minutes; once a machine.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../cacheFolder.ts";

/** VS Code 1.139.1. */
const VERSION = "4.139.1";
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** It wants Node 24, which the npm package `node` brings. */
export const NODE = join(ROOT, "node_modules/node/bin/node");

/** Folder that holds `out/server-main.js`; installed when missing. */
export function installEditor(): string {
  const cache = cacheFolder("code-server");
  const module = join(cache, "node_modules/code-server");
  const editor = join(module, "lib/vscode");
  if (
    installedVersion(module) === VERSION &&
    existsSync(join(editor, "node_modules")) &&
    existsSync(join(editor, "out/server-main.js"))
  ) {
    return editor;
  }
  console.error(`installing code-server ${VERSION} into ${cache} (once, some minutes)`);
  // An interrupted installation leaves half a tree, which npm would not mend.
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, "package.json"), JSON.stringify({ private: true }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--save-exact", `code-server@${VERSION}`], {
    cwd: cache,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...withoutNpm(process.env), PATH: `${dirname(NODE)}${delimiter}${process.env["PATH"] ?? ""}` },
  });
  if (!existsSync(join(editor, "out/server-main.js")))
    throw new Error(`npm installed code-server, but ${editor} has no server`);
  return editor;
}

/**
 * What an outer `npm run` leaves in the environment describes that run: code-server reads from npm_config_user_agent
 * which Node installs it, and would refuse the one that `npm test` was started with.
 */
function withoutNpm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OF_OUTER_NPM.test(name)));
}

const OF_OUTER_NPM = /^npm_(?:config_user_agent$|execpath$|node_execpath$|command$|lifecycle_|package_)/;

function installedVersion(module: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(join(module, "package.json"), "utf8")) as { version?: string };
    return version;
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installEditor();
