/**
 * The packaged extension, installed into a fresh VS Code server of an ordinary user who has to give a password for
 * sudo: traces a process of another user, then one of that user.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type DemoProcess, makeWorkspace, removeWorkspace, startDemo, type Workspace } from "./demoTarget.ts";
import { makeUser, type OrdinaryUser } from "./ordinaryUser.ts";
import { onDesktop, runSuite } from "./runSuite.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Another user without any rights, as services have; setpriv's words to become it. */
const OTHER_USER = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"];
const skip = onDesktop || process.getuid?.() !== 0 ? "needs root, to make an ordinary user" : false;

let workspace: Workspace;
let others: Workspace;
let user: OrdinaryUser;
const demos: DemoProcess[] = [];

before(async () => {
  if (skip !== false) return;
  execFileSync("npm", ["run", "--silent", "package"], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  workspace = makeWorkspace("example.com/ordinary");
  user = makeUser(workspace.root);
  others = makeWorkspace("example.com/others");
  demos.push(await startDemo(workspace, user.run), await startDemo(others, OTHER_USER));
});
after(() => {
  for (const demo of demos) demo.stop();
  user?.remove();
  if (workspace !== undefined) removeWorkspace(workspace);
  if (others !== undefined) removeWorkspace(others);
});

void test("installed from the VSIX, an ordinary user traces own and others' processes", { skip }, async () => {
  const dataDir = join(workspace.root, "data");
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o777);
  const server = [user.node, join(user.editor, "out/server-main.js"), `--server-data-dir=${dataDir}`];
  const vsix = join(user.repository, "dist/probelens-linux-x64.vsix");
  const [command, ...rest] = [...user.runInEditor, ...server, "--install-extension", vsix];
  execFileSync(command ?? "", rest, { stdio: ["ignore", "pipe", "inherit"] });
  await runSuite({
    scenario: "ordinaryUser",
    root: user.repository,
    // VS Code wants a folder with an extension under development; this one is empty, the real one is installed.
    extension: emptyExtension(),
    setup: { folder: workspace.folder, wrap: user.runInEditor, editor: user.editor, node: user.node, dataDir },
    env: {
      PROBELENS_TEST_TARGET: demos[0]?.info ?? "",
      PROBELENS_TEST_OTHER_TARGET: demos[1]?.info ?? "",
      PROBELENS_TEST_PASSWORD: user.password,
      PROBELENS_TEST_PICTURES: "user-",
    },
  });
});

function emptyExtension(): string {
  const folder = join(workspace.root, "empty");
  mkdirSync(folder);
  const manifest = { name: "empty", publisher: "probelens-test", version: "0.0.0", engines: { vscode: "*" } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  return folder;
}
