/** Opens program files from disk as the binary tests need them. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { ByteSource } from "../../../src/bytes/source.ts";
import type { GoBinary } from "../../../src/gobinary/api.ts";
import { openBinary } from "../../../src/gobinary/open.ts";
import { UserError } from "../../../src/protocol/errors.ts";

export async function openFile(path: string): Promise<GoBinary> {
  return await openBinary(bytesSource(readFileSync(path), path));
}

export function bytesSource(bytes: Uint8Array, name = "test bytes"): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length)
        throw new UserError({
          code: "truncated",
          what: `Cannot read ${name}`,
          why: "it ends",
          remedy: "Copy it again.",
        });
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** A source that counts what is read, for tests of laziness. */
export function countingSource(path: string): ByteSource & { readonly bytesRead: () => number; close(): void } {
  const fd = openSync(path, "r");
  let total = 0;
  return {
    name: path,
    size: fstatSync(fd).size,
    async read(offset, length) {
      const bytes = Buffer.alloc(length);
      total += length;
      if (readSync(fd, bytes, 0, length, offset) !== length)
        throw new UserError({
          code: "truncated",
          what: `Cannot read ${path}`,
          why: "it ends",
          remedy: "Copy it again.",
        });
      return bytes;
    },
    bytesRead: () => total,
    close: () => closeSync(fd),
  };
}
