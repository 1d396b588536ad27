/**
 * Finished answers about program files, on disk, so that asking again does not read the file's DWARF again. Answers,
 * not indexes: an index of a 100 MB program is as long in reading as DWARF is in unpacking (test/bench, "lookup").
 *
 * An entry is bound to the file's content, not to its build ID: to device, inode, size, both times of change in
 * nanoseconds and a digest of samples. The kernel sets ctime on every write and nobody can set it back, so another
 * content has another key; only a write in the same clock tick as the reading could go unseen, hence RACY_MS (as git's
 * index does it). The samples are for file systems that do not keep ctime. Hashing everything would take 60 ms for
 * 82 MB. An entry is bound to the program that wrote it, too: another build of Probelens may know better; and to the other
 * files that the answer was taken from (a separate debug file), by path and the same times.
 */
import { createHash, randomBytes } from "node:crypto";
import { constants, existsSync, readSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { homedir, release } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { encodePath } from "../../protocol/path.ts";

const FORMAT = "probelens answer 2";
/** A file changed more recently than this may change again without a new ctime (clock ticks are 1 to 10 ms). */
const RACY_MS = 2000;
/** First and last bytes (headers and section headers), and as many samples between them. */
const EDGE_BYTES = 64 << 10;
const SAMPLES = 64;
const SAMPLE_BYTES = 4096;
/** Entries, and what is being written: nothing else is ever removed. */
const OWN_NAME = /^([0-9a-f]{64}\.answer|\.\d+-[0-9a-f]{12})$/;
/** One answer; `inspect` of a large function prints some kilobytes. */
const MAX_ENTRY_BYTES = 1 << 20;
const MAX_ENTRIES = 256;
const MAX_TOTAL_BYTES = 32 << 20;

export interface AnswerCacheOptions {
  /** Folder for the entries; made if need be. */
  readonly dir: string;
  /** Which build of Probelens answers. */
  readonly program: string;
}

/** Undefined where there is none: switched off, or not running from a built package. */
export async function openAnswerCache(): Promise<AnswerCache | undefined> {
  // Set by build.mjs.
  const build = process.env["PROBELENS_BUILD"];
  if ((process.env["PROBELENS_NO_CACHE"] ?? "") !== "" || build === undefined) return undefined;
  const base = cacheHome();
  if (base === undefined) return undefined;
  return new AnswerCache({ dir: join(base, "probelens", "index"), program: `${build} ${release()}` });
}

/**
 * Undefined where the user has no folder for caches. Relative paths are invalid and ignored (XDG Base Directory
 * Specification 0.8, "Environment variables"): they would lead below whatever folder the caller stands in.
 */
export function cacheHome(): string | undefined {
  const base = process.env["XDG_CACHE_HOME"] ?? "";
  if (isAbsolute(base)) return base;
  try {
    const home = homedir();
    // `/nonexistent` is the home of users that shall have none: root would make it for them.
    return isAbsolute(home) && existsSync(home) ? join(home, ".cache") : undefined;
  } catch {
    // Neither HOME is set nor does the user database know the user: containers with a uid of their own.
    return undefined;
  }
}

/** A question about one state of one file. */
export interface AskedFile {
  readonly key: string;
  readonly path: string;
  readonly identity: string;
  /** When it was asked. */
  readonly atMs: number;
}

export class AnswerCache {
  private readonly options: AnswerCacheOptions;

  constructor(options: AnswerCacheOptions) {
    this.options = options;
  }

  /** Undefined where the file cannot be read, or changed so recently that its state is not certain. */
  async ask(path: string, question: string): Promise<AskedFile | undefined> {
    let file: FileHandle | undefined;
    try {
      // Without O_NONBLOCK a FIFO would block.
      file = await open(encodePath(path), constants.O_RDONLY | constants.O_NONBLOCK);
      const found = await file.stat({ bigint: true });
      if (!found.isFile() || Date.now() - Number(found.ctimeMs) < RACY_MS) return undefined;
      const hash = createHash("sha256").update(JSON.stringify([FORMAT, this.options.program, path, question]));
      const state = identityOf(found);
      hash.update(state);
      for (const [offset, length] of samples(Number(found.size))) {
        // Not awaited: handing each of these to another thread takes longer than reading it.
        const buffer = Buffer.alloc(length);
        hash.update(buffer.subarray(0, readSync(file.fd, buffer, 0, length, offset)));
      }
      return { key: hash.digest("hex"), path, identity: state, atMs: Date.now() };
    } catch {
      return undefined;
    } finally {
      await file?.close();
    }
  }

  /** Undefined where nothing trustworthy is stored; damaged entries are removed. */
  async get({ key }: AskedFile): Promise<string | undefined> {
    let file: FileHandle | undefined;
    try {
      if (!(await this.isOwn())) return undefined;
      file = await open(this.pathOf(key), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const found = await file.stat();
      // What somebody else could have written is not believed.
      if (!found.isFile() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) return undefined;
      const answer = found.size <= MAX_ENTRY_BYTES ? await checked(key, await file.readFile("utf8")) : undefined;
      const now = new Date();
      if (answer === undefined) await unlink(this.pathOf(key));
      else await file.utimes(now, now);
      return answer;
    } catch {
      return undefined;
    } finally {
      await file?.close();
    }
  }

  /**
   * Stores an answer, which was also taken from `others`, unless one of the files may have changed since it was asked
   * about. Failures are silent: a cache is no duty.
   */
  async put(
    { key, path, identity: asked, atMs }: AskedFile,
    answer: string,
    others: readonly string[] = [],
  ): Promise<void> {
    const temporary = join(this.options.dir, `.${process.pid}-${randomBytes(6).toString("hex")}`);
    try {
      const states = await Promise.all(others.map((other) => settled(other, atMs)));
      if (states.includes(undefined)) return;
      const text = sealed(key, JSON.stringify(others.map((other, index) => [other, states[index]])), answer);
      if (Buffer.byteLength(text) > MAX_ENTRY_BYTES || (await identity(path)) !== asked) return;
      await makeFolder(this.options.dir);
      if (!(await this.isOwn())) return;
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(text);
      } finally {
        await file.close();
      }
      await rename(temporary, this.pathOf(key));
      await this.trim();
    } catch {
      await unlink(temporary).catch(() => undefined);
    }
  }

  /**
   * Root with another user's HOME (sudo) neither reads nor writes that user's folder, nor what a link of his makes of it:
   * root's own folders have other files, and what is in the cache is written and removed by its name.
   */
  private async isOwn(): Promise<boolean> {
    const folders = await Promise.all([this.options.dir, dirname(this.options.dir)].map((path) => lstat(path)));
    return folders.every(
      (found) => found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0,
    );
  }

  private pathOf(key: string): string {
    return join(this.options.dir, `${key}.answer`);
  }

  /** Drops the least recently used entries, and what a killed writer left. */
  private async trim(): Promise<void> {
    const names = (await readdir(this.options.dir)).filter((name) => OWN_NAME.test(name));
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.options.dir, name);
        const status = await stat(path).catch(() => undefined);
        return status?.isFile() === true ? [{ path, size: status.size, usedMs: status.mtimeMs }] : [];
      }),
    );
    let total = 0;
    for (const [index, { path, size }] of found
      .flat()
      .sort((a, b) => b.usedMs - a.usedMs)
      .entries()) {
      total += size;
      if (index >= MAX_ENTRIES || total > MAX_TOTAL_BYTES) await unlink(path).catch(() => undefined);
    }
  }
}

function samples(size: number): [offset: number, length: number][] {
  const edges: [number, number][] = [
    [0, EDGE_BYTES],
    [Math.max(0, size - EDGE_BYTES), EDGE_BYTES],
  ];
  const between = Array.from({ length: SAMPLES }, (_, index): [number, number] => [
    Math.floor((size / SAMPLES) * index),
    SAMPLE_BYTES,
  ]);
  return [...edges, ...between];
}

function sealed(key: string, others: string, answer: string): string {
  return `${FORMAT} ${digest(key, `${others}\n${answer}`)}\n${others}\n${answer}`;
}

async function checked(key: string, text: string): Promise<string | undefined> {
  const end = text.indexOf("\n");
  const content = text.slice(end + 1);
  if (end <= 0 || text.slice(0, end) !== `${FORMAT} ${digest(key, content)}`) return undefined;
  const next = content.indexOf("\n");
  const others = JSON.parse(content.slice(0, next)) as [path: string, state: string][];
  for (const [path, state] of others) if ((await identity(path)) !== state) return undefined;
  return content.slice(next + 1);
}

function digest(key: string, content: string): string {
  return createHash("sha256").update(`${key}\n${content}`).digest("hex");
}

/** State of a file that has certainly not changed since a time. */
async function settled(path: string, sinceMs: number): Promise<string | undefined> {
  const found = await stat(path, { bigint: true });
  return sinceMs - Number(found.ctimeMs) < RACY_MS ? undefined : identityOf(found);
}

async function identity(path: string): Promise<string | undefined> {
  return await stat(path, { bigint: true }).then(identityOf, () => undefined);
}

function identityOf(found: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(":");
}

/** Not mkdir's `recursive`: below a folder in which nothing can be made, such as /proc, Node 20 to 24 try for ever. */
async function makeFolder(path: string): Promise<void> {
  const make = async (): Promise<unknown> => await mkdir(path, { mode: 0o700 }).catch((error: unknown) => error);
  let error = await make();
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT" && dirname(path) !== path) {
    await makeFolder(dirname(path));
    error = await make();
  }
  if (error instanceof Error && (error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
}
