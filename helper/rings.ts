/**
 * A ring buffer for each session: what one session's programs are writing, and what its trace does not read, holds up no
 * other.
 */
import { RING_BYTES, RingReader, type SendBatch } from "./ring.ts";

/** What more sessions than LARGE_RINGS get: one batch, 2 ms of that rate. */
const SMALL_RING_BYTES = 1 << 20;
/** With the helper's 256 sessions, all rings take 312 MiB of the kernel's memory at the most; usually there are a few. */
const LARGE_RINGS = 8;

export class Rings {
  private readonly open = new Map<number, RingReader>();
  private first: RingReader | undefined;

  /**
   * Makes the first session's ring: a machine that allows no probes refuses it before anything was read. Says how rings
   * are read here.
   */
  prepare(): RingReader["mode"] {
    this.first ??= this.make(() => {});
    return this.first.mode;
  }

  /** For a new session. */
  take(send: SendBatch): RingReader {
    const { first } = this;
    if (first === undefined) return this.make(send);
    this.first = undefined;
    first.send = send;
    return first;
  }

  /** The session is over. */
  giveBack(ring: RingReader): void {
    ring.close();
    this.open.delete(ring.number);
  }

  /** The peer is gone. */
  stop(): void {
    for (const ring of this.open.values()) ring.stop();
  }

  private make(send: SendBatch): RingReader {
    const large = [...this.open.values()].filter(({ bytes }) => bytes === RING_BYTES).length;
    let number = 0;
    while (this.open.has(number)) number++;
    const ring = new RingReader(send, large < LARGE_RINGS ? RING_BYTES : SMALL_RING_BYTES, number);
    this.open.set(number, ring);
    return ring;
  }
}
