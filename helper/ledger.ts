/**
 * The memory in which the holders of all helpers tell each other what their probes cost (ledger.h), so that the sessions
 * of one target share one budget. A file that only the helper's user, root, can open; where it cannot be made, holders
 * of this helper alone share some.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from "node:fs";
import { createMappableArray } from "./foreign/maps.ts";

const FILE = "/run/probelens-costs";
/** struct row, LEDGER_ROWS */
const ROW_BYTES = 64;
const ROWS = 512;

/** A descriptor. */
export function openLedger(): number {
  try {
    return openFile();
  } catch {
    return createMappableArray("probelens_costs", ROW_BYTES, ROWS);
  }
}

function openFile(): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = openSync(FILE, flags, 0o600);
  const stat = fstatSync(fd);
  // A link or a file that somebody else prepared is not ours to write; one of another size is another version's.
  const mine = stat.isFile() && stat.nlink === 1 && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
  if (mine && stat.size === 0) ftruncateSync(fd, ROWS * ROW_BYTES);
  if (mine && fstatSync(fd).size === ROWS * ROW_BYTES) return fd;
  closeSync(fd);
  throw new Error(`${FILE} is not a plain file of the helper's user`);
}
