/** How much of its object a closure's code reads: a sign of captured variables that nothing else tells of. */
import { contextUse, decodeFunction } from "./decode.ts";

/**
 * Bytes from the object's start on that the code reads through the context register while that points to the object.
 * Infinity where the code is not understood, or copies the register: then it may read more.
 */
export function closureBytesRead(code: Uint8Array): number {
  const decoded = decodeFunction(code);
  if (!decoded.ok) return Number.POSITIVE_INFINITY;
  const indexOf = new Map(decoded.instructions.map(({ at }, index) => [at, index]));
  const seen = new Set<number>();
  const open = [0];
  let end = 0;
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const instruction = decoded.instructions[index];
    if (instruction === undefined || seen.has(index)) continue;
    seen.add(index);
    const { at, flow, target } = instruction;
    const { readsTo, overwrites, copies } = contextUse(code, at);
    end = Math.max(end, readsTo);
    if (copies || flow === "jumpTable") return Number.POSITIVE_INFINITY;
    const next = target === undefined ? undefined : indexOf.get(target);
    if (flow === "branch" || flow === "jump") {
      if (next !== undefined) open.push(next);
    }
    if ((flow === "next" || flow === "branch") && !overwrites) open.push(index + 1);
  }
  return end;
}
