/**
 * A call's context: the goroutine's stack and its pprof labels. Both are words of the root area with what they lead to,
 * followed like any pointer: a frame pointer leads to the caller's frame pointer and return address, and so on; `g.labels`
 * leads to the runtime's label map.
 */
import { type LabelsLayout, labelsType } from "../../goabi/runtime/labels.ts";
import type { CaptureRegister } from "../../protocol/capture.ts";
import { CHUNK } from "../../protocol/records.ts";
import { FRAME_BYTES, type Target } from "./shape.ts";

export interface ContextRequest {
  readonly stack: boolean;
  /** Absent: labels are not wanted. */
  readonly labels?: LabelsLayout;
}

export const NO_CONTEXT: ContextRequest = { stack: false };

/** A word of the root area that stands there whatever the variables are. */
export interface ContextWord {
  readonly register: CaptureRegister;
  /** What it points to. */
  readonly target?: Target;
  /** Bytes of the event that it may take beyond the word: values share the rest. */
  readonly bytes?: number;
}

/**
 * Frames of one stack with code of their own, the caller's not counted. Each takes 48 bytes of the event, three steps of
 * the walk, and one of the kernel's reads; runtime/debug.Stack stops at 100.
 */
export const MAX_FRAMES = 64;

export function contextWords({ stack, labels }: ContextRequest): ContextWord[] {
  const words: ContextWord[] = [];
  // RBP at an entry is still the caller's: a site owes what is captured there (obligations.ts).
  if (stack)
    words.push(
      { register: "RBP", target: { of: "frame", left: MAX_FRAMES }, bytes: MAX_FRAMES * (CHUNK.size + FRAME_BYTES) },
      { register: "RSP" },
    );
  if (labels !== undefined) words.push({ register: "LABELS", target: { of: "value", type: labelsType(labels) } });
  return words;
}
