/** Events as the kernel program would send them, of pretended memory; and one value, decoded as such an event's only variable. */
import { NO_RESOLVER, type ValueResolver } from "../../../src/goabi/resolver.ts";
import { runtimeFacts } from "../../../src/goabi/runtime/facts.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import { type CaptureLimits, DEFAULT_LIMITS, type EventPlan } from "../../../src/probe/api.ts";
import type { Chunk, RawEvent } from "../../../src/protocol/records.ts";
import type { ChunkMasks } from "../../../src/value/memory.ts";
import { ProgramValues, type RenderedValue, renderVariables } from "../../../src/value/render.ts";

export type PretendedChunk = Partial<Chunk>;

export interface Pretended {
  readonly name?: string;
  readonly goMinor?: number;
  readonly limits?: Partial<CaptureLimits>;
  readonly resolver?: ValueResolver;
  readonly masks?: Readonly<Record<number, ChunkMasks>>;
  readonly full?: "bytes" | "chunks" | "steps";
  readonly waited?: true;
}

export function decodeOne(
  type: GoType,
  root: Uint8Array,
  chunks: readonly PretendedChunk[],
  { name = "v", goMinor = 27, limits = {}, resolver = NO_RESOLVER, masks = {}, full, waited }: Pretended = {},
): RenderedValue {
  const program = new ProgramValues({
    facts: runtimeFacts(goMinor, `go1.${goMinor}.0`),
    limits: { ...DEFAULT_LIMITS, ...limits },
    resolver,
    isSecret: secretNames([]),
    masksOf: (id) => masks[id],
  });
  const event: RawEvent = {
    ...EVENT,
    root,
    chunks: chunks.map(chunkOf),
    ...(full === undefined ? {} : { full }),
    ...(waited ? { waited } : {}),
  };
  return renderVariables(onStack(name, type, root.length), event, program, 0, true)[0]!;
}

/** Copied whole, unless it says otherwise. */
export function chunkOf(chunk: PretendedChunk): Chunk {
  const bytes = chunk.bytes ?? new Uint8Array(0);
  return { type: 0, wanted: bytes.length, address: 0n, status: "ok", bytes, ...chunk };
}

/** The plan for one variable that stands on the stack as a whole. */
export function onStack(name: string, type: GoType, size: number): EventPlan {
  return {
    capture: { pieces: [{ kind: "stack", offset: 0, size }], slots: [], masks: [] },
    variables: [
      {
        variable: { name, type, blank: false, location: [{ offset: 0, size, place: { at: "cfa", offset: 0 } }] },
        pieces: [{ offset: 0, size, root: 0, piece: 0 }],
      },
    ],
  };
}

export const EVENT: Omit<RawEvent, "root" | "chunks"> = {
  kind: "call",
  probe: 1,
  callId: 1n,
  timeNs: 0n,
  durationNs: 0n,
  pid: 1,
  tid: 1,
  goid: 1n,
  depth: 0n,
  returnAddress: 0n,
  failedPieces: 0,
};

/** Words of 8 bytes; text as its bytes. */
export function bytesOf(...parts: readonly (number | bigint | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => {
      if (typeof part === "string") return [...Buffer.from(part)];
      const word = Buffer.alloc(8);
      word.writeBigUInt64LE(BigInt.asUintN(64, BigInt(part)));
      return [...word];
    }),
  );
}
