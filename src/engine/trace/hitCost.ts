/** What is told of a hit's cost. */
import type { EventPlan } from "../../probe/api.ts";

/** What a call takes beside its hits depends on what its pointers lead to: words for where a hit's cost is told. */
export function beyondHits(...events: readonly Pick<EventPlan, "capture">[]): string {
  const follows = events.some(({ capture }) => capture.slots.length > 0 || capture.dictionary !== undefined);
  return follows ? " and what copying takes that its pointers lead to" : "";
}
