/** What the kernel program counts for each probe, and its bytes as bpf/probelens.h has them. Little-endian. */

/** Kernel counters of one probe; emitted + filtered + throttled + dropped = hits. */
export interface ProbeCounters {
  readonly probe: number;
  readonly hits: number;
  readonly emitted: number;
  /** Return probes: their calls did not pass. */
  readonly filtered: number;
  readonly throttled: number;
  /** No room in the ring buffer. */
  readonly dropped: number;
  /** Return probes: hits whose call is not in the table of open calls (called before attaching, throttled, dropped, refused); not part of `hits`. */
  readonly unpaired: number;
  /** Entry probes that pair: emitted calls for which the table of open calls had no room. */
  readonly refused: number;
  /** Entry probes that pair: emitted calls that ended without a return, as a record says. */
  readonly unwound: number;
  /** The same, but the ring buffer had no room for the record. */
  readonly untold: number;
  /** Nanoseconds that hits took in deep programs, as these measure them, beside what every hit takes; absent: none. */
  readonly spentNs?: number;
  /** Sent for float registers; absent: none. */
  readonly signals?: number;
  /** Of the filtered ones, those whose condition stayed undecided, by its reasons; absent without a condition. */
  readonly undecided?: readonly number[];
}

/** struct pl_counters, one per CPU */
export const COUNTERS = {
  size: 80,
  emitted: 0,
  filtered: 8,
  throttled: 16,
  dropped: 24,
  unpaired: 32,
  refused: 40,
  unwound: 48,
  untold: 56,
  spentNs: 64,
  signals: 72,
} as const;

/** Sums the per-CPU copies of one probe's counters: `bytes` is `cpus` × struct pl_counters. */
export function decodeCounters(probe: number, bytes: Uint8Array): ProbeCounters {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sum = (field: number): number => {
    let total = 0;
    for (let at = 0; at + COUNTERS.size <= bytes.length; at += COUNTERS.size)
      // A call that passes at its return leaves `filtered` on whatever CPU that is: one CPU's count may be negative.
      total += Number(view.getBigInt64(at + field, true));
    return total;
  };
  const emitted = sum(COUNTERS.emitted);
  const filtered = sum(COUNTERS.filtered);
  const throttled = sum(COUNTERS.throttled);
  const dropped = sum(COUNTERS.dropped);
  const hits = emitted + filtered + throttled + dropped;
  const spentNs = sum(COUNTERS.spentNs);
  const signals = sum(COUNTERS.signals);
  return {
    probe,
    hits,
    emitted,
    filtered,
    throttled,
    dropped,
    unpaired: sum(COUNTERS.unpaired),
    refused: sum(COUNTERS.refused),
    unwound: sum(COUNTERS.unwound),
    untold: sum(COUNTERS.untold),
    ...(spentNs === 0 ? {} : { spentNs }),
    ...(signals === 0 ? {} : { signals }),
  };
}
