/** One raw event of a probe to the event that the user sees; pure, and without memory of what came before. */
import type { SourcePosition } from "../../gobinary/api.ts";
import type { EventPlan, FunctionPlan, Instance, ProbeSite } from "../../probe/api.ts";
import { ofThisCall } from "../../probe/capture/lostArguments.ts";
import type { RawEvent } from "../../protocol/records.ts";
import { lateValues } from "../../value/late.ts";
import { type ProgramValues, renderVariables } from "../../value/render.ts";
import type { CallEvent, ReturnEvent, TraceEvent, UnwoundEvent } from "../api.ts";
import type { CallerTable } from "./callers.ts";
import type { ProbeRole } from "./probeTable.ts";
import { type CapturedStack, capturedStack, type Stack } from "./stacks.ts";

type Role<Kind extends ProbeRole["kind"]> = Extract<ProbeRole, { kind: Kind }>;

export interface Decoded {
  readonly event: TraceEvent;
  /** Of a call whose caller was not seen before: the file's address of the call instruction, to be looked up. */
  readonly callAddress?: number;
  /** To be unwound. */
  readonly stack?: CapturedStack | Stack;
}

export interface DecoderParts {
  /** Decodes what the probes copied. */
  readonly program: ProgramValues;
  /** Each value as a tree beside its text. */
  readonly values: boolean;
  /** Values are decoded when they are looked at. */
  readonly late: boolean;
  readonly callers: Pick<CallerTable, "callAddress" | "loadBias" | "lookup">;
  /** CLOCK_MONOTONIC, nanoseconds, to RFC 3339. */
  readonly toText: (monotonicNs: bigint) => string;
}

export class EventDecoder {
  private readonly parts: DecoderParts;

  constructor(parts: DecoderParts) {
    this.parts = parts;
  }

  /** `undefined`: the record is none that this probe sends. */
  decode(raw: RawEvent, role: ProbeRole): Decoded | undefined {
    // An unwound record names the entry probe of the call that it ends.
    if (raw.kind === "unwound") return role.kind === "entry" ? { event: this.unwound(raw, role) } : undefined;
    switch (role.kind) {
      case "entry":
        return this.call(raw, role);
      case "inlined":
        return this.inlinedCall(raw, role);
      case "return":
        return { event: this.return(raw, role) };
      default:
        return undefined;
    }
  }

  private call(raw: RawEvent, { plan }: Role<"entry">): Decoded {
    const { file, line } = plan.fn;
    const callAddress = this.parts.callers.callAddress(raw, plan.call.capture, plan.entry?.address ?? 0);
    const caller = callAddress === undefined ? null : this.parts.callers.lookup(callAddress);
    const event: CallEvent = {
      event: "call",
      ...this.base(raw, plan.fn.name),
      file,
      line,
      ...(caller === null || caller === undefined ? {} : callerOf(caller)),
      args: this.render(this.callPlan(plan, raw), raw, plan.entry),
      ...this.parts.program.labels(plan.call, raw),
      ...(raw.refused === true ? { endUnknown: true } : {}),
    };
    const stack = this.stack(plan.call, raw, plan.entry, { callee: plan.fn.name });
    return { event, ...(callAddress === undefined || caller !== undefined ? {} : { callAddress }), ...stack };
  }

  /** Has no return, and its caller stands where it was inlined. */
  private inlinedCall(raw: RawEvent, { plan, inlined }: Role<"inlined">): Decoded {
    const { name, file, line } = plan.fn;
    const event: CallEvent = {
      event: "call",
      ...this.base(raw, name),
      file,
      line,
      caller: inlined.call.func,
      ...(inlined.call.line > 0 ? { callerLine: inlined.call.line } : {}),
      args: this.render(inlined.plan, raw, inlined.site),
      ...this.parts.program.labels(inlined.plan, raw),
      inlined: true,
    };
    return { event, ...this.stack(inlined.plan, raw, inlined.site, { callee: name, inlinedAt: inlined.call.mark }) };
  }

  private return(raw: RawEvent, { plan, site }: Role<"return">): ReturnEvent {
    return {
      event: "return",
      ...this.base(raw, plan.fn.name),
      results: this.render(this.instanceOf(plan, "return", raw, site)?.return ?? plan.return, raw, site),
      ...(plan.missingResults === undefined ? {} : { missingResults: plan.missingResults }),
      durationNs: Number(raw.durationNs),
    };
  }

  private unwound(raw: RawEvent, { plan }: Role<"entry">): UnwoundEvent {
    return { event: "unwound", ...this.base(raw, plan.fn.name) };
  }

  private base(raw: RawEvent, func: string) {
    const { callId, pid, tid, goid } = raw;
    return { id: Number(callId), ts: this.parts.toText(raw.timeNs), pid, tid, goid: Number(goid), func };
  }

  /** As far as the types and places of this call's arguments are known. */
  private callPlan(plan: FunctionPlan, raw: RawEvent): EventPlan {
    const own = this.instanceOf(plan, "call", raw, plan.entry)?.call ?? plan.call;
    // Nearly all functions keep what is captured: their events are not looked at.
    if (plan.entry?.cameBack === undefined) return own;
    return ofThisCall(own, plan.entry.cameBack, raw.root, this.loadBias(own, raw, plan.entry));
  }

  /** Which instance of a generic function the event is of; undefined where that is not known. */
  private instanceOf(
    plan: FunctionPlan,
    event: "call" | "return",
    raw: RawEvent,
    site: ProbeSite | undefined,
  ): Instance | undefined {
    const word = plan.generic?.dictionary[event];
    if (word === undefined || (raw.failedPieces & (1 << word.piece)) !== 0 || word.root + 8 > raw.root.length)
      return undefined;
    const bias = this.parts.callers.loadBias(raw, plan[event].capture, site?.address ?? 0);
    if (bias === undefined) return undefined;
    const view = new DataView(raw.root.buffer, raw.root.byteOffset, raw.root.byteLength);
    return plan.generic?.instance(Number(view.getBigUint64(word.root, true)) - bias);
  }

  private render(plan: EventPlan, raw: RawEvent, site: ProbeSite | undefined): CallEvent["args"] {
    const { program, values, late } = this.parts;
    const loadBias = this.loadBias(plan, raw, site);
    return late ? lateValues(plan, raw, program, loadBias) : renderVariables(plan, raw, program, loadBias, values);
  }

  private stack(
    plan: EventPlan,
    raw: RawEvent,
    site: ProbeSite | undefined,
    called: Pick<CapturedStack, "callee" | "inlinedAt">,
  ): Pick<Decoded, "stack"> {
    const stack = capturedStack(raw, plan, site?.cfaOffset ?? 0, this.loadBias(plan, raw, site), called);
    return stack === undefined ? {} : { stack };
  }

  private loadBias(plan: EventPlan, raw: RawEvent, site: ProbeSite | undefined): number | undefined {
    return this.parts.callers.loadBias(raw, plan.capture, site?.address ?? 0);
  }
}

/** Where the position is known. */
export function callerOf({ func, line }: SourcePosition): Pick<CallEvent, "caller" | "callerLine"> {
  return line > 0 ? { caller: func, callerLine: line } : { caller: func };
}
