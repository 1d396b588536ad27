/** User names of uids, from /etc/passwd and, for directory services (LDAP, systemd-homed), from getent(1). */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** One process list names few users; the bound only guards a machine with a uid per process. */
const MAX_CACHED_NAMES = 4096;
const GETENT_TIMEOUT_MS = 2000;

const cache = new Map<number, string>();

/** The uid's number as text where it has no name. */
export async function userName(uid: number): Promise<string> {
  const cached = cache.get(uid);
  if (cached !== undefined) return cached;
  const name = (await fromPasswd(uid)) ?? (await fromGetent(uid)) ?? String(uid);
  if (cache.size >= MAX_CACHED_NAMES) cache.clear();
  cache.set(uid, name);
  return name;
}

async function fromPasswd(uid: number): Promise<string | undefined> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  return nameInEntries(text, uid);
}

async function fromGetent(uid: number): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("getent", ["passwd", String(uid)], { timeout: GETENT_TIMEOUT_MS });
    return nameInEntries(stdout, uid);
  } catch {
    return undefined;
  }
}

function nameInEntries(text: string, uid: number): string | undefined {
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    if (fields[2] === String(uid) && fields[0] !== undefined && fields[0] !== "") return fields[0];
  }
  return undefined;
}
