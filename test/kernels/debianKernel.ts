/**
 * Kernels as Debian ships them for virtual machines, fetched into the user's cache by apt from the mirror that this
 * machine already uses, with apt's own check of signatures. Nothing is installed and apt's own lists stay as they are.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cacheFolder.ts";

/** By the name that `--kernel` takes. Sid has the newest that Debian builds. */
export const SUITES = { "5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie", newest: "sid" } as const;
export type KernelName = keyof typeof SUITES;
export const KERNELS = Object.keys(SUITES) as KernelName[];

/** The mirror, apt or dpkg is missing or out of reach: nothing that this project could mend. */
export class OutOfReach extends Error {}

const CACHE = cacheFolder("kernels");
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** Suites move slowly; within this time nobody is asked again. */
const MAX_AGE_MS = 7 * 24 * 3600_000;
const TOOL_TIMEOUT_MS = 120_000;
/** linux-image-cloud-amd64 names linux-image-VERSION, which in new suites names linux-binary-VERSION. */
const MAX_PACKAGES = 4;

/** Path of the compressed kernel image (`vmlinuz`). */
export function debianKernel(name: KernelName): string {
  const folder = join(CACHE, SUITES[name]);
  const image = join(folder, "vmlinuz");
  if (existsSync(image) && Date.now() - statSync(image).mtimeMs < MAX_AGE_MS) return image;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(join(CACHE, "unfinished-"));
  try {
    fetchKernel(SUITES[name], unfinished);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    renameSync(join(unfinished, "vmlinuz"), image);
    // The file has its package's time.
    utimesSync(image, new Date(), new Date());
  } catch (error) {
    // A kernel of last month is still this suite's kernel.
    if (!(error instanceof OutOfReach) || !existsSync(image)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return image;
}

function fetchKernel(suite: string, folder: string): void {
  const options = aptOptions(suite, folder);
  reach("apt-get", [...options, "-q", "update"], folder);
  let name = "linux-image-cloud-amd64";
  for (let hop = 0; hop < MAX_PACKAGES; hop++) {
    if (name !== "linux-image-cloud-amd64") {
      reach("apt-get", [...options, "-q", "download", name], folder);
      const deb = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`));
      const found = deb === undefined ? undefined : imageOf(join(folder, deb), join(folder, name));
      if (found !== undefined) {
        renameSync(found, join(folder, "vmlinuz"));
        return;
      }
    }
    const depends = reach("apt-cache", [...options, "depends", name], folder);
    const next =
      /^ +Depends: (linux-binary-\d\S+)$/m.exec(depends) ?? /^ +Depends: (linux-image-\d\S+)$/m.exec(depends);
    if (next?.[1] === undefined) throw new OutOfReach(`${name} of ${suite} depends on no kernel:\n${depends}`);
    name = next[1];
  }
  throw new OutOfReach(`no kernel image within ${MAX_PACKAGES} packages of ${suite}`);
}

/** Apt with lists, archives and sources of its own, for one suite. */
function aptOptions(suite: string, folder: string): string[] {
  for (const name of ["lists/partial", "archives/partial"]) mkdirSync(join(folder, name), { recursive: true });
  const sources = join(folder, "suite.list");
  writeFileSync(sources, `deb [arch=amd64 signed-by=${KEYRING}] ${debianMirror()} ${suite} main\n`);
  const settings = {
    // As apt's user must not need to write to root's home, apt itself stays the calling user.
    "APT::Sandbox::User": "root",
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": folder,
    "Acquire::Languages": "none",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
  };
  return Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

/** Where this machine's apt has Debian's archive from. */
function debianMirror(): string {
  // Says what an update would fetch, and fetches nothing.
  const uris = reach("apt-get", ["update", "--print-uris"], "/");
  // Every mirror has the archive in a folder of this name; security updates have one of their own and no other suites.
  const mirror = /^'(\S+\/debian\/)dists\//m.exec(uris)?.[1];
  if (mirror === undefined) throw new OutOfReach("this machine's apt knows no Debian mirror");
  return mirror;
}

function imageOf(deb: string, folder: string): string | undefined {
  execFileSync("dpkg", ["-x", deb, folder]);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const image = files.find((file) => /(^|\/)vmlinuz(-|$)/.test(file) && statSync(join(folder, file)).isFile());
  return image === undefined ? undefined : join(folder, image);
}

function reach(command: string, args: string[], cwd: string): string {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: "utf8",
      timeout: TOOL_TIMEOUT_MS,
      maxBuffer: 64 << 20,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    throw new OutOfReach(error instanceof Error ? error.message.trim() : String(error));
  }
}
