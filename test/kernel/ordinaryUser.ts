/** A user without rights of its own, with or without sudo, for the time of a test. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, linkSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Child, ROOT } from "./cliProcess.ts";

const NAME = "probelens-test";
const SUDOERS = `/etc/sudoers.d/${NAME}`;
export const PASSWORD = "correct horse 'battery'";

export class OrdinaryUser {
  readonly uid: number;
  readonly gid: number;
  /** Readable by everybody, which the working tree need not be: dist/, node, programs. */
  readonly directory: string;

  /** Needs root. */
  static async create(): Promise<OrdinaryUser> {
    spawnSync("userdel", ["-r", NAME]);
    execFileSync("useradd", ["--create-home", "--shell", "/bin/sh", NAME]);
    execFileSync("chpasswd", { input: `${NAME}:${PASSWORD}\n` });
    const user = new OrdinaryUser();
    await build({
      entryPoints: [fileURLToPath(new URL("askpassPeer.ts", import.meta.url))],
      outfile: join(user.directory, "dist/askpassPeer.js"),
      bundle: true,
      platform: "node",
      format: "esm",
      banner: {
        js: "import{createRequire as __cr}from'node:module';import{fileURLToPath as __fu}from'node:url';const require=__cr(import.meta.url),__filename=__fu(import.meta.url),__dirname=__fu(new URL('.',import.meta.url));",
      },
    });
    return user;
  }

  private constructor() {
    const id = (option: string): number => Number(execFileSync("id", [option, NAME], { encoding: "utf8" }));
    this.uid = id("-u");
    this.gid = id("-g");
    this.directory = mkdtempSync(join(tmpdir(), "probelens-user-"));
    chmodSync(this.directory, 0o755);
    cpSync(join(ROOT, "dist"), join(this.directory, "dist"), { recursive: true });
    writeFileSync(join(this.directory, "package.json"), '{"type":"module","version":"0.0.0"}');
    try {
      linkSync(process.execPath, this.node);
    } catch {
      copyFileSync(process.execPath, this.node);
    }
  }

  get node(): string {
    return join(this.directory, "node");
  }

  /** A program that the user may run. */
  install(program: string, name: string): string {
    const path = join(this.directory, name);
    copyFileSync(program, path);
    chmodSync(path, 0o755);
    return path;
  }

  sudo(rule: "without password" | "with password" | "none"): void {
    rmSync(SUDOERS, { force: true });
    const tag = { "without password": "NOPASSWD: ", "with password": "", none: undefined }[rule];
    // timestamp_timeout=0: a password that one test gave must not serve the next.
    const text = `Defaults:${NAME} timestamp_timeout=0\n${NAME} ALL=(ALL) ${tag}ALL\n`;
    if (tag !== undefined) writeFileSync(SUDOERS, text, { mode: 0o440 });
  }

  /** Runs a command as this user. */
  start(command: string, ...args: string[]): Child {
    const env = { PATH: process.env["PATH"], HOME: `/home/${NAME}`, USER: NAME, LANG: "C.UTF-8" };
    return new Child(command, args, { uid: this.uid, gid: this.gid, env, cwd: "/" });
  }

  probelens(...args: string[]): Child {
    return this.start(this.node, join(this.directory, "dist/cli.js"), ...args);
  }

  remove(): void {
    rmSync(SUDOERS, { force: true });
    rmSync(this.directory, { recursive: true, force: true });
    spawnSync("userdel", ["-r", NAME]);
  }
}
