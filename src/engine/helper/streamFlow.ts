/**
 * Whether the helper's stream is read. All traces share it, so it rests while any of them waits for its reader: the
 * helper then stops draining, the kernel's ring buffer fills, and what finds no room is dropped and counted. One trace's
 * going on never starts it for another that still waits.
 *
 * The end of a trace has to read on (the helper's last answer stands behind the last records): then the others only hold
 * it up when they are full, because what they get meanwhile they have to keep.
 */

export type ReaderState =
  /** Takes what comes. */
  | "ready"
  /** Has enough for now. */
  | "waiting"
  /** Can keep nothing more. */
  | "full";

export class StreamFlow {
  private readonly stream: { pause(): unknown; resume(): unknown };
  private readonly states = new Map<object, ReaderState>();
  private ending = 0;
  private reading = true;

  constructor(stream: { pause(): unknown; resume(): unknown }) {
    this.stream = stream;
  }

  /** Once for each change; a reader that is gone is forgotten with `ready`. */
  set(reader: object, state: ReaderState): void {
    if (state === "ready") this.states.delete(reader);
    else this.states.set(reader, state);
    this.update();
  }

  /** Reads on for the end of a trace until the function returned is called. */
  readToEnd(): () => void {
    this.ending += 1;
    this.update();
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.ending -= 1;
      this.update();
    };
  }

  private update(): void {
    const states = [...this.states.values()];
    const reading = this.ending > 0 ? !states.includes("full") : states.length === 0;
    if (reading === this.reading) return;
    this.reading = reading;
    if (reading) this.stream.resume();
    else this.stream.pause();
  }
}
