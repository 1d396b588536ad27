/** The target of the helper's tests: test/programs/hits, built once per run, and where its probes go. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { createInterface } from "node:readline";
import { type CaptureTables, CaptureTablesWriter } from "../../src/protocol/captureTypes.ts";
import type { AttachParams, AttachTarget, CaptureTableParts, ProbeSpec } from "../../src/protocol/helperApi.ts";
import { buildGo } from "../programs/build.ts";

export interface HitsProgram {
  readonly path: string;
  /** `push rbp` of main.add's prologue. */
  readonly entry: CodeSite;
  readonly returns: readonly CodeSite[];
  /** `int3` after the function's end. */
  readonly padding: CodeSite;
}
export interface CodeSite {
  readonly address: number;
  readonly fileOffset: number;
  readonly bytes: string;
}

export function buildHits(toolchain?: string): HitsProgram {
  const path = buildGo("hits", toolchain);
  const code = disassemble(path, /^main\.add$/);
  const entry = code.find(({ text }) => text === "PUSHQ BP");
  const returns = code.filter(({ text }) => text === "RET");
  const last = code.at(-1);
  if (!entry || !last || returns.length === 0) throw new Error("main.add has no prologue or no return");
  const length = last.bytes.length / 2;
  const padding = { address: last.address + length, fileOffset: last.fileOffset + length, bytes: "cc" };
  return { path, entry, returns, padding };
}

/** Whatever a failing test leaves must not hold up the run. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
/** Ends every target that a test did not: for `after` hooks. */
export function endTargets(): void {
  for (const child of running) child.kill("SIGKILL");
}

export class HitsProcess {
  readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    if (!child.stdout) throw new Error("no stdout");
    this.lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  /** Resolves when the program is ready for commands. */
  static async start(program: HitsProgram): Promise<HitsProcess> {
    const started = new HitsProcess(spawn(program.path, [], { stdio: ["pipe", "pipe", "inherit"] }));
    await started.expect(/^ready/);
    return started;
  }

  /** A process whose output is read elsewhere. */
  static adopt(child: ChildProcess): HitsProcess {
    return new HitsProcess(child);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async call(count: number, goroutines = 1): Promise<void> {
    this.send(`call ${count} ${goroutines}`);
    await this.expect(new RegExp(`^done ${count}$`));
  }

  send(command: string): void {
    this.child.stdin?.write(`${command}\n`);
  }

  async expect(pattern: RegExp): Promise<void> {
    const { value, done } = await this.lines.next();
    if (done || !pattern.test(value)) throw new Error(`the target said ${JSON.stringify(value)}, not ${pattern}`);
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await exited;
  }
}

/** Field 22 of /proc/PID/stat. */
export function startTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

export function processTarget(pid: number): AttachTarget {
  return { kind: "process", pid, startTime: startTime(pid) };
}

/** Bytes of a running process at the site: `int3` while a probe is there. */
export function liveBytes(pid: number, site: CodeSite): string {
  const fd = openSync(`/proc/${pid}/mem`, "r");
  try {
    const bytes = Buffer.alloc(site.bytes.length / 2);
    readSync(fd, bytes, 0, bytes.length, site.address);
    return bytes.toString("hex");
  } finally {
    closeSync(fd);
  }
}

export interface AddOptions {
  readonly returns?: boolean;
  readonly rate?: number;
  readonly session?: number;
}
/** Ids of the probes in `attachAdd`'s request; the returns count up from RETURN. */
export const ENTRY = 1;
export const RETURN = 2;

const TABLES = new CaptureTablesWriter();
/** RBX and RCX are b's pointer and length. */
const TEXT_OF_ADD = TABLES.add({
  size: 24,
  slots: [
    {
      pointer: 8,
      via: { kind: "type", type: 0 },
      length: { kind: "word", at: 16 },
      maxElements: 256,
      maxBytes: 256,
      deepens: false,
    },
  ],
  masks: [],
});

/** An attach request for main.add(a int, b string) int, register ABI. */
export function attachAdd(program: HitsProgram, target: AttachTarget, options: AddOptions = {}): AttachParams {
  const entry: ProbeSpec = {
    id: ENTRY,
    role: "entry",
    offset: program.entry.fileOffset,
    expected: program.entry.bytes,
    cfaOffset: 8,
    skipIfBelowOrEqual: false,
    plan: {
      pieces: [
        { kind: "register", register: "RAX" },
        { kind: "register", register: "RBX" },
        { kind: "register", register: "RCX" },
      ],
      rootType: TEXT_OF_ADD,
    },
    ...(options.rate === undefined ? {} : { rate: options.rate }),
    pairReturns: options.returns ?? false,
  };
  const returns = (options.returns ? program.returns : []).map(
    (site, index): ProbeSpec => ({
      id: RETURN + index,
      role: "return",
      entryId: ENTRY,
      offset: site.fileOffset,
      expected: site.bytes,
      cfaOffset: 8,
      skipIfBelowOrEqual: false,
      plan: { pieces: [{ kind: "register", register: "RAX" }] },
      pairReturns: false,
    }),
  );
  return {
    session: options.session ?? 1,
    target,
    goroutine: { source: "register", tlsOffset: -8, goidOffset: 152, stackHiOffset: 8 },
    probes: [entry, ...returns],
    functions: ["main.add"],
    tables: inParts(TABLES.tables()),
  };
}

/** Small tables as an attach request carries them. */
export function inParts(tables: CaptureTables): CaptureTableParts {
  return Object.fromEntries(
    Object.entries(tables).map(([name, bytes]: [string, Uint8Array]) => [name, Buffer.from(bytes).toString("base64")]),
  );
}

/** Ids of the probes of `manyProbes`. */
export const MANY = 1000;

/** What the idle program does not run. */
const IDLE_CODE = /^(fmt|strconv|reflect)\./;

/** Entry probes on `count` instructions of functions so named: setting and removing them takes a while. */
export function manyProbes(program: HitsProgram, count: number, symbols = IDLE_CODE): ProbeSpec[] {
  const sites = disassemble(program.path, symbols).filter(({ text }) => /^(MOVQ|LEAQ|CMPQ) /.test(text));
  if (sites.length < count) throw new Error(`only ${sites.length} instructions`);
  return sites.slice(0, count).map(({ fileOffset, bytes }, index) => ({
    id: MANY + index,
    role: "entry",
    offset: fileOffset,
    expected: bytes,
    cfaOffset: 8,
    skipIfBelowOrEqual: false,
    plan: { pieces: [] },
    pairReturns: false,
  }));
}

function disassemble(path: string, symbols: RegExp): (CodeSite & { readonly text: string })[] {
  const listing = execFileSync("go", ["tool", "objdump", "-s", symbols.source, path], {
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  const bias = codeBias(readFileSync(path));
  return listing
    .split("\n")
    .map((line) => /^\s+\S+:\d+\s+0x([0-9a-f]+)\s+([0-9a-f]+)\s+(.*?)\s*$/.exec(line))
    .filter((match) => match !== null)
    .map(([, address = "", bytes = "", text = ""]) => {
      const at = Number.parseInt(address, 16);
      return { address: at, fileOffset: at - bias, bytes, text };
    });
}

/** Virtual address less file offset of the executable segment (ELF64 program headers). */
function codeBias(elf: Buffer): number {
  const start = Number(elf.readBigUInt64LE(32));
  for (let index = 0; index < elf.readUInt16LE(56); index++) {
    const at = start + index * elf.readUInt16LE(54);
    if (elf.readUInt32LE(at) === 1 && (elf.readUInt32LE(at + 4) & 1) !== 0)
      return Number(elf.readBigUInt64LE(at + 16) - elf.readBigUInt64LE(at + 8));
  }
  throw new Error("no executable segment");
}
