/** Reading source: files of folders that somebody else may have prepared. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { encodePath } from "../../protocol/path.ts";

/**
 * The text of a regular file; undefined where there is none that can be read, where it is larger, and where it is
 * something else: a pipe that nobody writes to would hold the thread that opens it for ever, and with it the end of the
 * process (open(2)), a device has no end.
 */
export async function readRegular(path: string, maxBytes: number): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(encodePath(path), constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile() || found.size > maxBytes) return undefined;
    const bytes = Buffer.alloc(found.size);
    let filled = 0;
    for (let count = 1; count > 0 && filled < bytes.length; filled += count)
      count = (await file.read(bytes, filled, bytes.length - filled, filled)).bytesRead;
    return bytes.subarray(0, filled).toString("utf8");
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}
