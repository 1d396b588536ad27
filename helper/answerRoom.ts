/** What the helper owes its peer stays bounded: a request is carried out when the answers before it are mostly sent. */
import type { Readable, Writable } from "node:stream";

/** One answer more than this may wait: the largest (counters of every probe) has some 5 MiB. */
const MAX_UNSENT_BYTES = 4 << 20;

export class AnswerRoom {
  private readonly input: Readable;
  private readonly output: Writable;
  private tail: Promise<void> = Promise.resolve();

  /** While there is no room nothing is read from `input` either, so that requests do not pile up instead. */
  constructor(input: Readable, output: Writable) {
    this.input = input;
    this.output = output;
  }

  /** Resolves for one request after the other, each when the answer to the one before is on its way. */
  enter(): Promise<void> {
    this.tail = this.tail.then(() => this.wait());
    return this.tail;
  }

  private async wait(): Promise<void> {
    // An answer is written some microtasks after its request was carried out: by now it counts.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.output.writableLength <= MAX_UNSENT_BYTES || this.output.destroyed) return;
    this.input.pause();
    while (this.output.writableLength > MAX_UNSENT_BYTES && !this.output.destroyed) await drainedOrClosed(this.output);
    this.input.resume();
  }
}

function drainedOrClosed(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      output.off("drain", done).off("close", done);
      resolve();
    };
    output.on("drain", done).on("close", done);
  });
}
