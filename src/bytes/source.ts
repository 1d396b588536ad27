/** A file's bytes: local file, or a range reader over the helper for a process of another user. */
export interface ByteSource {
  /** For messages: the path or `/proc/PID/exe`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; rejects with a UserError when the file is shorter. */
  read(offset: number, length: number): Promise<Uint8Array>;
}
