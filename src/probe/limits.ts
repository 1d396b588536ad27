/** How much of its values an event has at the most. */
export interface CaptureLimits {
  /** Bytes of a string or byte slice (default 256). */
  readonly stringBytes: number;
  /** Bytes of one event (default 16 384). */
  readonly eventBytes: number;
  /** Elements of a slice, an array or a channel's buffer, entries of a map (default 64). */
  readonly elements: number;
  /** Pointers that are followed in a chain (default 3). */
  readonly depth: number;
}
export const DEFAULT_LIMITS: CaptureLimits = { stringBytes: 256, eventBytes: 16384, elements: 64, depth: 3 };

/**
 * Bytes that are copied behind what is shown of a text: they tell whether the cut would split a rune (utf8.UTFMax − 1).
 */
export const RUNE_TAIL = 3;
