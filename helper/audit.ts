/** Who attached what to which process: one line each in a file that only root can read and write. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

const AUDIT_FILE = "/var/log/probelens.log";
/** Then it becomes `.1` and a new one begins: two files bound what an endless editor session can write. */
const MAX_AUDIT_BYTES = 4 << 20;
/** A glob may name thousands of functions; the line has the first ones, and the first places, and says how many there are. */
const MAX_AUDIT_CHARACTERS = 2000;
/** Leaves room for a path beside the names. */
const MAX_LINE_CHARACTERS = 8000;

/** Refusals of one kind that are written as they come; then they are counted, so that they push nothing out. */
const WRITTEN_REFUSALS = 20;
/** Kinds that are told apart; a method and an error code make one, so there are fewer. */
const MAX_REFUSAL_KINDS = 256;

export class AuditLog {
  private readonly peer: string;
  private readonly notice: (message: string) => void;
  private readonly refusals = new Map<string, number>();
  private told = false;
  private failure: string | undefined;

  /** `notice` is told once when the file cannot be written: tracing goes on. */
  constructor(peerUid: number, notice: (message: string) => void) {
    this.peer = `uid=${peerUid} login=${loginUid()} helper=${process.pid}`;
    this.notice = notice;
  }

  /** Why nothing can be written; undefined where it can, as far as opening the file tells. */
  problem(): string | undefined {
    try {
      closeSync(open());
      return undefined;
    } catch (error) {
      this.told = true;
      return unwritable(error);
    }
  }

  write(action: "attach" | "detach" | "extend" | "remove" | "thin" | "refuse", details: string): void {
    const line = `${new Date().toISOString()} ${action} ${this.peer} ${printable(details)}\n`;
    try {
      append(line);
    } catch (error) {
      if (this.told) return;
      this.told = true;
      this.failure = unwritable(error);
      this.notice(this.failure);
    }
  }

  /** Why a line is missing, to the first who asks. */
  takeFailure(): string | undefined {
    const { failure } = this;
    this.failure = undefined;
    return failure;
  }

  /** `kind`: method and error code. */
  refuse(kind: string, details: string): void {
    const known = this.refusals.get(kind);
    if (known === undefined && this.refusals.size >= MAX_REFUSAL_KINDS) return;
    const count = (known ?? 0) + 1;
    this.refusals.set(kind, count);
    if (count <= WRITTEN_REFUSALS) this.write("refuse", `${kind}: ${details}`);
    else if (Number.isInteger(Math.log10(count))) this.write("refuse", `${kind}: ${count} times by now`);
  }

  /** What was refused and not written. */
  close(): void {
    for (const [kind, count] of this.refusals)
      if (count > WRITTEN_REFUSALS) this.write("refuse", `${kind}: ${count} times in all`);
    this.refusals.clear();
  }
}

/** Who logged in, whatever su and sudo have done since (proc_loginuid_read, fs/proc/base.c). */
function loginUid(): string {
  try {
    const uid = readFileSync("/proc/self/loginuid", "latin1").trim();
    return uid === "4294967295" ? "unset" : uid;
  } catch {
    return "unknown";
  }
}

function unwritable(error: unknown): string {
  return `the audit log ${AUDIT_FILE} cannot be written: ${error instanceof Error ? error.message : String(error)}`;
}

export function listed(names: readonly string[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const name of names) {
    length += name.length + 1;
    if (length > MAX_AUDIT_CHARACTERS) break;
    shown.push(name);
  }
  const rest = names.length - shown.length;
  return `${shown.join(",")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function append(line: string): void {
  let fd = open();
  try {
    if (fstatSync(fd).size + line.length > MAX_AUDIT_BYTES) {
      closeSync(fd);
      renameSync(AUDIT_FILE, `${AUDIT_FILE}.1`);
      fd = open();
    }
    writeSync(fd, line);
  } finally {
    closeSync(fd);
  }
}

function open(): number {
  const flags =
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = openSync(AUDIT_FILE, flags, 0o600);
  const stat = fstatSync(fd);
  // A link or a file that somebody else prepared is not ours to write.
  if (!stat.isFile() || stat.nlink !== 1 || stat.uid !== process.getuid?.()) {
    closeSync(fd);
    throw new Error("it is not a plain file of the helper's user");
  }
  if ((stat.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
  return fd;
}

/** One line, whatever the peer put into its names. */
function printable(text: string): string {
  return text
    .slice(0, MAX_LINE_CHARACTERS)
    .replace(/[^\x20-\x7e]/g, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
