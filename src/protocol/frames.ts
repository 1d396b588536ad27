/**
 * Frames of the helper's byte stream: u32 length (little-endian; of the payload), one kind byte, payload. Pure codec;
 * the same on a pipe, through sudo, on a socket or over ssh.
 */

export const FRAME_KIND = {
  /** One JSON-RPC message, UTF-8. */
  json: 1,
  /** u32 session (little-endian), then consecutive records of its ring buffer, as `records.ts` reads them. */
  records: 2,
} as const;
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

export const FRAME_HEADER_BYTES = 5;
/** An attach request takes about 500 bytes per probe; the largest (MAX_PROBES of layout.ts) stays below this. */
export const MAX_JSON_FRAME_BYTES = 32 << 20;
/** One batch of records. The helper sends at most one of a session at a time. Above the largest record. */
export const MAX_RECORDS_FRAME_BYTES = 1 << 20;
const SESSION_BYTES = 4;

/** What arrived was not our protocol. Nothing after it can be trusted: close the stream. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FrameError";
  }
}

/** What stands before a batch of records. */
export function encodeRecordsHeader(session: number, length: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES + SESSION_BYTES);
  header.set(encodeFrameHeader(FRAME_KIND.records, SESSION_BYTES + length));
  new DataView(header.buffer).setUint32(FRAME_HEADER_BYTES, session, true);
  return header;
}

/** Of the payload of a frame of records. */
export function decodeRecordsFrame(payload: Uint8Array): { readonly session: number; readonly batch: Uint8Array } {
  if (payload.length < SESSION_BYTES) throw new FrameError(`a frame of records has only ${payload.length} bytes`);
  const session = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
  return { session, batch: payload.subarray(SESSION_BYTES) };
}

export function encodeFrameHeader(kind: FrameKind, length: number): Uint8Array {
  const limit = frameLimit(kind);
  if (length > limit) throw new FrameError(`a frame of kind ${kind} may hold ${limit} bytes, not ${length}`);
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  new DataView(header.buffer).setUint32(0, length, true);
  header[4] = kind;
  return header;
}

/** Puts frames together from whatever pieces the stream delivers. The payload is valid during the callback only. */
export class FrameDecoder {
  private readonly onFrame: (kind: FrameKind, payload: Uint8Array) => void;
  private readonly header = new Uint8Array(FRAME_HEADER_BYTES);
  private headerFilled = 0;
  private kind: FrameKind = FRAME_KIND.json;
  private payload: Uint8Array | undefined;
  private payloadFilled = 0;

  constructor(onFrame: (kind: FrameKind, payload: Uint8Array) => void) {
    this.onFrame = onFrame;
  }

  /** True between frames: a stream that ends elsewhere was cut. */
  get idle(): boolean {
    return this.headerFilled === 0 && this.payload === undefined;
  }

  /** Throws a FrameError on a kind or length that is not ours. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.payload === undefined) {
        const take = Math.min(FRAME_HEADER_BYTES - this.headerFilled, chunk.length - at);
        this.header.set(chunk.subarray(at, at + take), this.headerFilled);
        this.headerFilled += take;
        at += take;
        if (this.headerFilled < FRAME_HEADER_BYTES) return;
        const length = this.readHeader();
        this.headerFilled = 0;
        if (chunk.length - at >= length) {
          // The whole payload is at hand: no copy.
          this.onFrame(this.kind, chunk.subarray(at, at + length));
          at += length;
          continue;
        }
        this.payload = new Uint8Array(length);
        this.payloadFilled = 0;
      }
      const payload = this.payload;
      const take = Math.min(payload.length - this.payloadFilled, chunk.length - at);
      payload.set(chunk.subarray(at, at + take), this.payloadFilled);
      this.payloadFilled += take;
      at += take;
      if (this.payloadFilled === payload.length) {
        this.payload = undefined;
        this.onFrame(this.kind, payload);
      }
    }
  }

  private readHeader(): number {
    const length = new DataView(this.header.buffer).getUint32(0, true);
    const kind = this.header[4];
    if (kind !== FRAME_KIND.json && kind !== FRAME_KIND.records)
      throw new FrameError(
        `unknown frame kind ${kind} (length ${length}): the other side does not speak this protocol`,
      );
    const limit = frameLimit(kind);
    if (length > limit)
      throw new FrameError(`a frame of kind ${kind} announces ${length} bytes, the limit is ${limit}`);
    this.kind = kind;
    return length;
  }
}

function frameLimit(kind: FrameKind): number {
  return kind === FRAME_KIND.json ? MAX_JSON_FRAME_BYTES : SESSION_BYTES + MAX_RECORDS_FRAME_BYTES;
}
