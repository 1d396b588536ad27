/**
 * Joins events with their float registers, which come in a record of their own (bpf/floats.h): behind the event, before
 * anything else of its thread, with records of other threads in between. Events keep the kernel's order, so those
 * behind one that waits, wait too.
 */
import type { EventPlan } from "../../probe/api.ts";
import { FLOATS_OFF } from "../../probe/capture/captureVariables.ts";
import { FLOAT_REGISTERS, rootLayout } from "../../protocol/capture.ts";
import type { RawEvent } from "../../protocol/records.ts";

/** Events that are held, above which the oldest goes without its registers: what a full ring buffer holds of the smallest. */
const MAX_HELD = 16_384;

interface Held {
  event: RawEvent;
  /** Of an event that waits for its registers. */
  plan: EventPlan | undefined;
  /** Its bytes are its own. */
  kept?: true;
}

/** Where a plan's float registers stand in the root area. */
interface FloatPlace {
  readonly root: number;
  /** In the record of the registers. */
  readonly from: number;
  /** In `failedPieces`. */
  readonly bit: number;
}

export class FloatJoiner {
  /** Gets every event once, in the order in which they came. */
  private readonly deliver: (event: RawEvent) => void;
  private readonly places = new Map<EventPlan, readonly FloatPlace[]>();
  private held: Held[] = [];
  /** Of all that were ever held: where `held` begins. */
  private first = 0;
  /** How many of `held` are no longer. */
  private gone = 0;
  /** Those of `held` that wait, by thread. */
  private readonly waiting = new Map<number, Held[]>();
  /** Events whose registers were to come and did not. */
  missed = 0;

  constructor(deliver: (event: RawEvent) => void) {
    this.deliver = deliver;
  }

  get holds(): boolean {
    return this.held.length > this.gone;
  }

  /** `plan`: what the event's probe copies. The event's bytes may change after the next `keep`. */
  take(event: RawEvent, plan: EventPlan | undefined): void {
    if (event.kind === "floats") return this.join(event);
    this.giveUpOthers(event);
    const wants = event.floats === undefined ? undefined : plan;
    if (wants === undefined && !this.holds) return this.deliver(event);
    if (wants === undefined || event.floats === "follow") {
      const held: Held = { event, plan: wants };
      this.held.push(held);
      if (wants !== undefined) this.waitersOf(event.tid).push(held);
    } else this.held.push({ event: without(event, WHY_NOT[event.floats ?? "no room"]), plan: undefined });
    while (this.held.length - this.gone > MAX_HELD) this.giveUp(this.held[this.gone]!);
    this.release();
  }

  /** The bytes of what is held are copied: they stood in a batch that ends. */
  keep(): void {
    for (let index = this.gone; index < this.held.length; index++) {
      const held = this.held[index]!;
      if (held.kept === true) continue;
      held.kept = true;
      held.event = {
        ...held.event,
        root: held.event.root.slice(),
        chunks: held.event.chunks.map((chunk) => ({ ...chunk, bytes: chunk.bytes.slice() })),
      };
    }
  }

  /** A point in the stream, for `giveUpBefore`. */
  get now(): number {
    return this.first + this.held.length;
  }

  /** What came before a point and still waits goes without. */
  giveUpBefore(point: number): void {
    for (const held of this.held.slice(0, Math.max(0, point - this.first))) this.giveUp(held);
    this.release();
  }

  private join({ probe, callId, tid, root }: RawEvent): void {
    const held = this.waiting.get(tid)?.find(({ event }) => event.callId === callId && event.probe === probe);
    if (held?.plan === undefined) return;
    if (root.length === 0) this.giveUp(held);
    else {
      held.event = this.filled(held.event, held.plan, root);
      this.settle(held);
    }
    this.release();
  }

  /** A thread that makes another call is past the place where it was sent the signal. */
  private giveUpOthers({ tid, callId }: RawEvent): void {
    const waiters = this.waiting.get(tid);
    if (waiters === undefined) return;
    for (const held of waiters) if (held.event.callId !== callId) this.giveUp(held);
  }

  private giveUp(held: Held): void {
    if (held.plan === undefined) return;
    held.event = without(held.event, NO_FRAME);
    this.missed += 1;
    this.settle(held);
    this.release();
  }

  private settle(held: Held): void {
    held.plan = undefined;
    const { tid } = held.event;
    const others = this.waitersOf(tid).filter((other) => other !== held);
    if (others.length === 0) this.waiting.delete(tid);
    else this.waiting.set(tid, others);
  }

  private release(): void {
    while (this.holds && this.held[this.gone]!.plan === undefined) this.deliver(this.held[this.gone++]!.event);
    if (this.holds && this.gone <= MAX_HELD) return;
    this.held = this.held.slice(this.gone);
    this.first += this.gone;
    this.gone = 0;
  }

  private waitersOf(tid: number): Held[] {
    let waiters = this.waiting.get(tid);
    if (waiters === undefined) {
      waiters = [];
      this.waiting.set(tid, waiters);
    }
    return waiters;
  }

  private filled(event: RawEvent, plan: EventPlan, registers: Uint8Array): RawEvent {
    const root = event.root.slice();
    let { failedPieces } = event;
    for (const { root: at, from, bit } of this.placesOf(plan)) {
      if (at + FLOAT_BYTES > root.length || from + FLOAT_BYTES > registers.length) continue;
      root.set(registers.subarray(from, from + FLOAT_BYTES), at);
      failedPieces &= ~bit;
    }
    return { ...event, root, failedPieces };
  }

  private placesOf(plan: EventPlan): readonly FloatPlace[] {
    let places = this.places.get(plan);
    if (places === undefined) {
      const { offsets } = rootLayout(plan.capture);
      places = plan.capture.pieces.flatMap((piece, index) =>
        piece.kind !== "float"
          ? []
          : [
              {
                root: offsets[index]!,
                from: FLOAT_BYTES * FLOAT_REGISTERS.indexOf(piece.register),
                bit: 1 << index,
              },
            ],
      );
      this.places.set(plan, places);
    }
    return places;
  }
}

const FLOAT_BYTES = 8;
const NO_FRAME = `${FLOATS_OFF}: the signal frame did not come`;
const WHY_NOT = {
  follow: NO_FRAME,
  "no goroutine": `${FLOATS_OFF}, on a system stack`,
  "no room": `${FLOATS_OFF}: too many threads wait for a signal`,
} as const;

function without(event: RawEvent, floatsMissing: string): RawEvent {
  return { ...event, floatsMissing };
}
