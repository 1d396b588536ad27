/** Where results go: stdout, or the file of `--output`. Written asynchronously, so that a slow reader blocks no signal. */
import { constants, createWriteStream, type WriteStream } from "node:fs";
import { type FileHandle, lstat, open, realpath, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import type { UserError } from "../protocol/errors.ts";
import { encodePath } from "../protocol/path.ts";
import { isTracedProgram, outputFailed, outputNotOpened } from "./failures.ts";
import { say } from "./terminal.ts";

/** A reader that takes nothing for this long holds the end of the program up no longer; one that is slow does. */
const FLUSH_TIMEOUT_MS = 2000;
const PRIVATE_MODE = 0o600;

export class Output {
  private readonly stream: Writable;
  private readonly name: string;
  private state: "open" | "reader-gone" | "abandoned" | "failed" = "open";
  /** Of all who wait for a slow reader. */
  private wakes: (() => void)[] = [];
  private readonly ended: (failure: UserError | undefined) => void;
  /** Resolves when writing is over by itself: without an error where the reader is gone, with one where it failed. */
  readonly over: Promise<UserError | undefined>;

  static stdout(): Output {
    return Output.to(process.stdout, "stdout");
  }

  static to(stream: Writable, name: string): Output {
    return new Output(stream, name);
  }

  /** Created with mode 0600; a file that exists is replaced, not written into, but never the `program` that is traced. */
  static async file(path: string, program: string): Promise<Output> {
    if (await isSameFile(path, program)) throw isTracedProgram(path);
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
    stream.on("drain", () => this.hurry());
  }

  /** A promise where the reader is slow: wait for it before writing more. */
  write(text: string): Promise<void> | undefined {
    if (this.state !== "open" || this.stream.write(text)) return undefined;
    return new Promise((resolve) => this.wakes.push(resolve));
  }

  /** Nobody waits for a slow reader any more; what is written from now on is kept until `close`. */
  hurry(): void {
    const { wakes } = this;
    this.wakes = [];
    for (const wake of wakes) wake();
  }

  /** Waits until everything is written, as long as somebody takes it; else says that the end is missing. */
  async close(): Promise<void> {
    if (this.state !== "open") return;
    await new Promise<void>((resolve) => {
      let left = this.unwritten();
      const timer = setInterval(() => {
        const before = left;
        left = this.unwritten();
        if (left !== before) return;
        clearInterval(timer);
        this.state = "abandoned";
        this.sayMissing();
        resolve();
      }, FLUSH_TIMEOUT_MS);
      // The last bytes may be the ones that fail, and their callback comes before the stream's own event.
      const done = (error?: NodeJS.ErrnoException | null): void => {
        if (error) this.onError(error);
        clearInterval(timer);
        resolve();
      };
      void this.over.then(() => done());
      if (this.stream === process.stdout) this.stream.write("", done);
      else this.stream.end(done);
    });
  }

  /** What is lost must not be taken for what did not happen. */
  sayMissing(): void {
    say(`the reader of ${this.name} does not read, or too slowly: the end of the output is missing`);
  }

  /**
   * Changes whenever something is taken of what has been given to the stream: one write of much is taken in parts, which
   * only the handle knows (Node's own timeouts of sockets look there, lib/net.js).
   */
  private unwritten(): string {
    const { _handle: handle } = this.stream as { _handle?: { writeQueueSize?: number } | null };
    return `${this.stream.writableLength} ${handle?.writeQueueSize ?? 0}`;
  }

  private onError(error: NodeJS.ErrnoException): void {
    if (this.state !== "open") return;
    const readerGone = error.code === "EPIPE" || error.code === "ECONNRESET";
    this.state = readerGone ? "reader-gone" : "failed";
    this.hurry();
    this.ended(readerGone ? undefined : outputFailed(this.name, error));
  }
}

/** Of a link it is the link that would be replaced. */
async function isSameFile(path: string, program: string): Promise<boolean> {
  const [own, traced] = await Promise.all([
    lstat(encodePath(path), { bigint: true }).catch(() => undefined),
    stat(encodePath(program), { bigint: true }).catch(() => undefined),
  ]);
  return own !== undefined && own.ino === traced?.ino && own.dev === traced.dev;
}

async function openPrivate(path: string): Promise<WriteStream> {
  try {
    const handle = (await isSpecial(path)) ? await openSpecial(path) : await replaceFile(path);
    return createWriteStream("", { fd: handle });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // open(2) says EISDIR of `x/` also where there is no such directory.
    const isMissing = code === "EISDIR" && !(await exists(path));
    throw outputNotOpened(path, isMissing ? Object.assign(new Error(), { code: "ENOENT" }) : (error as Error));
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(encodePath(path)).then(
    () => true,
    () => false,
  );
}

/** A device or a pipe is written to as it is; so is what the kernel shows as a file (`/dev/stdout`, `/proc/self/fd/1`). */
async function isSpecial(path: string): Promise<boolean> {
  const directory = await realpath(encodePath(dirname(path))).catch(() => "");
  if (/^\/(dev|proc)(\/|$)/.test(directory) && !directory.startsWith("/dev/shm")) return true;
  const target = await stat(encodePath(path)).catch(() => undefined);
  return target !== undefined && !target.isFile();
}

async function openSpecial(path: string): Promise<FileHandle> {
  // A pipe that nobody reads would hold up a plain open for ever; tried like this it is an error (ENXIO).
  const tried = await open(encodePath(path), constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    return await open(encodePath(path), constants.O_WRONLY);
  } finally {
    await tried.close();
  }
}

/** A file or a link is replaced, so that its old mode, its readers and its target do not matter. */
async function replaceFile(path: string): Promise<FileHandle> {
  await unlink(encodePath(path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  const handle = await open(encodePath(path), "wx", PRIVATE_MODE);
  // Whatever the umask takes away.
  await handle.chmod(PRIVATE_MODE);
  return handle;
}
