/** The kernel program's counters of one session, CPU × probe, read where it writes them. */
import { COUNTERS } from "../src/protocol/counters.ts";
import { mapMemory, unmapMemory } from "./foreign/memory.ts";
import { copyMemory, type Pointer, viewMemory } from "./foreign/native.ts";

export class CounterMemory {
  private readonly address: Pointer;
  private readonly bytes: number;
  private readonly probes: number;
  private readonly cpus: number;
  /** Absent where the runtime forbids external ArrayBuffers. */
  private readonly view: Uint8Array | undefined;
  private readonly copy: Uint8Array;

  constructor(map: number, probes: number, cpus: number) {
    this.probes = probes;
    this.cpus = cpus;
    this.bytes = cpus * probes * COUNTERS.size;
    this.copy = new Uint8Array(cpus * COUNTERS.size);
    this.address = mapMemory(map, this.bytes);
    try {
      this.view = new Uint8Array(viewMemory(this.address, this.bytes));
    } catch {
      this.view = undefined;
    }
  }

  /** One probe's counters, one CPU after the other; valid until the next call. */
  read(index: number): Uint8Array {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const from = (cpu * this.probes + index) * COUNTERS.size;
      const to = this.copy.subarray(cpu * COUNTERS.size, (cpu + 1) * COUNTERS.size);
      if (this.view === undefined) copyMemory(to, this.address + BigInt(from), COUNTERS.size);
      else to.set(this.view.subarray(from, from + COUNTERS.size));
    }
    return this.copy;
  }

  /** Nothing may be read after it. */
  close(): void {
    unmapMemory(this.address, this.bytes);
  }
}
