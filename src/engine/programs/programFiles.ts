/** Bytes of program files: read here, or by the helper for processes whose program this user may not open. */
import { type FileHandle, open } from "node:fs/promises";
import type { ByteSource } from "../../bytes/source.ts";
import { MAX_READ_BYTES, type ReadFileResult } from "../../protocol/helperApi.ts";
import { absolutePath, encodePath } from "../../protocol/path.ts";
import {
  endsAt,
  type FileUse,
  notAFile,
  notOpened,
  readingFile,
  replacedWhileRead,
  tooLarge,
  tooLongRead,
} from "../failures.ts";

/** Read to learn size and identity: an ELF header. */
const IDENTITY_READ_BYTES = 64;
/** A program file is at most this large: no Go linker writes more, and it bounds what one parser may ask for. */
const MAX_PROGRAM_BYTES = 8 * 2 ** 30;

export interface ProgramSource extends ByteSource {
  /** `dev:ino:size:mtime`: another value means another file content. */
  readonly identity: string;
  readonly inode: number;
  /** Absolute path of the file where it is known: its debug file is looked for beside it. */
  readonly path?: string;
  /** This process' descriptor of the file, while the source is open: to hand it over to the helper. */
  readonly descriptor?: number;
  /** Reads from now on through `other`, which has the same content: this one's process or helper may be gone. */
  renew?(other: ProgramSource): void;
  close(): Promise<void>;
}

/** Opens a regular file. `use`: the caller's part of the message when that fails. */
export async function openLocalSource(
  path: string,
  name: string,
  use: FileUse = readingFile(name),
): Promise<ProgramSource> {
  let file: FileHandle;
  try {
    // A FIFO without a writer would block the open for ever: O_NONBLOCK, which regular files ignore.
    file = await open(encodePath(path), 0o4000);
  } catch (error) {
    throw notOpened(error as NodeJS.ErrnoException, use);
  }
  try {
    const stat = await file.stat({ bigint: true });
    if (!stat.isFile()) throw notAFile(stat.isDirectory(), use);
    const size = Number(stat.size);
    if (size > MAX_PROGRAM_BYTES) throw tooLarge(size, MAX_PROGRAM_BYTES, use);
    // What is opened through /proc has its real path as its name.
    const known = { name, size, inode: Number(stat.ino), identity: identityOf(stat), path: absolutePath(name) };
    return new LocalSource(file, known);
  } catch (error) {
    await file.close();
    throw error;
  }
}

export function identityOf(stat: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}

class LocalSource implements ProgramSource {
  readonly name: string;
  readonly size: number;
  readonly identity: string;
  readonly inode: number;
  readonly path: string;
  private readonly file: FileHandle;
  private closed: Promise<void> | undefined;

  constructor(file: FileHandle, known: Required<Pick<ProgramSource, "name" | "size" | "inode" | "identity" | "path">>) {
    this.file = file;
    this.name = known.name;
    this.size = known.size;
    this.inode = known.inode;
    this.identity = known.identity;
    this.path = known.path;
  }

  get descriptor(): number {
    return this.file.fd;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.file.read(bytes, filled, length - filled, offset + filled);
      // The file shrank after it was opened: somebody truncated or rewrote it in place.
      if (bytesRead === 0) throw endsAt(this.name, offset, length, offset + filled);
      filled += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    this.closed ??= this.file.close();
    await this.closed;
  }
}

/** Reads through the helper, in chunks that it accepts, and notices when the program was exchanged between two of them. */
export class HelperSource implements ProgramSource {
  readonly name: string;
  readonly size: number;
  readonly identity: string;
  readonly inode: number;
  private readChunk: (offset: number, length: number) => Promise<ReadFileResult>;

  static async open(
    name: string,
    readChunk: (offset: number, length: number) => Promise<ReadFileResult>,
  ): Promise<HelperSource> {
    const first = await readChunk(0, IDENTITY_READ_BYTES);
    return new HelperSource(name, first, readChunk);
  }

  private constructor(
    name: string,
    first: ReadFileResult,
    readChunk: (offset: number, length: number) => Promise<ReadFileResult>,
  ) {
    this.name = name;
    this.size = first.size;
    this.identity = first.identity;
    this.inode = Number(first.identity.split(":")[1] ?? 0);
    this.readChunk = readChunk;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const part = await this.readChunk(offset + filled, Math.min(MAX_READ_BYTES, length - filled));
      if (part.identity !== this.identity) throw replacedWhileRead(this.name);
      const chunk = Buffer.from(part.base64, "base64");
      if (chunk.length === 0) throw endsAt(this.name, offset, length, offset + filled);
      bytes.set(chunk.subarray(0, length - filled), filled);
      filled += chunk.length;
    }
    return bytes;
  }

  renew(other: ProgramSource): void {
    if (other instanceof HelperSource) this.readChunk = other.readChunk;
  }

  async close(): Promise<void> {}
}

/** In a sparse file a damaged size can lead this far; at 2 GiB Node aborts. */
const LONGEST_READ_BYTES = 1 << 30;

function checkRange(source: ByteSource, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`read of ${length} bytes at ${offset} of ${source.name}`);
  }
  if (offset + length > source.size) throw endsAt(source.name, offset, length, source.size);
  if (length > LONGEST_READ_BYTES) throw tooLongRead(source.name, offset, length);
}
