/**
 * Where the kernel programs build deep events: memory for each thread that sends some, one map for all sessions of a
 * helper. Threads end, and nobody tells the map: the helper looks from time to time.
 */
import { existsSync } from "node:fs";
import { SCRATCH, SCRATCH_THREADS } from "../src/protocol/layout.ts";
import { createMap, deleteFromMap, lookupMap, mapKeys, possibleCpus, updateMap } from "./foreign/maps.ts";
import { closeFd } from "./foreign/process.ts";

/** Threads come and go slowly: the Go runtime keeps those that it has. */
const SWEEP_INTERVAL_MS = 10_000;
/** Bits 12 to 23 of an address tell the memories apart (deep_call_id in bpf/scratch.h): so much they may span. */
const SPAN_BYTES = 16 << 20;
/** An entry's key and what the kernel keeps beside it (struct htab_elem, kernel/bpf/hashtab.c). */
const ENTRY_BYTES = 64;
/** On machines with hundreds of CPUs. */
const LEAST_THREADS = 64;

/** The kernel allots an entry more for each CPU (htab_has_extra_elems), from the same span. */
function threadsOf(cpus: number): number {
  const room = Math.floor(SPAN_BYTES / (SCRATCH.size + ENTRY_BYTES)) - cpus;
  return Math.max(LEAST_THREADS, Math.min(SCRATCH_THREADS, room));
}

export interface ScratchMaps {
  readonly memory: number;
  readonly template: number;
}

export class Scratch {
  /** A helper in a pid namespace does not know the threads by the kernel's numbers. */
  private readonly sweeps: boolean;
  private maps: ScratchMaps | undefined;
  private threads = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(sweeps: boolean) {
    this.sweeps = sweeps;
  }

  /** Made when the first session needs it: 16 MiB of kernel memory. */
  open(): ScratchMaps {
    if (this.maps === undefined) {
      this.threads = threadsOf(possibleCpus());
      const memory = createMap("hash", "probelens_tmp", SCRATCH.size, this.threads);
      try {
        this.maps = { memory, template: createMap("array", "probelens_tmp0", SCRATCH.size, 1) };
      } catch (error) {
        closeFd(memory);
        throw error;
      }
      if (this.sweeps) this.timer = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
    }
    return this.maps;
  }

  close(): void {
    clearInterval(this.timer);
    if (this.maps === undefined) return;
    closeFd(this.maps.memory);
    closeFd(this.maps.template);
    this.maps = undefined;
  }

  /** Gives the memory of threads that have ended to those that will come. */
  sweep(): void {
    if (this.maps === undefined) return;
    const { memory, template } = this.maps;
    const threads = mapKeys(memory, this.threads);
    // Below this there is room for a burst of new threads between two looks.
    if (threads.length < this.threads / 2) return;
    const gone = threads.filter((thread) => !existsSync(`/proc/${thread}`));
    // Call ids are made of the memory's place and its sequence: who gets the memory next goes on from there.
    const value = new Uint8Array(SCRATCH.size);
    const view = new DataView(value.buffer);
    lookupMap(template, 0, value);
    let sequence = view.getBigUint64(SCRATCH.sequence, true);
    for (const thread of gone) {
      lookupMap(memory, thread, value);
      const own = view.getBigUint64(SCRATCH.sequence, true);
      if (own > sequence) sequence = own;
    }
    const fresh = new Uint8Array(SCRATCH.size);
    new DataView(fresh.buffer).setBigUint64(SCRATCH.sequence, sequence, true);
    updateMap(template, 0, fresh);
    for (const thread of gone) deleteFromMap(memory, thread);
  }
}
