/** JSON-RPC (vscode-jsonrpc) over frames: the transport that both ends of the helper's stream share. */
import type { Readable, Writable } from "node:stream";
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import { encodeFrameHeader, FRAME_KIND, FrameDecoder, FrameError } from "./frames.ts";

export interface FramedConnection {
  readonly rpc: MessageConnection;
}

/**
 * `onRecords` gets the payload of each records frame, valid during the call. `onEnd` is called once, with an error
 * where the other side sent something that is not our protocol or the stream broke, without one at a clean end.
 */
export function connectFrames(
  input: Readable,
  output: Writable,
  onRecords: (batch: Uint8Array) => void,
  onEnd: (error?: Error) => void,
): FramedConnection {
  const rpc = createMessageConnection(
    new FrameMessageReader(input, onRecords, once(onEnd)),
    new FrameMessageWriter(output),
  );
  return { rpc };
}

class FrameMessageReader extends AbstractMessageReader {
  private readonly input: Readable;
  private readonly onRecords: (batch: Uint8Array) => void;
  private readonly onEnd: (error?: Error) => void;

  constructor(input: Readable, onRecords: (batch: Uint8Array) => void, onEnd: (error?: Error) => void) {
    super();
    this.input = input;
    this.onRecords = onRecords;
    this.onEnd = onEnd;
  }

  listen(deliver: DataCallback): Disposable {
    let stopped = false;
    const stop = (error?: Error): void => {
      if (stopped) return;
      stopped = true;
      this.input.off("data", onData);
      this.onEnd(error);
      this.fireClose();
    };
    const decoder = new FrameDecoder((kind, payload) => {
      if (kind === FRAME_KIND.records) this.onRecords(payload);
      else deliver(parseMessage(payload));
    });
    const onData = (chunk: Uint8Array): void => {
      try {
        decoder.push(chunk);
      } catch (error) {
        // What follows cannot be framed any more.
        if (error instanceof FrameError) stop(error);
        else throw error;
      }
    };
    this.input.on("data", onData);
    this.input.once("error", (error) => stop(error));
    this.input.once("close", () => stop());
    this.input.once("end", () => stop(decoder.idle ? undefined : new FrameError("the stream ends inside a frame")));
    return { dispose: () => this.input.off("data", onData) };
  }
}

class FrameMessageWriter extends AbstractMessageWriter {
  private readonly output: Writable;

  constructor(output: Writable) {
    super();
    this.output = output;
    output.on("error", (error) => this.fireError(error));
    output.once("close", () => this.fireClose());
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      const payload = Buffer.from(JSON.stringify(message), "utf8");
      const header = encodeFrameHeader(FRAME_KIND.json, payload.length);
      // Together, but without one more copy: tables of types take megabytes.
      this.output.cork();
      this.output.write(header);
      this.output.write(payload, (error) => (error ? reject(error) : resolve()));
      this.output.uncork();
    });
  }

  end(): void {
    this.output.end();
  }
}

/**
 * What none of our messages is, because JSON.parse takes a hundred times the text's size for it: nested deeper, or with
 * more lists and objects for its size (a name and a value take eight bytes).
 */
const MAX_NESTING = 32;
const BYTES_PER_LIST = 8;
/** Short texts cost nothing. */
const SHORT_BYTES = 1024;

function parseMessage(payload: Uint8Array): Message {
  let message: unknown;
  if (payload.length > SHORT_BYTES) checkShape(payload);
  try {
    message = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("utf8"));
  } catch {
    throw new FrameError(`a frame of ${payload.length} bytes is not JSON`);
  }
  if (typeof message !== "object" || message === null || (message as Message).jsonrpc !== "2.0")
    throw new FrameError("a frame is not a JSON-RPC 2.0 message");
  return message as Message;
}

/** Of JSON text; other text fails later. */
function checkShape(text: Uint8Array): void {
  const [quote, backslash] = [0x22, 0x5c];
  const most = text.length / BYTES_PER_LIST;
  let [depth, lists] = [0, 0];
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!;
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    // `[` 0x5b, `{` 0x7b; `]` 0x5d, `}` 0x7d.
    else if ((byte & 0xdf) === 0x5d) depth--;
    else if ((byte & 0xdf) === 0x5b) {
      if (++depth > MAX_NESTING)
        throw new FrameError(`a frame of ${text.length} bytes nests deeper than ${MAX_NESTING}`);
      if (++lists > most)
        throw new FrameError(`a frame of ${text.length} bytes has more than ${Math.floor(most)} lists`);
    }
  }
}

function once(callback: (error?: Error) => void): (error?: Error) => void {
  let called = false;
  return (error) => {
    if (called) return;
    called = true;
    callback(error);
  };
}
