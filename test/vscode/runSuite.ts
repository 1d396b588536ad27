/** Bundles the in-editor suite and runs it through @vscode/test-electron: in the browser-hosted editor, or on a desktop. */
import { fileURLToPath } from "node:url";
import { runTests } from "@vscode/test-electron";
import { build } from "esbuild";
import type { LaunchSetup } from "./launcher.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LAUNCHER = fileURLToPath(new URL("launcher.sh", import.meta.url));
/** With it, a desktop VS Code is downloaded and used; clicks are commands then, and nothing looks at the page. */
export const onDesktop = process.env["PROBELENS_TEST_DESKTOP"] === "1";

export interface SuiteRun {
  readonly scenario: string;
  readonly setup: Partial<LaunchSetup> & { readonly folder: string };
  readonly env: Readonly<Record<string, string>>;
  /** Where this repository lies for the editor; elsewhere than here when it runs behind a bind mount. */
  readonly root?: string;
  /** Folder of the extension under test; a folder without one where it is installed. */
  readonly extension?: string;
}

export async function runSuite({ scenario, setup, env, root = ROOT, extension = root }: SuiteRun): Promise<void> {
  await bundleSuite();
  await runTests({
    ...(onDesktop ? {} : { vscodeExecutablePath: LAUNCHER }),
    extensionDevelopmentPath: extension,
    extensionTestsPath: `${root.replace(/\/$/, "")}/build/vscode-suite/index.cjs`,
    launchArgs: onDesktop ? [setup.folder] : [],
    extensionTestsEnv: { ...env, PROBELENS_TEST_SCENARIO: scenario, PROBELENS_TEST_SETUP: JSON.stringify(setup) },
  });
}

async function bundleSuite(): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: ["test/vscode/suite/index.ts"],
    outfile: "build/vscode-suite/index.cjs",
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["vscode"],
    logLevel: "warning",
  });
}
