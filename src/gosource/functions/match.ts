/**
 * Does this source belong to this binary? From what the build information says (VCS revision, modified or not) and from
 * the function's own name, file and line.
 */
import type { BuildInfo } from "../../gobinary/api.ts";
import type { SourceVersion } from "../packages/package.ts";
import { below } from "../packages/reader.ts";
import type { FoundFunction } from "./sourceFunction.ts";

/** The version control's view of the source; injected, because asking git is I/O. */
export interface SourceTree {
  /** Of the checkout that holds the folder; undefined where it is none. */
  state(dir: string): Promise<CheckoutState | undefined>;
  /** Whether a file is, to the byte, as it was at a revision. Its path is absolute. */
  compare(revision: string, file: UsedFile): Promise<Sameness>;
}

/** `unknown revision`: the checkout does not have it. `not in it`: the revision has no such file. */
export type Sameness = "same" | "changed" | "unknown revision" | "not in it";

/** What was asked once is remembered: the same files are compared for every function. */
export class Checkouts {
  private readonly tree: SourceTree;
  private readonly states = new Map<string, ReturnType<SourceTree["state"]>>();
  private readonly compared = new Map<string, Promise<Sameness>>();

  constructor(tree: SourceTree) {
    this.tree = tree;
  }

  state(dir: string): ReturnType<SourceTree["state"]> {
    const state = this.states.get(dir) ?? this.tree.state(dir);
    this.states.set(dir, state);
    return state;
  }

  compare(revision: string, file: UsedFile): Promise<Sameness> {
    const key = `${revision} ${file.path}`;
    const same = this.compared.get(key) ?? this.tree.compare(revision, file);
    this.compared.set(key, same);
    return same;
  }
}

export interface CheckoutState {
  readonly revision: string;
  /** Absolute paths of the files under version control; absent: all are. */
  readonly tracked?: ReadonlySet<string>;
}

export interface SourceMatch {
  /** `exact` only where a version or a revision proves it; names and lines that agree are `unknown`. */
  readonly kind: "exact" | "drifted" | "different-revision" | "unknown";
  /** Lines that the function has moved; positive: down. */
  readonly lines?: number;
  /** A sentence for the user. */
  readonly message: string;
}

/** `exact: it is the source of go1.26.8, …`. */
export function matchText({ kind, message }: SourceMatch): string {
  return `${kind.replace("-", " ")}: ${message}`;
}

/** A file that a signature was read from. */
export interface UsedFile {
  readonly path: string;
  readonly text: string;
}

/** `files`: those that the answer rests on. */
export async function matchSource(
  info: BuildInfo,
  found: FoundFunction,
  importPath: string,
  files: () => readonly UsedFile[],
  tree: Checkouts | undefined,
): Promise<SourceMatch> {
  if (found.kind === "drifted") return { kind: "drifted", lines: found.lines, message: found.reason };
  if (found.kind === "absent") return { kind: "unknown", message: found.reason };
  const { version } = found.function.file.package;
  if (version !== undefined) return versionMatch(version);
  const revision = info.settings["vcs.revision"];
  const agreed = "name, file and line agree with the binary";
  const main = info.module?.path;
  // The build information tells the revision of the main module only.
  if (revision === undefined || main === undefined || below(importPath, main) === undefined) {
    return { kind: "unknown", message: `${agreed}, which does not say what revision it was built from` };
  }
  const short = revision.slice(0, 12);
  const builtModified = info.settings["vcs.modified"] === "true";
  const dir = found.function.file.package.dir;
  const state = await tree?.state(dir);
  if (tree === undefined || state === undefined) {
    return {
      kind: "unknown",
      message: `${agreed}; ${dir} is no checkout that could be compared with revision ${short}`,
    };
  }
  const used = files();
  const untracked = used.find(({ path }) => state.tracked?.has(path) === false)?.path;
  if (untracked !== undefined && !builtModified) {
    return { kind: "unknown", message: `${agreed}; ${untracked} is not under version control` };
  }
  if (builtModified) {
    return state.revision === revision
      ? { kind: "unknown", message: `${agreed}; it was built from revision ${short} with uncommitted changes` }
      : differentRevision(short, state.revision, "and with uncommitted changes");
  }
  for (const file of used) {
    const same = await tree.compare(revision, file);
    if (same === "same") continue;
    if (same === "unknown revision")
      return differentRevision(short, state.revision, "which this checkout does not have");
    if (same === "not in it") return differentRevision(short, state.revision, `which has no ${file.path}`);
    return differentRevision(short, state.revision, `since when ${file.path} has changed`);
  }
  if (state.revision === revision) {
    return { kind: "exact", message: `the binary was built from this revision, ${short}` };
  }
  return {
    kind: "exact",
    message: `the files have not changed since revision ${short}, which the binary was built from`,
  };
}

function versionMatch({ of, here, built }: SourceVersion): SourceMatch {
  const name = (version: string): string => (of === "go" ? version : `${of} ${version}`);
  return here === built
    ? { kind: "exact", message: `it is the source of ${name(built)}, which the binary was built with` }
    : { kind: "different-revision", message: `the binary was built from ${name(built)}, this is ${name(here)}` };
}

/**
 * Whether every one of `files` is, to the byte, what the binary was built from: it was built from a revision without
 * uncommitted changes, and they are as in that revision. Nothing weaker is a proof: dates are not, because copying
 * sets those of source and binary alike.
 */
export async function isProved(
  info: BuildInfo,
  files: readonly UsedFile[],
  tree: Checkouts | undefined,
): Promise<boolean> {
  const revision = info.settings["vcs.revision"];
  if (revision === undefined || info.settings["vcs.modified"] !== "false" || tree === undefined) return false;
  for (const file of files) if ((await tree.compare(revision, file)) !== "same") return false;
  return files.length > 0;
}

function differentRevision(built: string, here: string, why: string): SourceMatch {
  const checkout = here.startsWith(built)
    ? "the checkout has uncommitted changes"
    : `the checkout is at ${here.slice(0, 12)}`;
  return {
    kind: "different-revision",
    message: `the binary was built from revision ${built}, ${why}; ${checkout}. Check out ${built} to trace with the right types`,
  };
}
