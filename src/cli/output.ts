/** Where results go: stdout, or the file of `--output`. Written asynchronously, so that a slow reader blocks no signal. */
import { createWriteStream, type WriteStream } from "node:fs";
import { lstat, open, unlink } from "node:fs/promises";
import type { Writable } from "node:stream";
import { UserError } from "../protocol/errors.ts";

/** A reader that does not read holds the end of the program up for this long. */
const FLUSH_TIMEOUT_MS = 2000;
const PRIVATE_MODE = 0o600;

export class Output {
  private readonly stream: Writable;
  private readonly name: string;
  private state: "open" | "reader-gone" | "abandoned" | "failed" = "open";
  private wake: (() => void) | undefined;
  private readonly ended: (failure: UserError | undefined) => void;
  /** Resolves when writing is over by itself: without an error where the reader is gone, with one where it failed. */
  readonly over: Promise<UserError | undefined>;

  static stdout(): Output {
    return new Output(process.stdout, "stdout");
  }

  /** Created with mode 0600; a file that exists is replaced, not written into. */
  static async file(path: string): Promise<Output> {
    return new Output(await openPrivate(path), path);
  }

  private constructor(stream: Writable, name: string) {
    this.stream = stream;
    this.name = name;
    let end: (failure: UserError | undefined) => void = () => {};
    this.over = new Promise((resolve) => {
      end = resolve;
    });
    this.ended = end;
    stream.on("error", (error: NodeJS.ErrnoException) => this.onError(error));
    stream.on("drain", () => this.wake?.());
  }

  /** A promise where the reader is slow: wait for it before writing more. */
  write(text: string): Promise<void> | undefined {
    if (this.state !== "open" || this.stream.write(text)) return undefined;
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /** Nobody waits for a slow reader any more; what is written from now on is kept until `close`. */
  hurry(): void {
    this.wake?.();
  }

  /** Waits until everything is written, but not for ever. */
  async close(): Promise<void> {
    if (this.state !== "open") return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.state = "abandoned";
        resolve();
      }, FLUSH_TIMEOUT_MS);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      void this.over.then(done);
      if (this.stream === process.stdout) this.stream.write("", done);
      else this.stream.end(done);
    });
  }

  private onError(error: NodeJS.ErrnoException): void {
    if (this.state !== "open") return;
    const readerGone = error.code === "EPIPE" || error.code === "ECONNRESET";
    this.state = readerGone ? "reader-gone" : "failed";
    this.wake?.();
    this.ended(
      readerGone
        ? undefined
        : new UserError({
            code: "output-failed",
            what: `cannot write to ${this.name}`,
            why: describe(error),
            remedy: error.code === "ENOSPC" ? "Make room there, or write elsewhere" : "Write elsewhere",
          }),
    );
  }
}

async function openPrivate(path: string): Promise<WriteStream> {
  try {
    const existing = await lstat(path).catch(() => undefined);
    // A device or a pipe is written to; a file or a link is replaced, so that its old mode and readers do not matter.
    const special = existing !== undefined && !existing.isFile() && !existing.isSymbolicLink();
    if (existing?.isDirectory() === true) throw Object.assign(new Error("EISDIR"), { code: "EISDIR" });
    if (existing !== undefined && !special) await unlink(path);
    const handle = await open(path, special ? "w" : "wx", PRIVATE_MODE);
    return createWriteStream(path, { fd: handle });
  } catch (error) {
    throw new UserError({
      code: "output-failed",
      what: `cannot write the output file ${path}`,
      why: describe(error as NodeJS.ErrnoException),
      remedy: "Give a path in a directory that this user may write to",
    });
  }
}

function describe(error: NodeJS.ErrnoException): string {
  const reasons: Record<string, string> = {
    ENOENT: "its directory does not exist",
    ENOTDIR: "a part of its path is not a directory",
    EISDIR: "it is a directory",
    EACCES: "this user may not write there",
    EPERM: "this user may not write there",
    EROFS: "the file system is read-only",
    ENOSPC: "no space is left on the device",
    EDQUOT: "the disk quota is used up",
    ENAMETOOLONG: "its name is too long",
    EFBIG: "it would grow larger than allowed",
  };
  return reasons[error.code ?? ""] ?? `the system says ${error.code ?? error.message}`;
}
