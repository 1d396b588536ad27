/**
 * A Go program as Debian or Ubuntu ships it, with its upstream source: fetched by apt into the user's cache, unpacked,
 * not installed. The source package's description names the source archive and its checksum; no deb-src line is needed.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "../cacheFolder.ts";

export interface DebianPackage {
  readonly version: string;
  /** The package's files. */
  readonly root: string;
  /** The source's top folder. */
  readonly source: string;
}

/** Apt or the archive is missing or out of reach: nothing that this project could mend. */
export class OutOfReach extends Error {}

const CACHE = cacheFolder("debian");
const TOOL_TIMEOUT_MS = 60_000;
const MAX_ARCHIVE_BYTES = 64 << 20;

export async function debianPackage(name: string): Promise<DebianPackage> {
  // As apt's user must not need to write to root's home, apt itself stays the calling user.
  const options = ["-o", "APT::Sandbox::User=root"];
  const [line = ""] = reach("apt-get", [...options, "download", "--print-uris", name]).split("\n");
  const uri = /^'([^']+)'/.exec(line)?.[1];
  if (uri === undefined) throw new OutOfReach(`apt-get names no archive of ${name}: ${line}`);
  const folder = join(CACHE, decodeURIComponent(basename(uri, ".deb")));
  if (!existsSync(folder)) {
    mkdirSync(CACHE, { recursive: true });
    const unfinished = mkdtempSync(join(CACHE, "unfinished-"));
    try {
      reach("apt-get", [...options, "-q", "download", name], unfinished);
      const deb = join(unfinished, readdirSync(unfinished).find((entry) => entry.endsWith(".deb")) ?? "");
      execFileSync("dpkg", ["-x", deb, join(unfinished, "root")]);
      await unpackSource(deb, dirname(uri), join(unfinished, "source"));
      renameSync(unfinished, folder);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
  }
  const source = join(folder, "source");
  const [top = ""] = readdirSync(source);
  return { version: basename(folder), root: join(folder, "root"), source: join(source, top) };
}

async function unpackSource(deb: string, pool: string, folder: string): Promise<void> {
  const field = (name: string): string => execFileSync("dpkg-deb", ["-f", deb, name], { encoding: "utf8" }).trim();
  // `Source: webhook (2.8.0-4)` where a package was rebuilt as 2.8.0-4+b6; absent where both are the same.
  const [, source = field("Package"), version = field("Version")] =
    /^(\S+)(?: \((\S+)\))?$/.exec(field("Source")) ?? [];
  const description = await fetched(`${pool}/${source}_${version.replace(/^\d+:/, "")}.dsc`);
  const [, sum, archive] = /^Checksums-Sha256:\n(?: .*\n)*? ([0-9a-f]{64}) \d+ (\S+\.orig\.tar\.\w+)$/m.exec(
    description.toString("utf8"),
  ) ?? ["", "", ""];
  const bytes = await fetched(`${pool}/${archive}`);
  if (createHash("sha256").update(bytes).digest("hex") !== sum) throw new Error(`${archive} is not what its .dsc says`);
  mkdirSync(folder);
  writeFileSync(`${folder}.tar`, bytes);
  execFileSync("tar", ["-xf", `${folder}.tar`, "-C", folder, "--no-same-owner"]);
  rmSync(`${folder}.tar`);
}

async function fetched(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TOOL_TIMEOUT_MS) }).catch((error: Error) => {
    throw new OutOfReach(`${url}: ${error.message}`);
  });
  if (!response.ok) throw new OutOfReach(`${url}: ${response.status} ${response.statusText}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  if (bytes.length > MAX_ARCHIVE_BYTES) throw new Error(`${url} has ${bytes.length} bytes`);
  return bytes;
}

function reach(command: string, args: string[], cwd = "/"): string {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: "utf8",
      timeout: TOOL_TIMEOUT_MS,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    throw new OutOfReach(error instanceof Error ? error.message.trim() : String(error));
  }
}

/** Names of the file's sections. */
export function sectionsOf(file: string): string[] {
  const text = execFileSync("readelf", ["-SW", file], { encoding: "utf8" });
  return [...text.matchAll(/^ *\[ *\d+\] (\S+)/gm)].map(([, name = ""]) => name);
}
