/** An event's values as Go text: one line each, as docs/contracts.md describes ("Value text"). */
import type { CapturedVariable, CaptureLimits, EventPlan } from "../probe/api.ts";
import { MAX_CHUNKS, type RawEvent } from "../protocol/records.ts";
import { bytesOfVariable, CapturedMemory } from "./memory.ts";
import { unavailable, ValueText } from "./text.ts";

export interface RenderedValue {
  readonly name: string;
  /** As `fmt`'s `%T` prints it. */
  readonly type: string;
  readonly text: string;
}

export function renderVariables(plan: EventPlan, event: RawEvent, limits: CaptureLimits): RenderedValue[] {
  const memory = new CapturedMemory(event.chunks, missingReason(event, limits));
  return plan.variables.map((captured) => ({
    name: captured.variable.name,
    type: captured.variable.type.name,
    text: textOf(captured, event, memory, limits),
  }));
}

/** Why memory that an event does not hold was not copied. */
function missingReason({ full }: RawEvent, limits: CaptureLimits): string {
  if (full === "bytes") return `over the limit of ${limits.eventBytes} bytes per event`;
  if (full === "chunks") return `only ${MAX_CHUNKS} pieces of memory of one call are copied`;
  return full === "steps" ? "the values of one call have too many pointers" : "was not captured";
}

function textOf(captured: CapturedVariable, event: RawEvent, memory: CapturedMemory, limits: CaptureLimits): string {
  const { type, location } = captured.variable;
  // One unknown piece stands for the whole value: its reason once, not in every field.
  const only = location.length === 1 ? location[0]!.place : undefined;
  if (only?.at === "unknown") return unavailable(only.reason);
  const single = captured.pieces.length === 1 ? captured.pieces[0]! : undefined;
  if (single?.reason !== undefined) return unavailable(single.reason);
  return new ValueText(memory, limits).render(type, bytesOfVariable(captured, event), 0);
}
