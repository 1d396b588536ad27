/** A local file as the parsers' byte source. */
import { type FileHandle, open } from "node:fs/promises";
import type { ByteSource } from "../../src/bytes/source.ts";
import { UserError } from "../../src/protocol/errors.ts";

export class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #file: FileHandle;

  static async open(path: string): Promise<FileSource> {
    const file = await open(path);
    return new FileSource(path, (await file.stat()).size, file);
  }

  constructor(name: string, size: number, file: FileHandle) {
    this.name = name;
    this.size = size;
    this.#file = file;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await this.#file.read(bytes, 0, length, offset);
    if (bytesRead === length) return bytes;
    throw new UserError({
      code: "truncated",
      what: `Cannot read ${length} bytes at ${offset} of ${this.name}`,
      why: `the file has ${this.size} bytes`,
      remedy: "Copy it again",
    });
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
