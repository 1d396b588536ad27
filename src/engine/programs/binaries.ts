/**
 * Open Go binaries, shared by content: two processes of one program, or a trace and a code lens, parse it once. A
 * binary stays open while a handle is; a few idle ones are kept because the next request mostly wants the same.
 */
import { stat } from "node:fs/promises";
import type { ByteSource } from "../../bytes/source.ts";
import type { GoBinary } from "../../gobinary/api.ts";
import { openBinary } from "../../gobinary/open.ts";
import { encodePath } from "../../protocol/path.ts";
import type { Job } from "../job.ts";
import { DebugFiles } from "./debugFiles.ts";
import { identityOf, type ProgramSource } from "./programFiles.ts";

/** Idle parsed binaries; one of a large server takes some 100 MB. */
const MAX_IDLE = 3;

interface Entry {
  readonly source: ProgramSource;
  readonly debugFiles: DebugFiles;
  readonly binary: Promise<GoBinary>;
  /** Makes what is being opened fail at its next read. */
  readonly reading: AbortController;
  opened: boolean;
  users: number;
}

export interface BinaryHandle {
  readonly binary: GoBinary;
  readonly source: ProgramSource;
  readonly release: () => void;
}

export class BinaryCache {
  /** By identity, least recently used first. */
  private readonly entries = new Map<string, Entry>();

  /** Takes over `source`. When everybody who waits for it has given up, it is read no further. */
  async acquire({ signal }: Job, source: ProgramSource): Promise<BinaryHandle> {
    const known = this.entries.get(source.identity);
    const entry = known ?? openEntry(source);
    this.entries.delete(source.identity);
    this.entries.set(source.identity, entry);
    entry.users += 1;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      entry.users -= 1;
      this.trim();
    };
    try {
      if (known !== undefined) {
        known.source.renew?.(source);
        await source.close();
      }
      const binary = await unlessAborted(entry.binary, signal);
      return { binary, source: entry.source, release };
    } catch (error) {
      release();
      if (signal.aborted && (entry.users > 0 || entry.opened)) throw error;
      entry.reading.abort();
      if (this.entries.get(source.identity) === entry) this.entries.delete(source.identity);
      await this.close(entry);
      throw error;
    }
  }

  async closeAll(): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
    for (const entry of entries) entry.reading.abort();
    for (const entry of entries) await this.close(entry);
  }

  private trim(): void {
    const idle = [...this.entries].filter(([, entry]) => entry.users === 0);
    for (const [identity, entry] of idle.slice(0, Math.max(0, idle.length - MAX_IDLE))) {
      this.entries.delete(identity);
      void this.close(entry);
    }
  }

  private async close(entry: Entry): Promise<void> {
    (await entry.binary.catch(() => undefined))?.close();
    await entry.debugFiles.close();
    await entry.source.close();
  }
}

function openEntry(source: ProgramSource): Entry {
  const debugFiles = new DebugFiles(source.path ?? source.name);
  const reading = new AbortController();
  const binary = openBinary(whileWanted(source, reading.signal), { findDebugFile: debugFiles.find });
  const entry: Entry = { source, debugFiles, binary, reading, opened: false, users: 0 };
  binary.then(
    () => {
      entry.opened = true;
    },
    () => {},
  );
  return entry;
}

/** Parsing asks for bytes again and again, so refusing them ends it; the pure layers need to know nothing of that. */
function whileWanted(source: ProgramSource, signal: AbortSignal): ByteSource {
  return {
    name: source.name,
    size: source.size,
    async read(offset, length) {
      signal.throwIfAborted();
      return await source.read(offset, length);
    },
  };
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  return await Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}

/** False where the path now leads to another file than the one that was read. */
export async function isStill(path: string, identity: string): Promise<boolean> {
  try {
    return identityOf(await stat(encodePath(path), { bigint: true })) === identity;
  } catch {
    return false;
  }
}

/** A GoBinary whose `close` gives back the handle instead of closing what others use. */
export function borrowed({ binary, release }: BinaryHandle): GoBinary {
  return delegate(binary, { close: release });
}

/** A GoBinary that differs from another in some of its members, or has more. */
export function delegate<C extends Partial<GoBinary>>(binary: GoBinary, changes: C): GoBinary & C {
  return new Proxy(binary, {
    get(_, member) {
      if (Object.hasOwn(changes, member)) return Reflect.get(changes, member);
      const own: unknown = Reflect.get(binary, member);
      // Private members are the binary's, not the proxy's.
      return typeof own === "function" ? own.bind(binary) : own;
    },
  }) as GoBinary & C;
}
