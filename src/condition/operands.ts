/** Loads operands: from registers, from the stack, through pointers, and what is found from the goroutine. */
import type { Location, Piece } from "../goabi/location.ts";
import { HMAP } from "../goabi/runtime/hmap.ts";
import { labelsLayout } from "../goabi/runtime/labels.ts";
import type { GoType } from "../goabi/type.ts";
import { CAPTURE_REGISTERS, type CaptureRegister, FLOAT_REGISTERS } from "../protocol/capture.ts";
import { MAX_STRING_LOOK, WIDTH } from "../protocol/condition.ts";
import type { Assembler, Reasons } from "./assembler.ts";
import { ConditionFailure } from "./failure.ts";
import { registerOf } from "./floatRegister.ts";
import type { ConditionScope, Node } from "./tree.ts";

type Place =
  | {
      readonly in: "variable";
      readonly location: Location;
      readonly offset: number;
      readonly name: string;
      readonly result: boolean;
    }
  /** At the address in the value register `address`. */
  | { readonly in: "memory"; readonly address: number; readonly offset: number; readonly nil: number };

type Quotable = Pick<Node, "start" | "end" | "implied">;

export const WORD = { size: 8, signed: false } as const;
export const WORD_WIDTH = 3;
/** Entries of a bucket of the maps up to Go 1.23. */
const BUCKET_SLOTS = 8;

export class Operands {
  private readonly text: string;
  private readonly scope: ConditionScope;
  private readonly reasons: Reasons;
  private readonly out: Assembler;
  /** Of an index: any value. */
  private readonly evaluate: (node: Node, dst: number) => void;
  /** How a parameter's float register is read: at the call's return, or when the call's own frame comes. */
  private readonly paramFloat: "float" | "ownFloat";

  constructor(
    text: string,
    scope: ConditionScope,
    reasons: Reasons,
    out: Assembler,
    evaluate: (node: Node, dst: number) => void,
    paramFloat: "float" | "ownFloat",
  ) {
    this.text = text;
    this.scope = scope;
    this.reasons = reasons;
    this.out = out;
    this.evaluate = evaluate;
    this.paramFloat = paramFloat;
  }

  /** A string into a slot. */
  string(node: Node, slot: number, dst: number, look: number, tail: boolean): void {
    if (node.constant?.kind === "string") {
      const { value } = node.constant;
      if (value.length > MAX_STRING_LOOK)
        throw new ConditionFailure(node, `strings are compared up to ${MAX_STRING_LOOK} bytes`);
      return this.out.emit("text", { dst: slot, imm: this.out.place(value), length: value.length });
    }
    if (node.op === "label") return this.label(node, slot, dst);
    this.words(node, dst);
    this.out.emit("string", {
      dst: slot,
      a: dst,
      b: dst + 1,
      imm: look,
      width: tail ? WIDTH.tail : 0,
      fault: this.unreadable(node),
    });
  }

  /** Pointer and length of a string or slice into `dst` and the next register. */
  words(node: Node, dst: number): void {
    const place = this.place(node, dst);
    // The address in `dst` goes last.
    this.loadAt(place, 8, WORD, node, dst + 1);
    this.loadAt(place, 0, WORD, node, dst);
  }

  constantElement({ index, ...node }: Extract<Node, { op: "element" }>, bytes: Uint8Array, dst: number): void {
    if (index.constant?.kind !== "number")
      throw new ConditionFailure(node, "a constant string is indexed by constants only");
    this.out.number(dst, BigInt(bytes[Number(index.constant.numerator)] ?? 0));
  }

  place(node: Node, dst: number): Place {
    switch (node.op) {
      case "variable":
        return {
          in: "variable",
          location: node.variable.location,
          offset: 0,
          name: node.variable.name,
          result: this.scope.results.includes(node.variable),
        };
      case "field": {
        const place = this.place(node.operand, dst);
        return { ...place, offset: place.offset + node.offset };
      }
      case "deref":
        this.loadAt(this.place(node.operand, dst), 0, WORD, node.operand, dst);
        return { in: "memory", address: dst, offset: 0, nil: this.why(node.operand, "was nil") };
      case "element":
        return this.element(node, dst);
      default:
        throw new ConditionFailure(node, `${this.quoted(node)} has no place in memory`);
    }
  }

  private element({ operand, index, ...node }: Extract<Node, { op: "element" }>, dst: number): Place {
    const { out } = this;
    const size = (node.type as GoType).size;
    if (operand.constant !== undefined)
      throw new ConditionFailure(node, "a constant string is indexed by constants only");
    if (operand.op === "label") throw new ConditionFailure(node, "a label is not indexed, only compared");
    const outOfRange = this.why(node, "was out of range");
    if (operand.type.kind === "array") {
      const place = this.place(operand, dst);
      if (index.constant?.kind === "number")
        return { ...place, offset: place.offset + Number(index.constant.numerator) * size };
      this.addressOf(place, operand, dst);
      this.evaluate(index, dst + 1);
      out.number(dst + 2, BigInt(operand.type.length));
      out.emit("bound", { dst: dst + 1, a: dst + 1, b: dst + 2, reason: outOfRange });
    } else {
      this.words(operand, dst);
      this.evaluate(index, dst + 2);
      out.emit("bound", { dst: dst + 1, a: dst + 2, b: dst + 1, reason: outOfRange });
    }
    out.number(dst + 2, BigInt(size));
    out.emit("multiply", { dst: dst + 1, a: dst + 1, b: dst + 2, width: WORD_WIDTH });
    out.emit("add", { dst, a: dst, b: dst + 1, width: WORD_WIDTH });
    return { in: "memory", address: dst, offset: 0, nil: this.unreadable(node) };
  }

  /** Of an array that lies in memory as a whole. */
  private addressOf(place: Place, node: Node, dst: number): void {
    if (place.in === "memory") {
      this.out.emit("notNil", { dst, a: place.address, reason: place.nil });
      this.out.number(dst + 1, BigInt(place.offset));
      return this.out.emit("add", { dst, a: dst, b: dst + 1, width: WORD_WIDTH });
    }
    const piece = this.pieceOf(place, (node.type as GoType).size, node);
    if (piece.place.at !== "cfa")
      throw new ConditionFailure(node, `${this.quoted(node)} stands in registers and is indexed by constants only`);
    this.out.emit("cfa", { dst, imm: piece.place.offset + place.offset - piece.offset });
  }

  /** `size` bytes at `offset` of a place into `dst`. */
  loadAt(
    place: Place,
    offset: number,
    { size, signed }: { size: number; signed: boolean },
    node: Node,
    dst: number,
  ): void {
    const width = widthCode(size, signed);
    const at = place.offset + offset;
    if (place.in === "memory") {
      return this.out.emit("load", {
        dst,
        a: place.address,
        imm: checkedOffset(at, node),
        width,
        reason: place.nil,
        fault: this.unreadable(node),
      });
    }
    const piece = this.pieceOf({ ...place, offset: at }, size, node);
    const inside = at - piece.offset;
    if (piece.place.at === "cfa") {
      this.out.emit("cfa", { dst, imm: piece.place.offset + inside });
      return this.out.emit("load", { dst, a: dst, width, fault: this.unreadable(node) });
    }
    if (piece.place.at !== "register") return;
    const { register } = piece.place;
    const lost = !place.result && this.scope.lost?.registers.includes(register) === true;
    const reason = lost ? this.why(node, "was lost (the function does not use it, and its stack grew)") : 0;
    const float = registerOf(piece);
    if (float === undefined)
      this.out.emit("register", { dst, a: CAPTURE_REGISTERS.indexOf(register as CaptureRegister), reason });
    else {
      const fault = this.why(node, "could not be read (no signal frame showed its float register)");
      this.out.emit(place.result ? "ownFloat" : this.paramFloat, {
        dst,
        a: FLOAT_REGISTERS.indexOf(float),
        fault,
        reason,
      });
    }
    if (inside > 0) {
      this.out.number(dst + 1, BigInt(inside * 8));
      this.out.emit("shiftRight", { dst, a: dst, b: dst + 1, width: WORD_WIDTH });
    }
    if (size < 8) this.out.emit("extend", { dst, a: dst, width });
  }

  /** The piece that holds these bytes of a variable. */
  private pieceOf({ location, offset, name }: Extract<Place, { in: "variable" }>, size: number, node: Node): Piece {
    const piece = location.find(
      (candidate) => candidate.offset <= offset && offset + size <= candidate.offset + candidate.size,
    );
    const { place } = piece ?? {};
    const fail = (why: string): never => {
      throw new ConditionFailure(
        node,
        `where ${name} stands cannot be used in a condition: ${why}`,
        "Leave this part out of the condition",
      );
    };
    if (piece === undefined || place === undefined) return fail("it is in several pieces, or not known");
    if (place.at === "unknown") return fail(place.reason);
    return piece;
  }

  /** A goroutine's pprof label, or the empty string. */
  private label(node: Extract<Node, { op: "label" }>, slot: number, dst: number): void {
    const { out } = this;
    const { facts, labels = 0 } = this.scope.runtime;
    const fault = this.unreadable(node);
    const load = (offset: number, width = WORD_WIDTH): void =>
      out.emit("load", { dst, a: dst, imm: offset, width: width | WIDTH.nilIsZero, fault });
    out.emit("g", { dst, fault });
    load(labels);
    const layout = labelsLayout(facts.goMinor);
    const find = {
      dst: slot,
      a: dst,
      b: dst + 1,
      imm: out.place(node.key),
      length: node.key.length,
      fault,
      reason: this.why(node, "was among too many labels"),
    };
    if (layout.kind === "list") {
      out.emit("load", { dst: dst + 1, a: dst, imm: layout.slice + 8, width: WORD_WIDTH | WIDTH.nilIsZero, fault });
      load(layout.slice);
      return out.emit("find", { ...find, width: layout.elem.size, extra: layout.elem.value - layout.elem.key });
    }
    // One bucket holds eight labels (B is 0), and no chain hangs on it; a map of more is not walked.
    load(0);
    out.emit("load", { dst: dst + 1, a: dst, imm: HMAP.b, width: WIDTH.nilIsZero, fault });
    out.number(dst + 2, 1n);
    out.emit("bound", { dst: dst + 1, a: dst + 1, b: dst + 2, reason: find.reason });
    load(HMAP.buckets);
    // No bucket, no pairs: (address != 0) << 3.
    out.number(dst + 2, 0n);
    out.emit("notEqual", { dst: dst + 2, a: dst, b: dst + 2 });
    out.number(dst + 3, BigInt(Math.log2(BUCKET_SLOTS)));
    out.emit("shiftLeft", { dst: dst + 2, a: dst + 2, b: dst + 3, width: WORD_WIDTH });
    // B is 0 or undecided here.
    out.emit("add", { dst: dst + 1, a: dst + 1, b: dst + 2, width: WORD_WIDTH });
    out.number(dst + 2, 8n);
    out.emit("add", { dst, a: dst, b: dst + 2, width: WORD_WIDTH });
    out.emit("find", { ...find, width: 16, extra: 16 * BUCKET_SLOTS });
  }

  why(node: Quotable, what: string): number {
    return this.reasons.code(`\`${this.quoted(node)}\` ${what}`);
  }

  unreadable(node: Quotable): number {
    return this.why(node, `could not be read (its memory is not ${this.scope.waits === true ? "mapped" : "resident"})`);
  }

  backticked(left: Node, right: Node): string {
    return [left, right].map((node) => `\`${this.quoted(node)}\``).join(" and ");
  }

  quoted({ start, end, implied = "" }: Quotable): string {
    return this.text.slice(start, end) + implied;
  }
}

export function widthCode(size: number, signed: boolean): number {
  return Math.log2(size) | (signed ? WIDTH.signed : 0);
}

function checkedOffset(offset: number, node: Node): number {
  if (offset <= 0x7fffffff) return offset;
  throw new ConditionFailure(node, "it lies too far into a large value");
}
