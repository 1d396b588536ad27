/** From a click to the process that is meant: looks for it, asks the user, and says what is missing. */

import { type Candidate, findCandidates } from "./documents/candidates.ts";
import type { Catalog } from "./documents/catalog.ts";
import type { EditorFunction } from "./documents/editorFunctions.ts";
import type { GoDocument } from "./documents/goDocuments.ts";
import type { EditorClient } from "./editorClient.ts";
import { errorText } from "./errorText.ts";

const CHOOSE = "Choose a Binary…";
const RETRY = "Try Again";
const ELEVATE = "Look at All Users' Processes";

export interface Looks {
  /** What runs now, and lenses with it. */
  again(): Promise<void>;
  /** At a file, too, that the user has just named. */
  at(file: string): Promise<void>;
}

export class TargetChoice {
  private readonly catalog: Catalog;
  private readonly client: EditorClient;
  private readonly looks: Looks;

  constructor(catalog: Catalog, client: EditorClient, looks: Looks) {
    this.catalog = catalog;
    this.client = client;
    this.looks = looks;
  }

  /** Undefined where the user gives up. `lookedUp`: at other users' processes, too. */
  async find(document: GoDocument, fn: EditorFunction, lookedUp = false): Promise<Candidate | undefined> {
    // The list may be a poll old, and a click means what runs now.
    await this.catalog.refresh();
    let search = await findCandidates(document, fn, this.catalog);
    if (search.kind === "none" && search.elevate && !lookedUp) {
      // Where sudo asks nothing, other users' processes are looked at without asking the user either.
      await this.catalog.refresh("quiet");
      search = await findCandidates(document, fn, this.catalog);
    }
    if (search.kind === "found") return await this.choose(fn, search.candidates);
    const actions = [...(search.elevate && !lookedUp ? [ELEVATE] : []), CHOOSE, RETRY];
    const action = await this.client.message("warning", search.message, actions);
    if (action === RETRY) {
      await this.looks.again();
      return await this.find(document, fn, lookedUp);
    }
    if (action === ELEVATE) return (await this.lookElevated()) ? await this.find(document, fn, true) : undefined;
    if (action !== CHOOSE) return undefined;
    const file = await this.client.chooseBinary({ title: `Choose the Go binary that contains ${fn.label}` });
    if (file === undefined) return undefined;
    await this.looks.at(file);
    return await this.find(document, fn, lookedUp);
  }

  private async lookElevated(): Promise<boolean> {
    try {
      await this.catalog.refresh("ask");
      return true;
    } catch (error) {
      await this.client.message("error", errorText(error), []);
      return false;
    }
  }

  private async choose(fn: EditorFunction, candidates: readonly Candidate[]): Promise<Candidate | undefined> {
    const running = candidates.filter(({ pid }) => pid !== undefined);
    if (running.length === 0) return candidates[0];
    if (running.length === 1) return running[0];
    const pid = await this.client.pickProcess({
      func: fn.label,
      candidates: running.map(({ pid, user, started, program, difference }) => ({
        pid: pid ?? 0,
        user,
        started,
        binary: program.file,
        ...(difference === "" ? {} : { note: difference }),
      })),
    });
    return running.find((candidate) => candidate.pid === pid);
  }
}
