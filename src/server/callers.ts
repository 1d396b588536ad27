/** Who called: run-time return addresses to function and line, through the address at which a process mapped the program. */
import type { GoBinary, SourcePosition } from "../binary/api.ts";
import type { Mapping } from "./procfs.ts";

/** A trace sees few distinct call sites; a full table starts again. */
const MAX_CACHED_POSITIONS = 65_536;
/** Processes of one `--binary` trace whose mapping is remembered. */
const MAX_CACHED_PROCESSES = 4096;
/** A pid's mapping is looked up again after this time, so that a reused pid cannot lend its place to another process. */
const MAPPING_LIFETIME_MS = 1000;
/** Looks at a command that begins: its program is mapped within a millisecond of the exec that it waits for. */
const MAX_LOOKS = 10_000;

export interface MappingReader {
  /** Executable mappings of the traced program in this process; undefined when it is gone. */
  mappings(pid: number): Promise<readonly Mapping[] | undefined>;
}

export class CallerTable {
  private readonly binary: GoBinary;
  private readonly reader: MappingReader;
  /** A known function: its place in the file ties file offsets to addresses. */
  private readonly anchor: { readonly entry: number; readonly offset: number };
  /** True where the program runs at the addresses of its file (ET_EXEC). */
  private readonly fixed: boolean;
  private readonly positions = new Map<number, SourcePosition | undefined>();
  private readonly biases = new Map<number, { bias: number | undefined; readAt: number }>();

  constructor(
    binary: GoBinary,
    fixed: boolean,
    anchor: { readonly entry: number; readonly offset: number },
    reader: MappingReader,
  ) {
    this.binary = binary;
    this.fixed = fixed;
    this.anchor = anchor;
    this.reader = reader;
  }

  /** What is known without waiting; `undefined`: ask `load` first. `null`: cannot be known. */
  lookup(pid: number, returnAddress: bigint): SourcePosition | null | undefined {
    if (returnAddress === 0n) return null;
    const bias = this.bias(pid);
    if (bias === undefined) return undefined;
    if (bias === null) return null;
    const address = Number(returnAddress) - 1 - bias;
    if (!this.positions.has(address)) return undefined;
    return this.positions.get(address) ?? null;
  }

  async load(pid: number, returnAddress: bigint): Promise<void> {
    if (this.bias(pid) === undefined) {
      const bias = this.biasOf(await this.reader.mappings(pid));
      if (this.biases.size >= MAX_CACHED_PROCESSES) this.biases.clear();
      this.biases.set(pid, { bias, readAt: Date.now() });
    }
    const bias = this.bias(pid);
    if (bias === undefined || bias === null) return;
    const address = Number(returnAddress) - 1 - bias;
    if (this.positions.has(address)) return;
    const position = await this.binary.positionOf(address).catch(() => undefined);
    if (this.positions.size >= MAX_CACHED_POSITIONS) this.positions.clear();
    this.positions.set(address, position);
  }

  /**
   * Waits for a command that is about to become the program and notes where it is mapped, before it may have ended
   * again. The pid cannot be reused while its parent, this process, has not waited for it.
   */
  async watch(pid: number, running: () => boolean): Promise<void> {
    for (let look = 0; !this.fixed && running() && look < MAX_LOOKS; look += 1) {
      const bias = this.biasOf(await this.reader.mappings(pid));
      if (bias !== undefined) {
        this.biases.set(pid, { bias, readAt: Number.POSITIVE_INFINITY });
        return;
      }
    }
  }

  private bias(pid: number): number | null | undefined {
    if (this.fixed) return 0;
    const known = this.biases.get(pid);
    if (known === undefined || Date.now() - known.readAt > MAPPING_LIFETIME_MS) return undefined;
    return known.bias ?? null;
  }

  private biasOf(mappings: readonly Mapping[] | undefined): number | undefined {
    for (const mapping of mappings ?? []) {
      const inside = this.anchor.offset - mapping.fileOffset;
      if (inside >= 0 && inside < mapping.end - mapping.start) return mapping.start + inside - this.anchor.entry;
    }
    return undefined;
  }
}
