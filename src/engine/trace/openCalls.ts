/**
 * The calls that have been seen and have not returned yet.
 *
 * Returns name their call (the kernel program pairs them by goroutine and depth). A call that ends by panic or Goexit
 * has no return; it is known to be gone when its goroutine reports from a frame at its depth or a shallower one, because
 * a frame lives only as long as everything above it. Depth is `stack.hi − CFA`: it grows with each nested call and does
 * not change when the runtime moves the stack.
 */

/**
 * Calls in flight at the most; a server with more goroutines inside traced functions loses the pairing of the oldest.
 * The kernel program's own table has a bound of the same order.
 */
export const MAX_OPEN_CALLS = 65_536;

export interface OpenCall {
  /** The event id that the user sees. */
  readonly id: number;
  readonly callId: bigint;
  readonly pid: number;
  readonly tid: number;
  /** 0: unknown goroutine; such calls end only by their own return. */
  readonly goid: bigint;
  readonly depth: bigint;
  /** CLOCK_MONOTONIC at the call. */
  readonly timeNs: bigint;
  /** Index of the traced function. */
  readonly fn: number;
}

type Frame = Pick<OpenCall, "pid" | "goid" | "depth">;

export class OpenCalls {
  private readonly byCallId = new Map<bigint, OpenCall>();
  /** Open calls of one goroutine, shallowest first. */
  private readonly byGoroutine = new Map<string, OpenCall[]>();
  private readonly limit: number;

  constructor(limit = MAX_OPEN_CALLS) {
    this.limit = limit;
  }

  get size(): number {
    return this.byCallId.size;
  }

  countOf(fn: number): number {
    let count = 0;
    for (const call of this.byCallId.values()) if (call.fn === fn) count += 1;
    return count;
  }

  /** Adds a call and returns those that are gone because this frame stands where theirs stood, deepest first. */
  enter(call: OpenCall): OpenCall[] {
    const gone = this.dropFrom(call, call.depth);
    this.evictOldest();
    this.byCallId.set(call.callId, call);
    if (hasStackPosition(call)) {
      const key = goroutineKey(call);
      const frames = this.byGoroutine.get(key);
      if (frames === undefined) this.byGoroutine.set(key, [call]);
      else frames.push(call);
    }
    return gone;
  }

  /** Removes the call that returned, and returns it with the deeper ones that are gone, deepest first. */
  leave(frame: Frame & Pick<OpenCall, "callId">): { call: OpenCall | undefined; gone: OpenCall[] } {
    const call = this.byCallId.get(frame.callId);
    if (call !== undefined) this.remove(call);
    return { call, gone: this.dropFrom(frame, frame.depth) };
  }

  /** Removes all calls of a goroutine that exits, deepest first. */
  endGoroutine(frame: Pick<OpenCall, "pid" | "goid">): OpenCall[] {
    return this.dropFrom({ ...frame, depth: 1n }, 0n);
  }

  /** Removes the calls of a goroutine at this depth and deeper, deepest first. */
  unwindTo(frame: Frame): OpenCall[] {
    return this.dropFrom(frame, frame.depth);
  }

  private dropFrom(frame: Frame, depth: bigint): OpenCall[] {
    if (!hasStackPosition(frame)) return [];
    const key = goroutineKey(frame);
    const frames = this.byGoroutine.get(key);
    if (frames === undefined) return [];
    const gone: OpenCall[] = [];
    for (let last = frames.at(-1); last !== undefined && last.depth >= depth; last = frames.at(-1)) {
      frames.pop();
      this.byCallId.delete(last.callId);
      gone.push(last);
    }
    if (frames.length === 0) this.byGoroutine.delete(key);
    return gone;
  }

  private remove(call: OpenCall): void {
    this.byCallId.delete(call.callId);
    if (!hasStackPosition(call)) return;
    const key = goroutineKey(call);
    const frames = this.byGoroutine.get(key);
    if (frames === undefined) return;
    // Mostly the last one: searching from the end is constant time for balanced calls.
    const index = frames.lastIndexOf(call);
    if (index >= 0) frames.splice(index, 1);
    if (frames.length === 0) this.byGoroutine.delete(key);
  }

  private evictOldest(): void {
    if (this.byCallId.size < this.limit) return;
    const oldest = this.byCallId.values().next().value;
    if (oldest !== undefined) this.remove(oldest);
  }
}

function hasStackPosition(frame: Frame): boolean {
  return frame.goid !== 0n && frame.depth !== 0n;
}

function goroutineKey(frame: Pick<OpenCall, "pid" | "goid">): string {
  return `${frame.pid}/${frame.goid}`;
}
