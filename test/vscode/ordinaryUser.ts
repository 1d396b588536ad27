/**
 * A user as on a developer's machine: no rights of its own, sudo with a password. Made by the test and removed again.
 * The editor and this repository may lie where such a user cannot look (below /root), so the user's processes get a
 * mount namespace with both bound into the test's own folder.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installEditor } from "./installEditor.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface OrdinaryUser {
  readonly name: string;
  readonly password: string;
  /** A command that runs its arguments as this user. */
  readonly run: readonly string[];
  /** The same, with editor and repository bound to the paths below. */
  readonly runInEditor: readonly string[];
  readonly editor: string;
  readonly repository: string;
  readonly node: string;
  remove(): void;
}

/** `root`: a folder of the test that every user may enter. Needs root. */
export function makeUser(root: string): OrdinaryUser {
  const suffix = randomBytes(4).toString("hex");
  const name = `plt-${suffix}`;
  const password = `secret ${suffix}`;
  const home = join(root, `home-${suffix}`);
  const sudoers = `/etc/sudoers.d/${name}`;
  execFileSync("useradd", ["--create-home", "--home-dir", home, "--shell", "/bin/sh", name], { stdio: "pipe" });
  execFileSync("chpasswd", { input: `${name}:${password}\n` });
  writeFileSync(sudoers, `${name} ALL=(ALL:ALL) ALL\n`, { mode: 0o440 });
  const editor = join(root, "editor");
  const repository = join(root, "repository");
  mkdirSync(editor, { recursive: true });
  mkdirSync(repository, { recursive: true });
  const environment = ["env", `HOME=${home}`, `USER=${name}`, `LOGNAME=${name}`, "XDG_RUNTIME_DIR=", "SUDO_ASKPASS="];
  const run = ["setpriv", `--reuid=${name}`, `--regid=${name}`, "--init-groups", "--inh-caps=-all", ...environment];
  const bind = 'mount --bind "$1" "$2" && mount --bind "$3" "$4" && shift 4 && exec "$@"';
  return {
    name,
    password,
    run,
    runInEditor: ["unshare", "--mount", "--propagation", "private", "sh", "-c", bind, "bind"].concat(
      [installEditor(), editor, ROOT, repository],
      run,
    ),
    editor,
    repository,
    node: join(repository, "node_modules/node/bin/node"),
    remove() {
      rmSync(sudoers, { force: true });
      // A process that is still ending would make userdel refuse without --force.
      execFileSync("userdel", ["--force", "--remove", name], { stdio: "pipe" });
    },
  };
}
