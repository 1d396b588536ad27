/**
 * Values that are decoded when they are first looked at: for a reader who keeps many events and looks at few. The
 * event's bytes are copied, as the batch that they came in is not kept.
 */
import type { EventPlan } from "../probe/api.ts";
import type { RawEvent } from "../protocol/records.ts";
import type { Value } from "./api.ts";
import type { ProgramValues, RenderedValue } from "./render.ts";
import { textOf } from "./text.ts";

/** One for each variable of the plan, in its order. `loadBias`: as `ProgramValues.decode` wants it. */
export function lateValues(
  plan: EventPlan,
  event: RawEvent,
  program: ProgramValues,
  loadBias: number | undefined,
): RenderedValue[] {
  if (plan.variables.length === 0) return [];
  const kept = new KeptEvent(plan, withOwnBytes(event), program, loadBias);
  return plan.variables.map(({ variable }, index) => new LateValue(variable.name, kept, index));
}

class LateValue implements RenderedValue {
  readonly name: string;
  readonly #event: KeptEvent;
  readonly #index: number;
  #text: string | undefined;

  constructor(name: string, event: KeptEvent, index: number) {
    this.name = name;
    this.#event = event;
    this.#index = index;
  }

  get value(): Value {
    return this.#event.value(this.#index);
  }

  get type(): string {
    return this.value.type;
  }

  get text(): string {
    this.#text ??= textOf(this.value);
    return this.#text;
  }
}

class KeptEvent {
  readonly #plan: EventPlan;
  readonly #program: ProgramValues;
  readonly #loadBias: number | undefined;
  #event: RawEvent | undefined;
  #values: readonly Value[] = [];

  constructor(plan: EventPlan, event: RawEvent, program: ProgramValues, loadBias: number | undefined) {
    this.#plan = plan;
    this.#event = event;
    this.#program = program;
    this.#loadBias = loadBias;
  }

  value(index: number): Value {
    const event = this.#event;
    if (event !== undefined) {
      // The bytes have done their service.
      this.#event = undefined;
      this.#values = this.#decode(event);
    }
    return this.#values[index]!;
  }

  #decode(event: RawEvent): Value[] {
    try {
      return this.#program.decode(this.#plan, event, this.#loadBias).map(({ value }) => value);
    } catch (error) {
      // A defect of ours; who looks must not fall over it.
      const reason = error instanceof Error ? error.message : String(error);
      const unavailable = `it could not be decoded (${reason}); please report it`;
      return this.#plan.variables.map(({ variable: { type } }) => ({ type: type.name, kind: type.kind, unavailable }));
    }
  }
}

function withOwnBytes(event: RawEvent): RawEvent {
  // `slice` of a Buffer is a view; that of a Uint8Array is a copy.
  const copy = (bytes: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(bytes);
  const chunks = event.chunks.map((chunk) => ({ ...chunk, bytes: copy(chunk.bytes) }));
  return { ...event, root: copy(event.root), chunks };
}
