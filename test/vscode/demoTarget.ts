/** The demo server, built with the installed Go into a folder of its own and started on a free port. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../programs/euler", import.meta.url));
const FUNCTION = "main.computeE";
const START_TIMEOUT_MS = 20_000;
/** Enough of the function to hold every entry site: the stack check and the prologue. */
const CODE_BYTES = 48;

export interface Workspace {
  /** Root of what this test makes; everything in it may be read by every user. */
  readonly root: string;
  /** The folder that the editor opens: a copy of the demo's source. */
  readonly folder: string;
  readonly file: string;
  readonly binary: string;
  /** Run-time address of main.computeE; the program is no PIE. */
  readonly address: number;
}

export interface DemoProcess {
  readonly pid: number;
  readonly url: string;
  /** What the suite needs to know (suite/target.ts), as JSON for the environment. */
  readonly info: string;
  stop(): void;
}

/** `module`: another module path than the demo's own, so that no other copy of it that runs here is taken for it. */
export function makeWorkspace(module?: string): Workspace {
  const root = mkdtempSync(join(tmpdir(), "probelens-demo-"));
  chmodSync(root, 0o755);
  const folder = join(root, "euler");
  cpSync(SOURCE, folder, { recursive: true, filter: (path) => !path.endsWith("/euler/euler") });
  if (module !== undefined) writeFileSync(join(folder, "go.mod"), `module ${module}\n\ngo 1.15\n`);
  mkdirSync(join(root, "bin"));
  const binary = join(root, "bin/euler");
  execFileSync("go", ["build", "-buildvcs=false", "-o", binary, "."], { cwd: folder, stdio: "inherit" });
  execFileSync("chmod", ["-R", "a+rX", root]);
  const line = execFileSync("go", ["tool", "nm", binary], { encoding: "utf8", maxBuffer: 1 << 28 })
    .split("\n")
    .find((text) => text.endsWith(` ${FUNCTION}`));
  const address = Number.parseInt(line?.trim().split(/\s+/)[0] ?? "", 16);
  if (Number.isNaN(address)) throw new Error(`go tool nm does not list ${FUNCTION}`);
  return { root, folder, file: join(folder, "app.go"), binary, address };
}

/** A test program, as `makeWorkspace` makes the demo: no other copy of it that runs here is taken for it. */
export function makeProgram(name: string): Pick<Workspace, "root" | "folder" | "binary"> {
  const root = mkdtempSync(join(tmpdir(), `probelens-${name}-`));
  const [folder, binary] = [join(root, name), join(root, "bin", name)];
  const source = fileURLToPath(new URL(`../programs/${name}`, import.meta.url));
  cpSync(source, folder, { recursive: true, filter: (path) => !path.endsWith(`/${name}/bin`) });
  writeFileSync(
    join(folder, "go.mod"),
    readFileSync(join(folder, "go.mod"), "utf8").replace(/^module .*/, `module example.com/${basename(root)}`),
  );
  execFileSync("go", ["build", "-buildvcs=false", "-o", binary, "."], { cwd: folder, stdio: "inherit" });
  return { root, folder, binary };
}

export function removeWorkspace({ root }: Pick<Workspace, "root">): void {
  rmSync(root, { recursive: true, force: true });
}

/** `as`: a command that runs its arguments, for another user. */
export async function startDemo(workspace: Workspace, as: readonly string[] = []): Promise<DemoProcess> {
  const [command, ...args]: readonly string[] = [...as, workspace.binary, "-listen", "127.0.0.1:0"];
  if (command === undefined) throw new RangeError("no command");
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const url = await firstUrl(child);
  const pid = child.pid ?? 0;
  const info = {
    pid,
    url,
    address: workspace.address,
    bytes: memory(pid, workspace.address).toString("hex"),
    file: workspace.file,
    binary: workspace.binary,
  };
  return { pid, url, info: JSON.stringify(info), stop: () => void child.kill("SIGKILL") };
}

export function memory(pid: number, address: number): Buffer {
  const fd = openSync(`/proc/${pid}/mem`, "r");
  try {
    const bytes = Buffer.alloc(CODE_BYTES);
    readSync(fd, bytes, 0, CODE_BYTES, address);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

async function firstUrl(child: ChildProcess): Promise<string> {
  return await new Promise((resolve, reject) => {
    let output = "";
    const timer = setTimeout(() => reject(new Error(`the demo did not start: ${output}`)), START_TIMEOUT_MS);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the demo ended with ${code}: ${output}`)));
    child.stdout?.on("data", (data: Buffer) => {
      output += data.toString();
      const url = /http:\/\/[\d.:]+/.exec(output)?.[0];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}
