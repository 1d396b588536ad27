/** Kernel event times (CLOCK_MONOTONIC, nanoseconds) as RFC 3339 UTC with nanoseconds. */

/** A larger gap than this between the clocks means that someone set the wall clock: the relation is taken anew. */
const RESYNC_NS = 50_000_000n;
/** How often the relation is looked at. */
const CHECK_EVERY_NS = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

export class EventClock {
  /** Unix nanoseconds − monotonic nanoseconds. */
  private offset: bigint;
  private checkedAt: bigint;
  /** The text up to the seconds of the last time: consecutive events mostly share it. */
  private second = -1n;
  private prefix = "";

  constructor() {
    this.offset = preciseOffset();
    this.checkedAt = process.hrtime.bigint();
  }

  toRfc3339(monotonicNs: bigint): string {
    this.follow();
    const unixNs = monotonicNs + this.offset;
    const second = unixNs / NS_PER_S;
    if (second !== this.second) {
      this.second = second;
      this.prefix = new Date(Number(second) * 1000).toISOString().slice(0, 19);
    }
    return `${this.prefix}.${String(unixNs % NS_PER_S).padStart(9, "0")}Z`;
  }

  private follow(): void {
    const now = process.hrtime.bigint();
    if (now - this.checkedAt < CHECK_EVERY_NS) return;
    this.checkedAt = now;
    const drift = BigInt(Date.now()) * NS_PER_MS - (now + this.offset);
    if (drift > RESYNC_NS || drift < -RESYNC_NS) this.offset = preciseOffset();
  }
}

/**
 * Date.now() has milliseconds only, so its next tick is awaited (at most one millisecond): at that moment both clocks
 * are known to the microsecond. libuv's hrtime is CLOCK_MONOTONIC (uv__hrtime, src/unix/linux.c).
 */
function preciseOffset(): bigint {
  const first = Date.now();
  let now = first;
  let monotonic = process.hrtime.bigint();
  const giveUp = monotonic + 5n * NS_PER_MS;
  while (now === first && monotonic < giveUp) {
    now = Date.now();
    monotonic = process.hrtime.bigint();
  }
  return BigInt(now) * NS_PER_MS - monotonic;
}
