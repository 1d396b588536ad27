/** What a channel word points to (runtime/chan.go, hchan). Offsets and sizes in bytes. */
export interface ChanLayout {
  /** Bytes up to the end of the last field named here. */
  readonly size: number;
  /** u64: items in the buffer. */
  readonly count: number;
  /** u64: capacity of the buffer. */
  readonly capacity: number;
  /** Pointer to `capacity` elements. */
  readonly buffer: number;
  /** u16: bytes of one element. */
  readonly elemSize: number;
  /** u32: not 0 once closed. */
  readonly closed: number;
  /** Pointer: not nil for a timer's channel, whose len and cap Go reports as 0 (Go 1.23); absent before. */
  readonly timer?: number;
  /** u64: index in the buffer of the next item to be received. */
  readonly receiveIndex: number;
}

const COMMON = { count: 0, capacity: 8, buffer: 16, elemSize: 24, closed: 28 } as const;

/** Go 1.23 put `timer` before `elemtype`. */
export function chanLayout(goMinor: number): ChanLayout {
  return goMinor >= 23
    ? { ...COMMON, size: 64, timer: 32, receiveIndex: 56 }
    : { ...COMMON, size: 56, receiveIndex: 48 };
}
