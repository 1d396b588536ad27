/** An event's values as trees and as Go text as docs/contracts.md describes ("Value text"): the door of this folder. */
import { NO_RESOLVER, type ValueResolver } from "../goabi/resolver.ts";
import type { RuntimeFacts } from "../goabi/runtime/facts.ts";
import type { IsSecretName } from "../goabi/secretNames.ts";
import type { GoType } from "../goabi/type.ts";
import type { CaptureLimits, EventPlan } from "../probe/api.ts";
import { type FullBudget, MAX_CHUNKS, type RawEvent } from "../protocol/records.ts";
import type { Value } from "./api.ts";
import { Decoders } from "./decoder.ts";
import { type Labels, readLabels } from "./labels.ts";
import {
  CapturedMemory,
  type ChunkMasks,
  type MemoryReasons,
  type Missing,
  NOT_CAPTURED,
  unreadable,
} from "./memory.ts";
import { textOf } from "./text.ts";
import { compilePlace, type Place } from "./variables.ts";
import { absent, type Decode, Walk } from "./walk.ts";

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

export interface RenderedValue {
  readonly name: string;
  /** As `fmt`'s `%T` prints it. */
  readonly type: string;
  readonly text: string;
  /** Where asked for (`--values`). */
  readonly value?: Value;
}

/** What is the same for all events of one program in one trace. */
export interface ProgramOptions {
  readonly facts: RuntimeFacts;
  readonly limits: CaptureLimits;
  readonly resolver?: ValueResolver;
  readonly isSecret: IsSecretName;
  /** By capture type: what the kernel zeroes in its chunks. */
  readonly masksOf?: (type: number) => ChunkMasks | undefined;
}

/** Decodes and writes the events of one program. Plans and types are compiled when their first event comes. */
export class ProgramValues {
  readonly #facts: RuntimeFacts;
  readonly #isSecret: IsSecretName;
  readonly #limits: CaptureLimits;
  readonly #resolver: ValueResolver;
  readonly #masksOf: ((type: number) => ChunkMasks | undefined) | undefined;
  readonly #decoders: Decoders;
  readonly #plans = new WeakMap<EventPlan, readonly CompiledVariable[]>();

  constructor({ facts, limits, resolver, isSecret, masksOf }: ProgramOptions) {
    this.#facts = facts;
    this.#isSecret = isSecret;
    this.#limits = limits;
    this.#resolver = resolver ?? NO_RESOLVER;
    this.#masksOf = masksOf;
    this.#decoders = new Decoders(facts, this.#isSecret);
  }

  /** `loadBias`: what the process's addresses are above those of the file; undefined where not known. */
  decode(plan: EventPlan, event: RawEvent, loadBias: number | undefined): NamedValue[] {
    const memory = new CapturedMemory(event.chunks, this.#reasons(event), this.#masksOf);
    const root = new DataView(event.root.buffer, event.root.byteOffset, event.root.byteLength);
    const values: NamedValue[] = [];
    for (const { name, place, decode, type } of this.#compiled(plan)) {
      const region = place(event, root);
      const value =
        "reason" in region
          ? absent(type, region)
          : decode(region, 0, new Walk(memory, this.#limits, this.#resolver, loadBias));
      values.push({ name, value });
    }
    return values;
  }

  /** Of the call's goroutine; nothing where the plan does not copy them. */
  labels({ context }: EventPlan, event: RawEvent): Labels {
    const at = context?.get("LABELS");
    if (at === undefined) return {};
    const word = new DataView(event.root.buffer, event.root.byteOffset, event.root.byteLength).getBigUint64(at, true);
    const memory = new CapturedMemory(event.chunks, this.#reasons(event), this.#masksOf);
    return readLabels(word, this.#facts, memory, this.#limits, this.#isSecret);
  }

  #compiled(plan: EventPlan): readonly CompiledVariable[] {
    let compiled = this.#plans.get(plan);
    if (compiled === undefined) {
      compiled = plan.variables.map((captured) => {
        const { name, type } = captured.variable;
        const decode = this.#decoders.named(name, type);
        return { name, place: compilePlace(captured), decode, type };
      });
      this.#plans.set(plan, compiled);
    }
    return compiled;
  }

  /** Why memory was not copied, or not all of it. */
  #reasons(event: RawEvent): MemoryReasons {
    const { full } = event;
    if (full === undefined) return { uncopied: NOT_CAPTURED, short: SHORT, unreadable: unreadable(event) };
    const missing: Missing = { reason: BUDGETS[full](this.#limits.eventBytes), limit: true };
    return { uncopied: missing, short: missing, unreadable: unreadable(event) };
  }
}

const BUDGETS: Readonly<Record<FullBudget, (eventBytes: number) => string>> = {
  bytes: (eventBytes) => `over the limit of ${eventBytes} bytes per event`,
  chunks: () => `only ${MAX_CHUNKS} pieces of memory of one call are copied`,
  steps: () => "the values of one call have too many pointers",
};

interface CompiledVariable {
  readonly name: string;
  readonly place: Place;
  readonly decode: Decode;
  readonly type: GoType;
}

const SHORT = { reason: "only a part of it was copied", limit: true } as const;

export function renderVariables(
  plan: EventPlan,
  event: RawEvent,
  program: ProgramValues,
  loadBias: number | undefined,
  withValues = false,
): RenderedValue[] {
  return program.decode(plan, event, loadBias).map(({ name, value }) => {
    const rendered = { name, type: value.type, text: textOf(value) };
    return withValues ? { ...rendered, value } : rendered;
  });
}
