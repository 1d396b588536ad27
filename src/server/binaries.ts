/**
 * Open Go binaries, shared by content: two processes of one program, or a trace and a code lens, parse it once. A
 * binary stays open while a handle is; a few idle ones are kept because the next request mostly wants the same.
 */
import { stat } from "node:fs/promises";
import type { GoBinary } from "../binary/api.ts";
import { openBinary } from "../binary/open.ts";
import { DebugFiles } from "./debugFiles.ts";
import { identityOf, type ProgramSource } from "./sources.ts";

/** Idle parsed binaries; one of a large server takes some 100 MB. */
const MAX_IDLE = 3;

interface Entry {
  readonly source: ProgramSource;
  readonly debugFiles: DebugFiles;
  readonly binary: Promise<GoBinary>;
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

  /** Takes over `source`. */
  async acquire(source: ProgramSource): Promise<BinaryHandle> {
    const known = this.entries.get(source.identity);
    if (known !== undefined) {
      known.source.renew?.(source);
      await source.close();
    }
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
      const binary = await entry.binary;
      return { binary, source: entry.source, release };
    } catch (error) {
      if (this.entries.get(source.identity) === entry) this.entries.delete(source.identity);
      await entry.debugFiles.close();
      await entry.source.close();
      throw error;
    }
  }

  async closeAll(): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
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
  const debugFiles = new DebugFiles(source.name);
  return { source, debugFiles, binary: openBinary(source, { findDebugFile: debugFiles.find }), users: 0 };
}

/** False where the path now leads to another file than the one that was read. */
export async function isStill(path: string, identity: string): Promise<boolean> {
  try {
    return identityOf(await stat(path, { bigint: true })) === identity;
  } catch {
    return false;
  }
}

/** A GoBinary whose `close` gives back the handle instead of closing what others use. */
export function borrowed({ binary, release }: BinaryHandle): GoBinary {
  return delegate(binary, { close: release });
}

/** A GoBinary that differs from another in some of its methods. */
export function delegate(binary: GoBinary, changes: Partial<GoBinary>): GoBinary {
  return {
    name: binary.name,
    arch: binary.arch,
    buildInfo: binary.buildInfo,
    buildId: binary.buildId,
    hasDwarf: binary.hasDwarf,
    get warnings() {
      return binary.warnings;
    },
    runtime: binary.runtime,
    functions: () => binary.functions(),
    functionsNamed: (name) => binary.functionsNamed(name),
    functionAt: (address) => binary.functionAt(address),
    signature: (fn) => binary.signature(fn),
    contradiction: (fn, signature) => binary.contradiction(fn, signature),
    confirms: (fn, signature) => binary.confirms(fn, signature),
    typeData: () => binary.typeData(),
    positionOf: (address) => binary.positionOf(address),
    inlinedCopies: (fn) => binary.inlinedCopies(fn),
    inlinedCalls: (fn) => binary.inlinedCalls(fn),
    code: (fn) => binary.code(fn),
    fileOffset: (address) => binary.fileOffset(address),
    close: () => binary.close(),
    ...changes,
  };
}
