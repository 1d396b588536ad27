/**
 * The stream to the peer carries one batch at a time: the sessions that have one take turns, and what an answer waits
 * for is one batch (answerRoom.ts), however many sessions there are.
 */
import type { SendBatch } from "./ring.ts";

type SendOf = (session: number, ...batch: Parameters<SendBatch>) => void;

export class Turns {
  private readonly write: SendOf;
  /** Each session has at most one batch under way, so there are at most as many. */
  private readonly waiting: Parameters<SendOf>[] = [];
  private busy = false;

  constructor(write: SendOf) {
    this.write = write;
  }

  readonly send: SendOf = (...batch) => {
    this.waiting.push(batch);
    this.next();
  };

  private next(): void {
    if (this.busy) return;
    const [session, batch, done] = this.waiting.shift() ?? [];
    if (session === undefined || batch === undefined) return;
    this.busy = true;
    this.write(session, batch, (error) => {
      this.busy = false;
      done?.(error);
      this.next();
    });
  }
}
