/**
 * Who called: return addresses to function and line. A position-independent program runs at other addresses than its
 * file has; by how much, the probe's own address tells in each event (no look at /proc, which a process that ends at
 * once would not wait for).
 */
import type { GoBinary, SourcePosition } from "../../gobinary/api.ts";
import type { PlannedCapture } from "../../probe/api.ts";
import { MAX_ROOT_PIECES } from "../../protocol/capture.ts";
import type { RawEvent } from "../../protocol/records.ts";

/** A trace sees few distinct call sites; a full table starts again. */
const MAX_CACHED_POSITIONS = 65_536;
/** Elf64_Ehdr.e_type of a program that runs at the addresses of its file. */
export const ET_EXEC = 2;

export class CallerTable {
  private readonly binary: GoBinary;
  private readonly fixed: boolean;
  private readonly positions = new Map<number, SourcePosition | undefined>();

  /** `fixed`: the program runs at the addresses of its file (ET_EXEC). */
  constructor(binary: GoBinary, fixed: boolean) {
    this.binary = binary;
    this.fixed = fixed;
  }

  /** The plan with the probe's own address as its last piece, where that is needed and has room. */
  withProbeAddress(plan: PlannedCapture): PlannedCapture {
    if (this.fixed || plan.pieces.length >= MAX_ROOT_PIECES) return plan;
    return { ...plan, pieces: [...plan.pieces, { kind: "register", register: "RIP" }] };
  }

  /**
   * The file's address of the call, for an event of a plan made by `withProbeAddress` at `site`; `undefined` where it
   * cannot be known.
   */
  callAddress(raw: RawEvent, plan: Pick<PlannedCapture, "pieces">, site: number): number | undefined {
    if (raw.returnAddress === 0n) return undefined;
    const bias = this.loadBias(raw, plan, site);
    // The call instruction ends where the return address points: one byte before lies in it, and in its line.
    return bias === undefined ? undefined : Number(raw.returnAddress) - 1 - bias;
  }

  /** What the process's addresses are above those of the file, for such an event; `undefined` where not known. */
  loadBias(raw: RawEvent, plan: Pick<PlannedCapture, "pieces">, site: number): number | undefined {
    if (this.fixed) return 0;
    if (plan.pieces.length >= MAX_ROOT_PIECES || raw.root.length < 8) return undefined;
    const view = new DataView(raw.root.buffer, raw.root.byteOffset, raw.root.byteLength);
    return Number(view.getBigUint64(raw.root.length - 8, true)) - site;
  }

  /** `undefined`: `load` it first. `null`: no function of the program is there. */
  lookup(address: number): SourcePosition | null | undefined {
    if (!this.positions.has(address)) return undefined;
    return this.positions.get(address) ?? null;
  }

  async load(address: number): Promise<void> {
    const position = await this.binary.positionOf(address).catch(() => undefined);
    if (this.positions.size >= MAX_CACHED_POSITIONS) this.positions.clear();
    this.positions.set(address, position);
  }
}
