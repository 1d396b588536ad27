/** From a clicked function to the processes that it can be traced in, or to the reason why there is none. */
import type { Catalog, Program } from "./catalog.ts";
import type { EditorFunction } from "./editorFunctions.ts";
import type { GoDocument } from "./goDocuments.ts";
import type { Match } from "./matchBinary.ts";

export interface Candidate {
  readonly program: Program;
  /** Undefined: a chosen file that no process runs yet. */
  readonly pid: number | undefined;
  readonly user: string;
  readonly started: string;
  readonly names: readonly string[];
  /** How source and binary differ; empty where they match. */
  readonly difference: string;
}

export type Search =
  | { readonly kind: "found"; readonly candidates: readonly Candidate[] }
  /** `message`: what, why, what to do. `elevate`: looking at other users' processes may help. */
  | { readonly kind: "none"; readonly message: string; readonly elevate: boolean };

/** Programs named in one message. */
const MAX_NAMED = 3;

export async function findCandidates(document: GoDocument, fn: EditorFunction, catalog: Catalog): Promise<Search> {
  const { found, failed } = await document.matches(catalog);
  const candidates = found.flatMap(({ program, functions }) => candidatesOf(program, functions.get(fn.key)));
  if (candidates.length > 0) return { kind: "found", candidates };
  const what = `Probelens cannot trace ${fn.label}`;
  if (catalog.listFailure !== undefined) {
    return { kind: "none", message: `${what}: ${catalog.listFailure}`, elevate: false };
  }
  const elevate = process.getuid?.() !== 0;
  const reasons = found.flatMap(({ program, functions }) => {
    const match = functions.get(fn.key);
    return match?.kind === "absent" ? [`${match.reason} (${program.file})`] : [];
  });
  if (reasons.length > 0) return { kind: "none", message: `${what}: ${listOf(reasons)}.`, elevate: false };
  if (failed.length > 0 && failed.length === catalog.programs.length) {
    return { kind: "none", message: `${what}: ${failed[0]?.reason ?? ""}`, elevate };
  }
  const others = catalog.programs.map(({ file }) => file);
  const why =
    others.length === 0
      ? "no Go process that you may see is running"
      : `none of the Go programs that ${elevate ? "you may see" : "run now"} was built from this file (${listOf(others)})`;
  return {
    kind: "none",
    message: `${what}: ${why}. Start the program and try again, ${elevate ? "look at the processes of other users (with sudo), " : ""}or choose a binary to wait for.`,
    elevate,
  };
}

/** `source differs from the binary (line moved by +3)`; empty where they match. */
export function differenceOf(match: Match): string {
  if (match.kind === "absent") return "";
  const { version } = match;
  const parts = [
    ...(version === undefined ? [] : [`${version.here} here, ${version.built} there`]),
    ...(match.kind === "moved" ? [`line moved by ${match.by > 0 ? "+" : ""}${match.by}`] : []),
  ];
  return parts.length === 0 ? "" : `source differs from the binary (${parts.join("; ")})`;
}

function candidatesOf(program: Program, match: Match | undefined): Candidate[] {
  if (match === undefined || match.kind === "absent") return [];
  const names = [...new Set(match.functions.map(({ name }) => name))];
  const shared = { program, names, difference: differenceOf(match) };
  if (program.processes.length === 0) return [{ ...shared, pid: undefined, user: "", started: "" }];
  return program.processes.map(({ pid, user, started }) => ({ ...shared, pid, user, started }));
}

function listOf(texts: readonly string[]): string {
  const unique = [...new Set(texts)];
  const rest = unique.length - MAX_NAMED;
  return `${unique.slice(0, MAX_NAMED).join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
}
