/**
 * The kernel program's tables of open calls (bpf/open_calls.h), one pair for all sessions: made with the first session
 * that pairs returns, looked at when one ends.
 */
import { CALL_STACK, OPEN_CALL } from "../src/protocol/layout.ts";
import { createMap, deleteMapEntries, hashMapBatches } from "./foreign/maps.ts";

/**
 * Goroutines inside traced functions, and calls that have traced callers on their goroutine: at the most each. Twice the
 * 50 000 goroutines of a busy server; with the kernel's 48 bytes per entry and the buckets both take some 36 MiB, once,
 * for all traces of a helper. What finds no room is counted (`refused`).
 */
export const MAX_OPEN_CALLS = 131_072;
/** Before bpf_loop: UNWIND_AT_WATCH in each of the 32 tail calls that the kernel allows. */
export const MAX_NESTED_WITHOUT_LOOP = 32 * 256;
/** Entries looked at with one system call. */
const BATCH = 4096;

export interface OpenCalls {
  readonly open: number;
  /** Given up by the kernel program (`unwind_at_hit`), or one of them may have returned unseen: nothing says how they ended. */
  readonly unknown: number;
}

interface Entry {
  readonly key: Uint8Array;
  readonly callId: bigint;
  readonly outer: bigint;
  readonly timeNs: bigint;
  readonly index: number;
  /** Its condition waits for its return: it counts as filtered, not as open. */
  readonly parked: boolean;
}

export class OpenCallTables {
  readonly innermostFd: number;
  readonly outerFd: number;

  constructor(entries = MAX_OPEN_CALLS) {
    this.innermostFd = createMap("hash", "probelens_calls", OPEN_CALL.size, entries, CALL_STACK.size);
    this.outerFd = createMap("hash", "probelens_outer", OPEN_CALL.size, entries, 8);
  }

  /**
   * What is left of a session whose probes are gone, by the index of the entry probe; removes it. `unreadNs`: when the
   * last return was hit whose goroutine could not be read (struct pl_unread).
   */
  sweep(session: number, unreadNs: bigint): Map<number, OpenCalls> {
    const counts = new Map<number, OpenCalls>();
    const add = ({ index, parked, timeNs }: Entry, linked: boolean): void => {
      if (parked) return;
      const what: keyof OpenCalls = linked && timeNs > unreadNs ? "open" : "unknown";
      const { open, unknown } = counts.get(index) ?? { open: 0, unknown: 0 };
      counts.set(index, { open: open + Number(what === "open"), unknown: unknown + Number(what === "unknown") });
    };
    const innermost = entriesOf(this.innermostFd, CALL_STACK.size, session);
    const outer = new Map(entriesOf(this.outerFd, 8, session).map((entry) => [entry.callId, entry]));
    const keys = [...outer.values()].map(({ key }) => key);
    for (const entry of innermost) {
      add(entry, true);
      for (let id = entry.outer, call = outer.get(id); call !== undefined; id = call.outer, call = outer.get(id)) {
        add(call, true);
        outer.delete(id);
      }
    }
    for (const entry of outer.values()) add(entry, false);
    deleteMapEntries(this.innermostFd, Buffer.concat(innermost.map(({ key }) => key)), CALL_STACK.size);
    deleteMapEntries(this.outerFd, Buffer.concat(keys), 8);
    return counts;
  }
}

function entriesOf(fd: number, keyBytes: number, session: number): Entry[] {
  const entries: Entry[] = [];
  for (const { keys, values, count } of hashMapBatches(fd, keyBytes, OPEN_CALL.size, BATCH)) {
    const view = new DataView(values.buffer);
    for (let at = 0; at < count; at++) {
      const value = at * OPEN_CALL.size;
      if (view.getUint32(value + OPEN_CALL.session, true) !== session) continue;
      entries.push({
        key: keys.slice(at * keyBytes, (at + 1) * keyBytes),
        callId: view.getBigUint64(value + OPEN_CALL.callId, true),
        outer: view.getBigUint64(value + OPEN_CALL.outer, true),
        timeNs: view.getBigUint64(value + OPEN_CALL.timeNs, true),
        index: view.getUint32(value + OPEN_CALL.index, true),
        parked: view.getUint32(value + OPEN_CALL.parked, true) !== 0,
      });
    }
  }
  return entries;
}
