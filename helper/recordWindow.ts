/**
 * How much of one session's records the peer may have that it has not taken. A trace that is not read fills its window,
 * then its ring, and then the kernel drops and counts; no other trace waits for it.
 */
import { MAX_RECORDS_FRAME_BYTES } from "../src/protocol/frames.ts";
import { MAX_UNTAKEN_BYTES } from "../src/protocol/helperApi.ts";
import type { SendBatch } from "./ring.ts";

export class RecordWindow {
  private readonly write: SendBatch;
  private untaken = 0;
  private bounded = true;
  private waiting: (() => void) | undefined;

  /** `write`: calls back when the bytes are on their way to the peer. */
  constructor(write: SendBatch) {
    this.write = write;
  }

  /** A batch is under way until another one may follow. */
  readonly send: SendBatch = (batch, done) => {
    this.untaken += batch.length;
    this.write(batch, (error) => {
      if (error || this.hasRoom()) done(error);
      else this.waiting = done;
    });
  };

  /** The peer says so. */
  taken(bytes: number): void {
    this.untaken = Math.max(0, this.untaken - bytes);
    if (this.hasRoom()) this.goOn();
  }

  /** The session ends: what is left in its ring, at most all of it, comes before the answer. */
  open(): void {
    this.bounded = false;
    this.goOn();
  }

  private hasRoom(): boolean {
    return !this.bounded || this.untaken <= MAX_UNTAKEN_BYTES - MAX_RECORDS_FRAME_BYTES;
  }

  private goOn(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }
}
