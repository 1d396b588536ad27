/**
 * The capture types of one session: every shape that its plans can reach within the depth limit, numbered, with the
 * targets that the kernel program finds by type word (interfaces) and by code address (funcs).
 */

import type { RuntimeFacts } from "../../goabi/runtime/facts.ts";
import type { GoType } from "../../goabi/type.ts";
import type { Closure, RuntimeType } from "../../gobinary/api.ts";
import { type CapturePlan, MAX_EVENT_BYTES } from "../../protocol/capture.ts";
import {
  CAPTURE_TYPE,
  type CaptureTables,
  CaptureTablesWriter,
  COMMON_TYPES,
  MAX_TABLE_BYTES,
  MAX_TYPE_SLOTS,
  SLOT,
} from "../../protocol/captureTypes.ts";
import { MAX_PROBES } from "../../protocol/layout.ts";
import type { PlannedCapture, PlannedDictionary } from "../api.ts";
import { type CapturedPart, type Shape, type ShapeOptions, shapeOf, type Target } from "./shape.ts";

export interface DynamicTypes {
  readonly runtimeTypes: Iterable<RuntimeType>;
  readonly closures: Iterable<Closure>;
}

/** More than a program has types that can stand in interfaces; what is left out is not followed. */
const MAX_NODES = MAX_TABLE_BYTES.types / CAPTURE_TYPE.size - MAX_PROBES;
/** Leaves room for the largest type. */
const MAX_SLOTS = MAX_TABLE_BYTES.slots / SLOT.size - MAX_TYPE_SLOTS;

interface Node {
  readonly id: number;
  readonly target: Target;
  /** Pointers in the shortest chain that leads here. */
  depth: number;
  /** With which depth it was written last. */
  written: number;
}

export class CaptureTypes {
  private readonly facts: RuntimeFacts;
  private readonly options: ShapeOptions;
  private readonly writer = new CaptureTablesWriter();
  private readonly byType = new Map<GoType, Node[]>();
  private readonly bySize = new Map<number, Node>();
  private readonly byFramesLeft = new Map<number, Node>();
  private readonly byClosure = new Map<readonly CapturedPart[], Node>();
  private readonly roots = new Map<PlannedCapture, number>();
  private readonly dictionaryTables = new Map<PlannedDictionary, number>();
  /** By depth: what is still to be written. */
  private readonly waiting: Node[][];
  /** Depth at which the first interface, the first func was met. */
  private interfaces = Number.POSITIVE_INFINITY;
  private funcs = Number.POSITIVE_INFINITY;

  constructor(facts: RuntimeFacts, options: ShapeOptions) {
    this.facts = facts;
    this.options = options;
    this.waiting = Array.from({ length: options.limits.depth + 1 }, () => []);
  }

  /** A plan as the helper takes it. All plans come before `tables`. */
  plan(capture: PlannedCapture): CapturePlan {
    const { pieces, slots, masks, earlySlots } = capture;
    const { eventBytes, depth } = this.options.limits;
    const dictionary = this.dictionary(capture);
    const bounds = {
      maxBytes: Math.min(eventBytes, MAX_EVENT_BYTES),
      maxDepth: depth,
      ...(dictionary === undefined ? {} : { dictionary }),
    };
    if (slots.length === 0 && masks.length === 0) return { pieces, ...bounds };
    const early = earlySlots === undefined ? {} : { earlySlots };
    return { pieces, rootType: this.rootType(capture), ...early, ...bounds };
  }

  /** Of a generic function the root type is each instance's own: a table of them for each plan. */
  private dictionary({ dictionary }: PlannedCapture): CapturePlan["dictionary"] {
    if (dictionary === undefined) return undefined;
    let table = this.dictionaryTables.get(dictionary);
    if (table === undefined) {
      table = this.dictionaryTables.size + 1;
      this.dictionaryTables.set(dictionary, table);
      for (const { address, capture } of dictionary.variants()) {
        const type = this.rootType(capture);
        this.writer.addRuntimeType({ address, table, type, deepens: false, func: false });
      }
    }
    return { table, at: dictionary.at };
  }

  private rootType(capture: PlannedCapture): number {
    let rootType = this.roots.get(capture);
    if (rootType === undefined) {
      rootType = this.writer.reserve();
      this.roots.set(capture, rootType);
      // The kernel program takes the root area for one element, whatever its size.
      this.write(rootType, { size: 0, slots: capture.slots, masks: capture.masks }, 0);
    }
    return rootType;
  }

  /**
   * What the plans can meet: finding it takes a large program some tenths of a second, closures longer. Funcs that only
   * an interface's dynamic type leads to are not counted: of them the code's address is always copied, what they have
   * captured where the closures are given.
   */
  reached(): { readonly interfaces: boolean; readonly funcs: boolean } {
    this.expand();
    const funcs = this.funcs !== Number.POSITIVE_INFINITY;
    // What a func has captured may be an interface.
    return { interfaces: funcs || this.interfaces !== Number.POSITIVE_INFINITY, funcs };
  }

  tables({ runtimeTypes, closures }: DynamicTypes): CaptureTables {
    this.expand();
    // A func in an interface is as near as the interface.
    this.funcs = Math.min(this.funcs, this.interfaces);
    if (this.funcs !== Number.POSITIVE_INFINITY) for (const closure of closures) this.addClosure(closure);
    this.expand();
    if (this.interfaces !== Number.POSITIVE_INFINITY) for (const type of runtimeTypes) this.addRuntimeType(type);
    this.expand();
    return this.writer.tables();
  }

  private addRuntimeType({ address, type, direct }: RuntimeType): void {
    const found = direct ? dataTarget(type) : ({ target: { of: "value", type }, deepens: false } as const);
    if (found === undefined) return;
    if (found.target === "func") {
      this.writer.addRuntimeType({ address, type: 0, deepens: false, func: true });
      return;
    }
    const id = this.idOf(found.target, this.interfaces + (found.deepens ? 1 : 0));
    if (id !== undefined) this.writer.addRuntimeType({ address, type: id, deepens: found.deepens, func: false });
  }

  private addClosure({ address, captured }: Closure): void {
    const id = this.idOf({ of: "closure", captured }, this.funcs);
    if (id !== undefined) this.writer.addClosure({ address, type: id, deepens: false, func: false });
  }

  /** Nearest first, so that hardly a type is written twice: with a smaller depth more of its pointers are followed. */
  private expand(): void {
    for (const list of this.waiting) {
      for (let node = list.pop(); node !== undefined; node = list.pop()) {
        if (node.written <= node.depth) continue;
        node.written = node.depth;
        const shape = shapeOf(node.target, this.facts, this.options);
        if (shape !== undefined) this.write(node.id, shape, node.depth);
      }
    }
  }

  private write(id: number, { size, slots, masks }: Shape, depth: number): void {
    const ids: (number | undefined)[] = [];
    for (const { via, deepens } of slots) {
      if (via.kind === "target") ids.push(this.idOf(via.target, depth + (deepens ? 1 : 0)));
      else if (via.kind === "func") this.funcs = Math.min(this.funcs, depth);
      else this.interfaces = Math.min(this.interfaces, depth);
    }
    let next = 0;
    this.writer.define(id, size, slots, masks, () => ids[next++]);
  }

  /** Undefined beyond the depth limit, and where the tables are full. */
  private idOf(target: Target, depth: number): number | undefined {
    if (target.of === "bytes") return COMMON_TYPES.bytes;
    let node = this.known(target);
    if (depth > this.options.limits.depth) return node?.id;
    if (node === undefined) {
      if (this.writer.typeCount >= MAX_NODES || this.writer.slotCount >= MAX_SLOTS) return undefined;
      node = { id: this.writer.reserve(), target, depth, written: Number.POSITIVE_INFINITY };
      this.remember(target, node);
      this.waiting[depth]!.push(node);
    } else if (depth < node.depth) {
      node.depth = depth;
      this.waiting[depth]!.push(node);
    }
    return node.id;
  }

  private known(target: Exclude<Target, { of: "bytes" }>): Node | undefined {
    if (target.of === "memory") return this.bySize.get(target.size);
    if (target.of === "frame") return this.byFramesLeft.get(target.left);
    if (target.of === "closure") return this.byClosure.get(target.captured);
    return this.byType.get(target.type)?.find((node) => node.target.of === target.of);
  }

  private remember(target: Exclude<Target, { of: "bytes" }>, node: Node): void {
    if (target.of === "memory") this.bySize.set(target.size, node);
    else if (target.of === "frame") this.byFramesLeft.set(target.left, node);
    else if (target.of === "closure") this.byClosure.set(target.captured, node);
    else {
      const nodes = this.byType.get(target.type);
      if (nodes === undefined) this.byType.set(target.type, [node]);
      else nodes.push(node);
    }
  }
}

/** What the data word of an interface that holds one pointer leads to; undefined: nothing that can be followed. */
function dataTarget(type: GoType, nesting = 0): { target: Target | "func"; deepens: boolean } | undefined {
  if (nesting > 16) return undefined;
  switch (type.kind) {
    case "ptr":
      return { target: { of: "value", type: type.elem }, deepens: true };
    case "map":
      return { target: { of: "map", type }, deepens: false };
    case "chan":
      return { target: { of: "chan", type }, deepens: false };
    case "func":
      return { target: "func", deepens: false };
    case "struct": {
      const field = type.fields.find(({ type }) => type.size > 0);
      return field && dataTarget(field.type, nesting + 1);
    }
    case "array":
      return dataTarget(type.elem, nesting + 1);
    default:
      return undefined;
  }
}
