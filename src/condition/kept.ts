/** What a condition computes at the entry and uses at the return. */
import { CONDITION_STRINGS, KEPT_STRINGS, KEPT_VALUES } from "../protocol/condition.ts";
import { ConditionFailure } from "./failure.ts";
import type { Node } from "./tree.ts";

/** Slots of values and of strings. */
export class Kept {
  private readonly slots = new Map<Node, number>();
  private values = 0;
  private strings = 0;

  value(node: Node): number {
    return this.slot(node, () => (this.values < KEPT_VALUES ? this.values++ : undefined), `${KEPT_VALUES} values`);
  }

  string(node: Node): number {
    const first = CONDITION_STRINGS - KEPT_STRINGS;
    return this.slot(
      node,
      () => (this.strings < KEPT_STRINGS ? first + this.strings++ : undefined),
      `${KEPT_STRINGS} strings`,
    );
  }

  private slot(node: Node, next: () => number | undefined, bound: string): number {
    const known = this.slots.get(node);
    if (known !== undefined) return known;
    const slot = next();
    if (slot === undefined)
      throw new ConditionFailure(node, `more than ${bound} of the entry are needed at the return`, "Make it shorter");
    this.slots.set(node, slot);
    return slot;
  }
}

export function children(node: Node): readonly Node[] {
  switch (node.op) {
    case "field":
    case "deref":
    case "len":
    case "not":
    case "isNil":
    case "convert":
      return [node.operand];
    case "element":
      return [node.operand, node.index];
    case "search":
      return [node.text, node.needle];
    case "arithmetic":
    case "shift":
    case "compare":
    case "logic":
      return [node.left, node.right];
    default:
      return [];
  }
}
