/**
 * What git knows of a folder of source. The folder may be anybody's, and its `.git/config` can name commands (filters,
 * monitors, converters, transports), so only such questions are asked as run none of them: names and hashes from git's
 * own database. Files are hashed here: git would filter them first, as `git status` does.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import type { CheckoutState, Sameness, SourceTree, UsedFile } from "../../gosource/functions/match.ts";

const GIT_TIMEOUT_MS = 10_000;
/** Of the longest list: the largest checkouts known have some 400 000 files of 100 bytes of name and hash. */
const MAX_LIST_BYTES = 64 << 20;

/** Objects of a revision by path from the top; undefined where the checkout does not have it. */
type Tree = ReadonlyMap<string, string> | undefined;

export function gitTree(): SourceTree {
  // A checkout is looked at once, however many of its folders are asked about.
  const checkouts = new Map<string, Promise<CheckoutState | undefined>>();
  const trees = new Map<string, Promise<Tree>>();
  const topOf = async (dir: string): Promise<string | undefined> =>
    (await git(dir, ["rev-parse", "--show-toplevel"]))?.replace(/\n$/, "");
  return {
    async state(dir) {
      const top = await topOf(dir);
      if (top === undefined) return undefined;
      const state = checkouts.get(top) ?? checkoutState(top);
      checkouts.set(top, state);
      return await state;
    },
    async compare(revision, file) {
      const top = await topOf(dirname(file.path));
      if (top === undefined) return "unknown revision";
      const key = `${revision} ${top}`;
      const tree = trees.get(key) ?? treeOf(top, revision);
      trees.set(key, tree);
      return sameness(await tree, relative(top, file.path), file);
    },
  };
}

async function checkoutState(top: string): Promise<CheckoutState | undefined> {
  const revision = await git(top, ["rev-parse", "--verify", "HEAD^{commit}"]);
  const names = await git(top, ["ls-files", "-z"]);
  if (revision === undefined || names === undefined) return undefined;
  return { revision: revision.trim(), tracked: new Set(names.split("\0").map((name) => join(top, name))) };
}

async function treeOf(top: string, revision: string): Promise<Tree> {
  if (!/^[0-9a-f]{40,64}$/.test(revision)) return undefined;
  const list = await git(top, ["ls-tree", "-r", "-z", "--full-tree", revision]);
  if (list === undefined) return undefined;
  const entries = list.split("\0").flatMap((line) => {
    const [, hash, path] = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
    return hash === undefined || path === undefined ? [] : [[path, hash] as const];
  });
  return new Map(entries);
}

function sameness(tree: Tree, path: string, { text }: UsedFile): Sameness {
  if (tree === undefined) return "unknown revision";
  const wanted = tree.get(path);
  if (wanted === undefined) return "not in it";
  // A checkout may have other line ends than the database, which the compiler does not see.
  const isSame = [text, text.replaceAll("\r\n", "\n")].some(
    (candidate) => blobHash(candidate, wanted.length) === wanted,
  );
  return isSame ? "same" : "changed";
}

/** Git's name of a file's content: SHA-1, or SHA-256 with its 64 digits. */
function blobHash(text: string, digits: number): string {
  const bytes = Buffer.from(text);
  return createHash(digits === 64 ? "sha256" : "sha1")
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest("hex");
}

async function git(dir: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const safe = ["--no-pager", "-C", dir, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];
    // Not in `dir`: a `.` in PATH would make its own `git` the one that is run.
    const options = { cwd: "/", env: environment(), timeout: GIT_TIMEOUT_MS, maxBuffer: MAX_LIST_BYTES };
    return (await promisify(execFile)("git", [...safe, ...args], options)).stdout;
  } catch {
    return undefined;
  }
}

/** Git's variables name commands, files to write and other repositories: none of the caller's are passed on. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return {
    ...Object.fromEntries(own),
    // Nothing is written to the user's repository.
    GIT_OPTIONAL_LOCKS: "0",
    // Objects that a partial clone lacks are fetched from wherever its configuration says, by what it says: git 2.45
    // (and 2.39.4) can be told not to, older ones find no transport that they may use.
    GIT_NO_LAZY_FETCH: "1",
    GIT_ALLOW_PROTOCOL: "",
    GIT_TERMINAL_PROMPT: "0",
    // A replacement would pass for the revision that the program was built from.
    GIT_NO_REPLACE_OBJECTS: "1",
  };
}
