/** The Go binaries that processes run now or that the user chose, with what was asked about them; kept fresh by polling. */
import { readdir, stat } from "node:fs/promises";
import type { ProcessInfo } from "../../engine/api.ts";
import { newJob } from "../../engine/job.ts";
import { type Refusal, refuse } from "../../goabi/refusal.ts";
import type { GoFunction } from "../../gobinary/api.ts";
import type { EditorEngine, EditorProgram } from "../thread/editorEngine.ts";
import { baseName } from "./sourcePackage.ts";

export interface Program {
  /** Another key means another program: path and build. */
  readonly key: string;
  /** As a message names it. */
  readonly file: string;
  /** Processes that run it, oldest first; empty for a chosen file that nothing runs. */
  readonly processes: readonly ProcessInfo[];
  /** Chosen by the user: it may be traced before a process runs it. */
  readonly chosen: boolean;
}

export type OpenedProgram =
  | { readonly ok: true; readonly opened: EditorProgram }
  /** It could not be opened or understood; `reason` is a sentence with its remedy. */
  | Refusal;

/** Programs that are opened at once; a host with more different Go programs shows lenses for the first ones. */
const MAX_PROGRAMS = 64;
/** Source files of one program that were asked about. */
const MAX_FILES = 256;

interface Entry {
  program: Program;
  opened: Promise<OpenedProgram> | undefined;
  /** Ends the reading of a program that is being opened. */
  readonly reading: AbortController;
  isOpen: boolean;
  readonly byFile: Map<string, Promise<readonly GoFunction[]>>;
}

/** Shows the user that something is being waited for. */
export type ShowProgress = <T>(title: string, work: Promise<T>) => Promise<T>;

export class Catalog {
  private readonly engine: EditorEngine;
  private readonly showProgress: ShowProgress;
  private entries = new Map<string, Entry>();
  private refreshing: Promise<boolean> | undefined;
  private chosen: readonly string[] = [];
  private failure: string | undefined;
  private lastGlance = "";

  constructor(engine: EditorEngine, showProgress: ShowProgress) {
    this.engine = engine;
    this.showProgress = showProgress;
  }

  /**
   * A cheap look: true where processes have come or gone or a chosen file was built anew since the last one, so that
   * `refresh` would see something else. What exec does to a known process it does not see.
   */
  async hasChanged(): Promise<boolean> {
    const pids = (await readdir("/proc")).filter((name) => /^\d/.test(name));
    const files = await Promise.all(this.chosen.map(fileIdentity));
    const glance = [...pids, ...files].join(" ");
    const changed = glance !== this.lastGlance;
    this.lastGlance = glance;
    return changed;
  }

  setChosen(files: readonly string[]): void {
    this.chosen = files;
  }

  /** Why processes could not be listed at all. */
  get listFailure(): string | undefined {
    return this.failure;
  }

  get programs(): readonly Program[] {
    return [...this.entries.values()].map(({ program }) => program);
  }

  /**
   * Looks again at what runs; true where the answer differs from the last one. `helper`: see Engine.processes; polls
   * must not start it, and one poll at a time runs.
   */
  async refresh(helper: "running" | "quiet" | "ask" = "running"): Promise<boolean> {
    if (this.refreshing !== undefined && helper === "running") return await this.refreshing;
    const running = this.look(helper).finally(() => {
      if (this.refreshing === running) this.refreshing = undefined;
    });
    this.refreshing = running;
    return await running;
  }

  /** Opened on first use; a failure is kept, as the same program would fail again. */
  async open(program: Program): Promise<OpenedProgram> {
    const entry = this.entries.get(program.key);
    if (entry === undefined) return refuse(`${program.file} is not running any more.`);
    entry.opened ??= this.showProgress(`reading ${baseName(program.file)}`, openEntry(this.engine, entry));
    return await entry.opened;
  }

  /** Functions of an opened program from source files of this name. Rejects where the function table is damaged. */
  async functionsIn(program: Program, opened: EditorProgram, fileName: string): Promise<readonly GoFunction[]> {
    const byFile = this.entries.get(program.key)?.byFile;
    const known = byFile?.get(fileName);
    if (known !== undefined) return await known;
    const title = `looking for ${fileName} in ${baseName(program.file)}`;
    const asked = this.showProgress(title, opened.functionsIn(fileName));
    if (byFile !== undefined && byFile.size >= MAX_FILES) byFile.clear();
    byFile?.set(fileName, asked);
    asked.catch(() => byFile?.delete(fileName));
    return await asked;
  }

  /** Nobody waits any more for what is being read. */
  cancelReading(): void {
    for (const [key, { program, opened, reading, isOpen }] of this.entries) {
      if (opened === undefined || isOpen) continue;
      reading.abort();
      this.entries.set(key, newEntry(program));
    }
  }

  private async look(helper: "running" | "quiet" | "ask"): Promise<boolean> {
    let processes: readonly ProcessInfo[];
    try {
      processes = await this.engine.processes({ helper });
      this.failure = undefined;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      if (helper === "ask") throw error;
      return false;
    }
    const next = new Map<string, Entry>();
    const chosen = await this.chosenPrograms(processes);
    for (const program of [...groupByProgram(processes), ...chosen].slice(0, MAX_PROGRAMS)) {
      const before = this.entries.get(program.key);
      next.set(program.key, before === undefined ? newEntry(program) : Object.assign(before, { program }));
    }
    const changed = describe(next) !== describe(this.entries);
    const gone = [...this.entries].filter(([key]) => !next.has(key)).map(([, entry]) => entry);
    this.entries = next;
    for (const entry of gone) {
      entry.reading.abort();
      void entry.opened?.then((answer) => answer.ok && answer.opened.close());
    }
    return changed;
  }

  /** Another build of a chosen file is another program. */
  private async chosenPrograms(processes: readonly ProcessInfo[]): Promise<Program[]> {
    const idle = this.chosen.filter((file) => !processes.some(({ binary }) => binary === file));
    return await Promise.all(
      idle.map(async (file) => ({ key: `file:${await fileIdentity(file)}`, file, processes: [], chosen: true })),
    );
  }
}

function newEntry(program: Program): Entry {
  return { program, opened: undefined, reading: new AbortController(), isOpen: false, byFile: new Map() };
}

async function openEntry(engine: EditorEngine, entry: Entry): Promise<OpenedProgram> {
  const { program, reading } = entry;
  try {
    const pid = program.processes[0]?.pid;
    const opened = await engine.open(
      newJob({ signal: reading.signal }),
      pid === undefined ? { file: program.file } : { pid },
    );
    entry.isOpen = true;
    return { ok: true, opened };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

async function fileIdentity(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return `${file}:${ino}:${size}:${mtimeMs}`;
  } catch {
    return `${file}:missing`;
  }
}

function groupByProgram(processes: readonly ProcessInfo[]): Program[] {
  const groups = new Map<string, ProcessInfo[]>();
  for (const info of processes) {
    // Without a build ID nothing says that two processes run the same build, so they do not share a program.
    const key = `${info.binary}\0${info.buildId === "" ? info.pid : info.buildId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [info]);
    else group.push(info);
  }
  return [...groups].map(([key, list]) => ({ key, file: list[0]?.binary ?? "", processes: list, chosen: false }));
}

function describe(entries: ReadonlyMap<string, Entry>): string {
  return [...entries]
    .map(([key, { program }]) => `${key}:${program.processes.map(({ pid }) => pid).join(",")}`)
    .join("\n");
}
