/** Operands that stand in float registers: the kernel reads those behind the entry, in a signal's frame (bpf/floats.h). */
import type { Piece } from "../goabi/location.ts";
import { FLOAT_REGISTERS, type FloatRegister } from "../protocol/capture.ts";
import type { Node } from "./tree.ts";

/** Where a parameter, or a part of it, is wholly in one. */
export function floatRegister(node: Node): FloatRegister | undefined {
  let part = node;
  let offset = 0;
  while (part.op === "field") {
    offset += part.offset;
    part = part.operand;
  }
  if (part.op !== "variable" || node.type.kind === "untyped") return undefined;
  const { size } = node.type;
  return registerOf(
    part.variable.location.find((piece) => piece.offset <= offset && offset + size <= piece.offset + piece.size),
  );
}

export function registerOf(piece: Pick<Piece, "place"> | undefined): FloatRegister | undefined {
  const place = piece?.place;
  return place?.at === "register" ? FLOAT_REGISTERS.find((register) => register === place.register) : undefined;
}

/** What stands in a float register of the call is known behind the entry only. */
export function withLateness(node: Node): Node {
  return !node.late && floatRegister(node) !== undefined ? { ...node, late: true } : node;
}
