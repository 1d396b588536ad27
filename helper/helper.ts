/** The requests of helperApi.ts: each validated, carried out, and answered with a result or a UserError's fields. */
import { closeSync, existsSync, openSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import type * as v from "valibot";
import { type MessageConnection, ResponseError } from "vscode-jsonrpc/node";
import { MAX_TABLE_BYTES } from "../src/protocol/captureTypes.ts";
import { UserError } from "../src/protocol/errors.ts";
import {
  type AttachParams,
  type AttachResult,
  type CaptureTableParts,
  type DetachResult,
  HELPER_METHODS,
  type InitializeResult,
  PROTOCOL_VERSION,
  type RemovedParams,
  type TargetEndedParams,
} from "../src/protocol/helperApi.ts";
import { checkRequest, type HELPER_SCHEMAS, type HelperRequest } from "../src/protocol/helperSchema.ts";
import { checkProcfs } from "../src/protocol/procfs.ts";
import { AuditLog, listed } from "./audit.ts";
import { type TrapCosts, USUAL_TRAP_COSTS } from "./cost.ts";
import { asUserError, invalidRequest, limitExceeded, noLibbpf, noSysfs } from "./failures.ts";
import { type Features, probeFeatures } from "./features.ts";
import { type Libbpf, loadLibbpf } from "./foreign/native.ts";
import { closeFd } from "./foreign/process.ts";
import { loadTrivialMultiProgram, loadTrivialProgram } from "./foreign/testPrograms.ts";
import { measureTrapCosts } from "./holder.ts";
import { openLedger } from "./ledger.ts";
import { OpenCallTables } from "./openCalls.ts";
import { dropPrivileges, raiseLimits } from "./privileges.ts";
import { describeProcess, listProcesses, readCode, readFile } from "./proc.ts";
import { RecordWindow } from "./recordWindow.ts";
import type { RingReader, SendBatch } from "./ring.ts";
import { Rings } from "./rings.ts";
import { Scratch } from "./scratch.ts";
import { describeTarget, Session } from "./session.ts";

/** One per traced function of an editor at the most; each holds maps in the kernel. */
const MAX_SESSIONS = 256;
/** Base64 of all of a session's tables, MAX_TABLE_BYTES. */
const MAX_COMING_BYTES = Math.ceil(Object.values(MAX_TABLE_BYTES).reduce((sum, bytes) => sum + bytes, 0) / 3) * 4;
/** Parts of the package. */
const OBJECT = "probelens.bpf.o";
const HOLDER = "native/probelens-holder";
/** LSP's range for server errors; what matters is in `data`. */
const REQUEST_FAILED = -32000;

export interface HelperHost {
  /** Where the BPF object and native/ are. */
  readonly packageDirectory: string | undefined;
  sendRecords(session: number, ...batch: Parameters<SendBatch>): void;
  /** Before a request is carried out. */
  roomForAnswer(): Promise<void>;
  notify(method: string, params: object): void;
  notice(message: string): void;
}

interface Attached {
  readonly session: Session;
  readonly ring: RingReader;
  readonly window: RecordWindow;
}

interface Machine {
  readonly libbpf: Libbpf;
  readonly features: Features;
}

export class Helper {
  private readonly host: HelperHost;
  private readonly peerUid = peerUid();
  private readonly audit: AuditLog;
  private readonly sessions = new Map<number, Attached>();
  private readonly rings = new Rings();
  /** Ids of sessions whose attach is under way. */
  private readonly attaching = new Map<number, Promise<Session>>();
  /** Capture types that have come for a session that is not attached yet. */
  private coming: { readonly session: number; readonly parts: CaptureTableParts[]; bytes: number } | undefined;
  private scratch: Scratch | undefined;
  private machine: Machine | undefined;
  private ledger: number | undefined;
  private traps: Promise<TrapCosts> | undefined;
  private openCalls: OpenCallTables | undefined;
  private readonly ending = new AbortController();

  constructor(host: HelperHost) {
    this.host = host;
    this.audit = new AuditLog(this.peerUid, (message) => host.notice(message));
  }

  register(rpc: MessageConnection): void {
    this.serve(rpc, "initialize", ({ protocolVersion }) => this.initialize(protocolVersion));
    this.serve(rpc, "captureTables", ({ session, tables }) => this.captureTables(session, tables));
    this.serve(rpc, "attach", (params) => this.attach(params));
    this.serve(rpc, "detach", ({ session }) => this.detach(session));
    this.serve(rpc, "extend", ({ session, expiresInMs }) => this.extend(session, expiresInMs));
    // Said by the peer's own clock and relayed to those who hold the links: a helper that lives is no sign.
    rpc.onNotification(HELPER_METHODS.alive, () => {
      for (const { session } of this.sessions.values()) session.beat();
    });
    rpc.onNotification(HELPER_METHODS.taken, (params: unknown) => {
      const checked = checkRequest("taken", params);
      if ("output" in checked) this.sessions.get(checked.output.session)?.window.taken(checked.output.bytes);
    });
    this.serve(rpc, "counters", ({ session }) => ({ counters: this.find("counters", session).session.counters() }));
    this.serve(rpc, "readFile", readFile);
    this.serve(rpc, "describeProcess", ({ pid }) => describeProcess(pid));
    this.serve(rpc, "listProcesses", listProcesses);
    this.serve(rpc, "readCode", readCode);
    // Nothing but `initialize` is served before: it gives up the privileges that no request needs.
  }

  /** Every probe goes, and none comes any more; what was counted can still be asked for. */
  letGo(): void {
    this.ending.abort();
    for (const { session } of this.sessions.values()) void session.detach();
  }

  /** Resolves when every probe is gone. */
  async dispose(): Promise<void> {
    this.ending.abort();
    this.rings.stop();
    this.audit.close();
    const attaching = [...this.attaching.values()].map(async (session) => await (await session).detach());
    const attached = [...this.sessions.values()].map(({ session }) => session.detach());
    await Promise.allSettled([...attaching, ...attached]);
  }

  private serve<M extends HelperRequest>(
    rpc: MessageConnection,
    method: M,
    handle: (params: v.InferOutput<(typeof HELPER_SCHEMAS)[M]>) => unknown,
  ): void {
    rpc.onRequest(HELPER_METHODS[method], async (params: unknown) => {
      try {
        await this.host.roomForAnswer();
        const checked = checkRequest(method, params);
        if ("issue" in checked) throw invalidRequest(method, checked.issue);
        if (method !== "initialize" && !this.machine) throw invalidRequest(method, 'it came before "initialize"');
        return await handle(checked.output);
      } catch (error) {
        const failure = asUserError(`request "${method}"`, error);
        if (method !== "initialize") this.audit.refuse(`${method}: ${failure.code}`, failure.what);
        const { code, what, why, remedy, exitStatus } = failure;
        throw new ResponseError(REQUEST_FAILED, failure.message, { code, what, why, remedy, exitStatus });
      }
    });
  }

  private initialize(protocolVersion: number): InitializeResult {
    if (protocolVersion !== PROTOCOL_VERSION)
      throw new UserError({
        code: "protocol-mismatch",
        what: "starting the privileged helper",
        why: `it speaks protocol ${PROTOCOL_VERSION}, the caller ${protocolVersion}`,
        remedy: "Install helper and extension from the same package",
      });
    const { libbpf, features } = this.prepare();
    const ringReader = this.prepareRings();
    void this.measureTraps();
    const problem = this.audit.problem();
    return {
      protocolVersion: PROTOCOL_VERSION,
      pid: process.pid,
      kernel: release(),
      libbpf,
      link: linkKind(features),
      ringReader,
      faultIn: features.sleepable,
      peerUid: this.peerUid,
      ...(problem === undefined ? {} : { notice: problem }),
    };
  }

  /** The parts of one session's tables come one after the other; another session's first part forgets them. */
  private captureTables(session: number, tables: CaptureTableParts): object {
    if (this.coming?.session !== session) this.coming = { session, parts: [], bytes: 0 };
    this.coming.parts.push(tables);
    for (const part of Object.values(tables)) this.coming.bytes += part.length;
    if (this.coming.bytes > MAX_COMING_BYTES) {
      this.coming = undefined;
      throw limitExceeded(
        "taking the capture types",
        `they take more than ${MAX_COMING_BYTES} bytes`,
        "Trace fewer functions at once",
      );
    }
    return {};
  }

  private async attach(params: AttachParams): Promise<AttachResult> {
    const { session: id } = params;
    const { features } = this.prepare();
    if (this.sessions.has(id) || this.attaching.has(id)) throw invalidRequest("attach", `session ${id} exists already`);
    if (this.sessions.size + this.attaching.size >= MAX_SESSIONS)
      throw limitExceeded(describeTarget(params), `${MAX_SESSIONS} traces run already`, "Stop some of them first");
    const tables = this.coming?.session === id ? this.coming.parts : [];
    this.coming = undefined;
    const window = new RecordWindow((batch, done) => this.host.sendRecords(id, batch, done));
    const ring = this.takeRing(describeTarget(params), window);
    const attaching = this.attachSession(params, ring, tables);
    this.attaching.set(id, attaching);
    let session: Session;
    try {
      session = await attaching;
      this.sessions.set(id, { session, ring, window });
    } catch (error) {
      this.rings.giveBack(ring);
      throw error;
    } finally {
      this.attaching.delete(id);
    }
    ring.start();
    this.audit.write(
      "attach",
      `session=${id} ${targetText(params)} ${programText(session)} probes=${params.probes.length}${params.faultIn === true ? " fault-in" : ""} names=${listed(params.functions)}`,
    );
    const unlogged = this.audit.takeFailure();
    return {
      link: linkKind(features),
      attached: params.probes.length,
      costs: session.costs(await this.measureTraps()),
      ...(unlogged === undefined ? {} : { notice: unlogged }),
    };
  }

  private async attachSession(
    params: AttachParams,
    ring: RingReader,
    tables: readonly CaptureTableParts[],
  ): Promise<Session> {
    const { features } = this.prepare();
    const trapCosts = await this.measureTraps();
    return await Session.attach(params, {
      peerUid: this.peerUid,
      objectPath: this.packageFile(OBJECT),
      holderPath: this.packageFile(HOLDER),
      ring,
      openCalls: () => (this.openCalls ??= new OpenCallTables()),
      scratch: (this.scratch ??= new Scratch(features.pidNamespace === undefined)),
      tables,
      features,
      ledger: () => (this.ledger ??= openLedger()),
      trapCosts,
      ending: this.ending.signal,
      onEnded: (ended, target) => this.onEnded(ended, target),
      onRemoved: (removed) => this.onRemoved(removed),
    });
  }

  private async detach(id: number): Promise<DetachResult> {
    const { session, ring, window } = this.find("detach", id);
    this.sessions.delete(id);
    try {
      await session.detach();
      // Every program has run to its end: what they wrote is in the ring, what they counted is final.
      window.open();
      await ring.drain();
      const result = { counters: session.counters(), openCalls: session.openCalls() };
      session.close();
      this.audit.write("detach", `session=${id} ${targetText(session.params)}`);
      return result;
    } finally {
      this.rings.giveBack(ring);
    }
  }

  private extend(id: number, expiresInMs: number | undefined): Record<string, never> {
    this.find("extend", id).session.expireIn(expiresInMs);
    this.audit.write("extend", `session=${id} expires=${expiresInMs === undefined ? "never" : `${expiresInMs}ms`}`);
    return {};
  }

  private onEnded(id: number, ended: Omit<TargetEndedParams, "session">): void {
    const { reason } = ended;
    // Nobody asks for the detach of a session whose peer is not there.
    if (reason === "lease" || reason === "expired") this.audit.write("detach", `session=${id} reason=${reason}`);
    this.host.notify(HELPER_METHODS.targetEnded, { session: id, ...ended });
  }

  private onRemoved(removed: RemovedParams): void {
    const { session, probe, what, maxRate, rate, costPercent } = removed;
    this.audit.write(
      what === "captures" ? "thin" : "remove",
      `session=${session} reason=budget probe=${probe} what=${what === "calls" ? "function" : what} rate=${rate} percent=${costPercent}${maxRate === undefined ? "" : ` max=${maxRate}`}`,
    );
    this.host.notify(HELPER_METHODS.removed, removed);
  }

  private find(method: string, id: number): Attached {
    const attached = this.sessions.get(id);
    if (!attached) throw invalidRequest(method, `there is no session ${id}`);
    return attached;
  }

  /** Once; begun while the peer still reads the program. */
  private measureTraps(): Promise<TrapCosts> {
    this.traps ??= measureTraps(this.packageFile(HOLDER), this.prepare().features);
    return this.traps;
  }

  /** Loads libbpf, looks at the kernel, and gives up what is not needed: once. */
  private prepare(): Machine {
    if (this.machine) return this.machine;
    for (const file of [OBJECT, HOLDER]) this.packageFile(file);
    let libbpf: Libbpf;
    try {
      libbpf = loadLibbpf(join(this.host.packageDirectory ?? "", "native"));
    } catch (error) {
      throw noLibbpf(error instanceof Error ? error.message : String(error));
    }
    checkProcfs("preparing the kernel for probes");
    // libbpf counts the processors there (/sys/devices/system/cpu/possible), which counters are read by.
    if (!existsSync("/sys/devices/system/cpu")) throw noSysfs("preparing the kernel for probes");
    raiseLimits();
    const features = probeFeatures();
    dropPrivileges(features.uprobeMulti);
    this.machine = { libbpf, features };
    return this.machine;
  }

  private prepareRings(): RingReader["mode"] {
    try {
      return this.rings.prepare();
    } catch (error) {
      throw asUserError("preparing the kernel for probes", error);
    }
  }

  private takeRing(what: string, window: RecordWindow): RingReader {
    try {
      return this.rings.take(window.send);
    } catch (error) {
      throw asUserError(what, error);
    }
  }

  private packageFile(name: string): string {
    const path = join(this.host.packageDirectory ?? "", name);
    if (this.host.packageDirectory !== undefined && existsSync(path)) return path;
    throw new UserError({
      code: "incomplete-package",
      what: "starting the privileged helper",
      why: `${name} is not beside it`,
      remedy: "Reinstall Probelens, or build it: npm run build",
    });
  }
}

async function measureTraps(holder: string, features: Features): Promise<TrapCosts> {
  let file: number | undefined;
  let program: number | undefined;
  try {
    file = openSync(holder, "r");
    program = features.uprobeMulti ? loadTrivialMultiProgram() : loadTrivialProgram();
    const pmu = features.uprobeMulti ? undefined : features.uprobePmu;
    return (await measureTrapCosts(holder, file, program, pmu)) ?? USUAL_TRAP_COSTS;
  } catch {
    return USUAL_TRAP_COSTS;
  } finally {
    if (file !== undefined) closeSync(file);
    if (program !== undefined) closeFd(program);
  }
}

/** The user at the other end: whom sudo names when it started us as root, else our own user. */
function peerUid(): number {
  const own = process.getuid?.() ?? -1;
  const sudo = process.env["SUDO_UID"];
  return own === 0 && sudo !== undefined && /^\d{1,10}$/.test(sudo) ? Number(sudo) : own;
}

function linkKind(features: Features): "uprobe_multi" | "perf_event" {
  return features.uprobeMulti ? "uprobe_multi" : "perf_event";
}

function targetText({ target }: AttachParams): string {
  return target.kind === "process"
    ? `pid=${target.pid} started=${target.startTime}${target.file === undefined ? "" : ` exec=${target.file}`}`
    : `file=${target.file}`;
}

/** What the probes are on, whatever the names say that the peer gave them. */
function programText({ program, params }: Session): string {
  const offsets = listed(params.probes.map(({ offset }) => `0x${offset.toString(16)}`));
  return `program=${program.path} inode=${program.identity} offsets=${offsets}`;
}
