/**
 * Kernel event times (CLOCK_MONOTONIC, nanoseconds) as RFC 3339 UTC with nanoseconds.
 *
 * All traces of this process share one relation of the two clocks, so between any two events lie exactly the nanoseconds
 * that lie between them on CLOCK_MONOTONIC, unless somebody sets the wall clock in between. (NTP's slewing speeds both
 * clocks up alike, so it is no reason to look again.) The relation to the wall clock itself is known to about a
 * microsecond, on a loaded machine to a few tens.
 */

import { kernelMonotonicNs } from "../../protocol/monotonic.ts";

/** A larger gap than this between the clocks means that someone set the wall clock: the relation is taken anew. */
const RESYNC_NS = 50_000_000n;
/** How often the relation is looked at. */
const CHECK_EVERY_NS = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

/** The two clocks as this process reads them; nanoseconds. */
export interface Clocks {
  monotonic(): bigint;
  /** The wall clock, in whole milliseconds. */
  wallMs(): number;
}
const SYSTEM: Clocks = { monotonic: kernelMonotonicNs, wallMs: () => Date.now() };

export class EventClock {
  private readonly clocks: Clocks;
  /** Unix nanoseconds − monotonic nanoseconds. */
  private offset: bigint;
  private checkedAt: bigint;
  /** The text up to the seconds of the last time: consecutive events mostly share it. */
  private second = -1n;
  private prefix = "";

  constructor(clocks = SYSTEM) {
    this.clocks = clocks;
    this.offset = preciseOffset(clocks);
    this.checkedAt = clocks.monotonic();
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
    const now = this.clocks.monotonic();
    if (now - this.checkedAt < CHECK_EVERY_NS) return;
    this.checkedAt = now;
    const drift = BigInt(this.clocks.wallMs()) * NS_PER_MS - (now + this.offset);
    if (drift > RESYNC_NS || drift < -RESYNC_NS) this.offset = preciseOffset(this.clocks);
  }
}

let shared: EventClock | undefined;

export function eventTime(monotonicNs: bigint): string {
  shared ??= new EventClock();
  return shared.toRfc3339(monotonicNs);
}

/** A tick that was seen within this time is good enough; on a quiet machine the first one is. */
const GOOD_NS = 2_000n;
const MAX_TICKS = 5;

/**
 * The wall clock has milliseconds only here, so its next tick is awaited (at most one millisecond): then both are known
 * as well as the two readings of the other clock around it lie together. A preempted process tries again.
 */
function preciseOffset(clocks: Clocks): bigint {
  let best: { offset: bigint; within: bigint } | undefined;
  for (let tick = 0; tick < MAX_TICKS; tick += 1) {
    const first = clocks.wallMs();
    let before = clocks.monotonic();
    const giveUp = before + 5n * NS_PER_MS;
    for (;;) {
      const now = clocks.wallMs();
      const after = clocks.monotonic();
      if (now !== first || after > giveUp) {
        const within = after - before;
        if (best === undefined || within < best.within)
          best = { offset: BigInt(now) * NS_PER_MS - (before + within / 2n), within };
        break;
      }
      before = after;
    }
    if (best.within <= GOOD_NS) break;
  }
  return best?.offset ?? 0n;
}
