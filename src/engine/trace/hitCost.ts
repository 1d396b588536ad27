/** What is told of a hit's cost. */
import type { EventPlan } from "../../probe/api.ts";

/** Whether a call takes more than its hits: what its pointers lead to is copied, too, and nobody knows before how much that is. */
export function followsPointers(...events: readonly Pick<EventPlan, "capture">[]): boolean {
  return events.some(({ capture }) => capture.slots.length > 0 || capture.dictionary !== undefined);
}

/** Words for where a hit's cost is told. */
export function beyondHits(follows: boolean): string {
  return follows ? " and what copying takes that its pointers lead to" : "";
}
