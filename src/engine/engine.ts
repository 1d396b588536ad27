/** The engine of CLI and language server: finds processes, opens binaries, resolves, plans and traces. */

import { stat } from "node:fs/promises";
import { ARCHITECTURES } from "../arch/arch.ts";
import { type Refusal, refuse } from "../goabi/refusal.ts";
import { NO_RESOLVER, type ValueResolver } from "../goabi/resolver.ts";
import { type IsSecretName, secretNames } from "../goabi/secretNames.ts";
import { isShaped } from "../goabi/shaped.ts";
import type { GoBinary, GoFunction, SignatureResult } from "../gobinary/api.ts";
import type { SourceTypes } from "../gosource/sourceTypes.ts";
import { type CaptureLimits, DEFAULT_LIMITS, type FunctionPlan } from "../probe/api.ts";
import { FLOATS_OFF } from "../probe/capture/captureVariables.ts";
import { type ContextRequest, NO_CONTEXT } from "../probe/capture/context.ts";
import { MAX_EVENT_BYTES } from "../protocol/capture.ts";
import { type CaptureTables, masksOf } from "../protocol/captureTypes.ts";
import { UserError } from "../protocol/errors.ts";
import type { AttachTarget } from "../protocol/helperApi.ts";
import { encodePath } from "../protocol/path.ts";
import { measuresCapture } from "../protocol/planBytes.ts";
import { shown } from "../protocol/shown.ts";
import { ProgramValues } from "../value/render.ts";
import type {
  EndReason,
  Engine,
  Floats,
  PasswordPrompt,
  ProcessInfo,
  Trace,
  TraceListener,
  TraceRequest,
} from "./api.ts";
import { libraryNotReadable, replacedSinceRead } from "./failures.ts";
import { HelperLink } from "./helper/link.ts";
import type { Job } from "./job.ts";
import { sayInlined, saySource } from "./plan/planNotices.ts";
import { resolvePatterns } from "./plan/resolvePatterns.ts";
import {
  attachRequest,
  contextOf,
  factsOf,
  functionKey,
  planGroups,
  whyNoGoroutine,
  withinBounds,
} from "./plan/tracePlan.ts";
import { findCommand, notOfGoCommand, StoppedCommand } from "./processes/command.ts";
import { executableMappings } from "./processes/mappings.ts";
import { ProcessScanner, processesRunning, programName } from "./processes/processes.ts";
import { findProcess, hidesProcesses, readMemory } from "./processes/procfs.ts";
import { BinaryCache, borrowed } from "./programs/binaries.ts";
import { type SourcedBinary, sourceTypesAt, withOwnSource, withSource } from "./programs/sourceCompletion.ts";
import { CallerTable, ET_EXEC } from "./trace/callers.ts";
import type { FunctionCondition, WatchSite } from "./trace/probeTable.ts";
import { StackTable } from "./trace/stacks.ts";
import { TraceSession } from "./trace/traceSession.ts";
import {
  findWithHelper,
  type OpenTarget,
  openFileSource,
  openFileTarget,
  openProcessTarget,
  openThroughHelper,
  tellReplacement,
} from "./trace/traceTargets.ts";

export interface EngineOptions {
  /** How to ask for a sudo password in a box; absent: not in a box. */
  readonly passwordPrompt?: PasswordPrompt;
  /** Folder of the Go source, for binaries without DWARF (`--source`). */
  readonly source?: string | undefined;
  /** sudo may ask on the controlling terminal (CLI). */
  readonly terminal?: boolean;
}

/** What the CLI asks beyond the editor's engine. */
export interface FullEngine extends Engine {
  /** The code of a function as it stands in a process now, probes included. */
  liveBytes(pid: number, binary: GoBinary, fn: GoFunction): Promise<Uint8Array>;
  /** The helper, started if need be (`quiet`: only where nobody is asked for a password). */
  helper(quiet?: boolean): Promise<HelperLink>;
}

export function createEngine(options: EngineOptions = {}): FullEngine {
  return new ProbeEngine(options);
}

class ProbeEngine implements FullEngine {
  private readonly options: EngineOptions;
  private readonly cache = new BinaryCache();
  private readonly scanner = new ProcessScanner();
  private readonly traces = new Set<Trace>();
  private link: { readonly link: Promise<HelperLink>; readonly quiet: boolean } | undefined;
  private source: Promise<SourceTypes> | undefined;
  private disposed = false;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  async processes(
    job: Job,
    options: { readonly helper?: "running" | "quiet" | "ask" } = {},
  ): Promise<readonly ProcessInfo[]> {
    const first = await this.scanner.scan();
    // Root has no more rights to gain: what it may not see (init of a sandbox) nobody traces.
    const hides = await hidesProcesses();
    if ((first.denied.length === 0 && !hides) || process.getuid?.() === 0) return first.processes;
    const link = await this.helperForScan(options.helper ?? "quiet");
    const { processes, denied } =
      link === undefined
        ? first
        : await this.scanner.scan(
            (pid) => openThroughHelper(link, pid).catch(() => undefined),
            hides ? (await link.client.listProcesses()).pids : [],
          );
    if (hides && link === undefined)
      job.notice(
        "processes of other users are left out: this system hides them (/proc is mounted with hidepid; run it as root, or with sudo rights)",
      );
    else if (denied.length > 0) {
      job.notice(
        `${denied.length} ${denied.length === 1 ? "process of another user is" : "processes of other users are"} left out: this user may not see which programs they run (run it as root, or with sudo rights)`,
      );
    }
    return processes;
  }

  private async helperForScan(effort: "running" | "quiet" | "ask"): Promise<HelperLink | undefined> {
    if (effort === "ask") return await this.helper();
    if (effort === "quiet") return await this.helper(true).catch(() => undefined);
    const current = await this.link?.link.catch(() => undefined);
    return current?.alive === true ? current : undefined;
  }

  async openProcess(job: Job, pid: number, functions: readonly string[] = []): Promise<GoBinary> {
    const { handle } = await openProcessTarget(job, pid, functions, this.cache, () => this.helper());
    return await this.completed(borrowed(handle));
  }

  async openFile(job: Job, file: string): Promise<GoBinary> {
    return await this.completed(borrowed(await this.cache.acquire(job, await openFileSource(file))));
  }

  /** The binary with the signatures that the source gives, where the engine or the request was given one. */
  private async completed(binary: GoBinary, ofRequest?: string): Promise<SourcedBinary> {
    if (ofRequest !== undefined && !binary.hasDwarf) return withSource(binary, await sourceTypesAt(ofRequest));
    const { source } = this.options;
    if (source === undefined) return binary.hasDwarf ? withOwnSource(binary) : binary;
    this.source ??= sourceTypesAt(source);
    return withSource(binary, await this.source);
  }

  async resolve(binary: GoBinary, patterns: readonly string[]): Promise<readonly GoFunction[]> {
    const groups = await resolvePatterns(binary, patterns);
    return [...new Map(groups.flatMap((group) => group.functions).map((fn) => [functionKey(fn), fn])).values()];
  }

  async plan(
    binary: GoBinary,
    fn: GoFunction,
    isSecret: IsSecretName,
    options: Pick<TraceRequest, "maxBytes" | "floats"> = {},
    context: ContextRequest = NO_CONTEXT,
  ): Promise<FunctionPlan | Refusal> {
    const why = fn.notTraceable ?? whyNoGoroutine(binary, fn);
    if (why !== undefined) return refuse(why);
    const limits = limitsFor(options.maxBytes);
    if (fn.inlinedEverywhere === true) {
      const [{ planWithoutCode }, { planInlinedCalls }] = await Promise.all([
        import("../probe/plan.ts"),
        inlinedCallPlans(),
      ]);
      return { ...planWithoutCode(fn), inlinedCalls: await planInlinedCalls(binary, fn, limits, isSecret, context) };
    }
    const reading = Promise.all([binary.signature(fn), binary.code(fn)]);
    // Node compiles the disassembler while the threads that unpack DWARF are at work.
    const [{ planFunction }, { planInlinedCalls }, [signature, code]] = await Promise.all([
      import("../probe/plan.ts"),
      inlinedCallPlans(),
      reading,
    ]);
    const noFloats = await whyNoFloats(binary, fn, options.floats);
    const dictionaries = isGeneric(signature) ? await binary.dictionaries() : undefined;
    const result = planFunction({
      fn,
      arch: binary.arch,
      signature,
      code,
      limits,
      isSecret,
      context,
      ...noFloats,
      ...(dictionaries === undefined ? {} : { dictionaries }),
    });
    if (!result.ok) return result;
    return {
      ...result.plan,
      inlinedCalls: await planInlinedCalls(binary, fn, limits, isSecret, context).catch(noneOfDamaged),
    };
  }

  async trace(job: Job, request: TraceRequest, listener: TraceListener): Promise<Trace> {
    const { target } = request;
    const { signal, notice } = job;
    const opened =
      target.kind === "process"
        ? await openProcessTarget(job, target.pid, request.functions, this.cache, () => this.helper())
        : await openFileTarget(
            job,
            target.kind === "file" ? target.file : findCommand(target.argv[0] ?? ""),
            this.cache,
          );
    let command: StoppedCommand | undefined;
    try {
      const binary = await this.completed(opened.handle.binary, request.source);
      if (opened.library !== undefined && target.kind === "process") {
        const { library, otherLibraries: others = [] } = opened;
        const beside =
          others.length === 0 ? "" : `; --binary traces those of ${others.map(shown).join(", ")} beside it`;
        notice(`the functions are those of ${shown(library)}, which process ${target.pid} has mapped${beside}`);
      }
      for (const warning of binary.warnings) notice(`${shown(binary.name)}: ${warning}`);
      const groups = await resolvePatterns(binary, request.functions).catch((error: unknown) => {
        throw target.kind === "command" ? notOfGoCommand(error, binary, target.argv) : error;
      });
      // Root is asked for nothing: the helper starts while DWARF is read. A failure is told when the helper is needed.
      if (process.getuid?.() === 0) this.helper().catch(() => undefined);
      const context = contextOf(binary, request);
      // One for planner, conditions and decoder: what one of them did not take for a secret, another might show.
      const isSecret = secretNames(request.secretNames);
      const planned = await planGroups(
        job,
        groups,
        async (fn) => {
          signal.throwIfAborted();
          return await this.plan(binary, fn, isSecret, request, context);
        },
        remedyFor(binary, request.source ?? this.options.source),
      );
      const bounded = withinBounds(job, planned, request.returns);
      const where = await conditionsIn(job, binary, bounded, isSecret, request);
      const plans = where?.plans ?? bounded;
      // An editor compares them itself.
      if (request.source === undefined) await saySource(job, binary, plans);
      await listener.onPlanned?.(plans);
      const link = await this.helper();
      const ofHelper = link.takeNotice();
      if (ofHelper !== undefined) notice(ofHelper);
      signal.throwIfAborted();
      let attach = opened.attach;
      if (target.kind === "command") {
        command = await StoppedCommand.start(target.argv);
        const { startTime } = await findProcess(command.pid);
        attach = {
          kind: "process",
          pid: command.pid,
          startTime,
          ...(attach.file === undefined ? {} : { file: attach.file }),
        };
      }
      const trace = await this.attach(
        job,
        request,
        listener,
        opened,
        binary,
        attach,
        plans,
        isSecret,
        where?.conditions,
        link,
        command,
      );
      // The trace runs: a failure here is not its own.
      await sayInlined(job, binary, plans).catch(() => undefined);
      if (signal.aborted) await trace.stop();
      return trace;
    } catch (error) {
      await command?.stop();
      opened.handle.release();
      throw error;
    }
  }

  async liveBytes(pid: number, binary: GoBinary, fn: GoFunction): Promise<Uint8Array> {
    const found = await findWithHelper(pid, () => this.helper());
    const length = fn.end - fn.entry;
    const program = await programName(found.pid);
    const library = program === undefined || program === binary.name ? undefined : binary.name;
    const file = library === undefined ? `/proc/${found.pid}/exe` : `/proc/${found.pid}/root${library}`;
    const inode = await stat(encodePath(file)).then(
      ({ ino }) => ino,
      () => undefined,
    );
    const mappings = inode === undefined ? [] : ((await executableMappings(found.pid, inode, library)) ?? []);
    for (const mapping of mappings) {
      const inside = fn.offset - mapping.fileOffset;
      if (inside < 0 || inside + length > mapping.end - mapping.start) continue;
      const bytes = await readMemory(found.pid, mapping.start + inside, length);
      if (bytes !== undefined) return bytes;
    }
    // The helper reads the program's code only.
    if (library !== undefined) throw libraryNotReadable(found.pid, library);
    const link = await this.helper();
    const { hex } = await link.client.readCode({
      pid: found.pid,
      startTime: found.startTime,
      fileOffset: fn.offset,
      length,
    });
    return Buffer.from(hex, "hex");
  }

  async helper(quiet = false): Promise<HelperLink> {
    // Whoever comes while one is being started waits for that one: a second would ask for the password a second time.
    for (let starting = this.link; starting !== undefined; starting = this.link) {
      const started = await starting.link.catch((error: unknown) => {
        if (!starting.quiet || quiet) throw error;
      });
      if (started?.alive === true) return started;
      if (this.link === starting) this.link = undefined;
    }
    if (this.disposed) throw new Error("the engine is disposed");
    const { passwordPrompt, terminal = false } = this.options;
    const starting = { link: HelperLink.start({ passwordPrompt, terminal, quiet }), quiet };
    this.link = starting;
    starting.link.catch(() => {
      if (this.link === starting) this.link = undefined;
    });
    return await starting.link;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    const link = await this.link?.link.catch(() => undefined);
    await Promise.all([...this.traces].map((trace) => trace.stop()));
    await link?.close();
    await this.cache.closeAll();
  }

  private async attach(
    job: Job,
    request: TraceRequest,
    listener: TraceListener,
    opened: OpenTarget,
    binary: GoBinary,
    attach: AttachTarget,
    plans: readonly FunctionPlan[],
    isSecret: IsSecretName,
    conditions: readonly FunctionCondition[] | undefined,
    link: HelperLink,
    command: StoppedCommand | undefined,
  ): Promise<Trace> {
    const { source } = opened.handle;
    const fixed = (await source.read(ELF_TYPE_OFFSET, 1))[0] === ET_EXEC;
    const limits = limitsFor(request.maxBytes, request.depth);
    // Known once the probes are planned; events come later.
    let known: { readonly tables: CaptureTables; readonly resolver: ValueResolver } | undefined;
    let watcher: NodeJS.Timeout | undefined;
    const session: TraceSession = new TraceSession({
      link,
      plans,
      returns: request.returns,
      values: request.values === true,
      late: request.late === true,
      rate: request.rate,
      budget: request.budget,
      goesOn: command !== undefined,
      program: new ProgramValues({
        facts: binary.runtimeFacts,
        limits,
        isSecret,
        resolver: {
          dynamicType: (descriptor) => (known?.resolver ?? NO_RESOLVER).dynamicType(descriptor),
          funcAt: (code, object) => (known?.resolver ?? NO_RESOLVER).funcAt(code, object),
          typeInDictionary: (dictionary, place) => (known?.resolver ?? NO_RESOLVER).typeInDictionary(dictionary, place),
        },
        masksOf: (type) => (known === undefined ? undefined : masksOf(known.tables, type)),
      }),
      conditions,
      callers: new CallerTable(binary, fixed),
      stacks: request.stack === true ? new StackTable(binary) : undefined,
      watches: await watchSites(binary, plans, request.returns),
      listener,
      notice: job.notice,
      onDetached: async (reason) => {
        const final = command === undefined ? reason : await withCommand(command, reason);
        clearInterval(watcher);
        this.traces.delete(session);
        opened.handle.release();
        return final;
      },
    });
    try {
      const { params, tables, resolver } = await attachRequest(job.signal, session, attach, binary, limits, isSecret);
      known = { tables, resolver };
      const expires = request.expireMs === undefined ? {} : { expiresInMs: request.expireMs };
      const faultIn = request.faultIn === true ? { faultIn: true } : {};
      const budget = request.budget === undefined ? {} : { budget: request.budget };
      const { costs, notice } = await link.client.attach({ ...params, ...expires, ...faultIn, ...budget }, tables);
      if (notice !== undefined) job.notice(notice);
      session.attached(
        costs,
        params.probes.map((probe) => measuresCapture(probe, tables, request.faultIn === true)),
      );
      if (!(await opened.isStill())) throw replacedSinceRead(source.name);
    } catch (error) {
      if (link.alive) await link.client.detach({ session: session.session }).catch(() => undefined);
      session.abandon();
      throw await link.explained(error);
    }
    this.traces.add(session);
    if (command !== undefined) {
      // The helper tells of the end, too; whichever comes first. Both lead to the same detach.
      void command.end.then(() => session.finish({ kind: "target-exited", pid: command.pid }));
      command.release();
    }
    if (request.target.kind === "file" && opened.path !== undefined) {
      watcher = tellReplacement(job, opened.path, source.identity);
      await this.sayWhoRuns(job, opened.path);
    }
    return session;
  }

  private async sayWhoRuns(job: Job, path: string): Promise<void> {
    const file = await stat(encodePath(path), { bigint: true });
    const running = await processesRunning(path, file.dev, file.ino);
    if (running.length === 0) job.notice(`no process that this user can see runs ${shown(path)} yet; waiting for one`);
  }
}

/** `--where`; loaded where it is asked for. */
async function conditionsIn(
  job: Job,
  binary: GoBinary,
  plans: readonly FunctionPlan[],
  isSecret: IsSecretName,
  { where, returns, faultIn = false }: TraceRequest,
): Promise<{ plans: FunctionPlan[]; conditions: FunctionCondition[] } | undefined> {
  if (where === undefined) return undefined;
  const { conditionsOf } = await import("./plan/conditions.ts");
  const program = { facts: factsOf(binary), isSecret, labels: binary.runtime.labelsOffset, waits: faultIn };
  return conditionsOf(job, where, plans, returns, program);
}

/** Where no function can be traced; absent: another function may do. */
function remedyFor(binary: GoBinary, source: string | undefined): string | undefined {
  if (ARCHITECTURES[binary.arch].noProbes !== undefined)
    return "Trace a program that was built for amd64 (GOARCH=amd64), on a machine of that kind";
  return binary.hasDwarf || source !== undefined ? undefined : "Give the folder of its Go source (--source)";
}

/** What is asked of the runtime where float registers are not read: a clause for the values. */
async function whyNoFloats(
  binary: GoBinary,
  fn: GoFunction,
  floats: Floats = "signal",
): Promise<{ noFloats?: string }> {
  if (floats === "off") return { noFloats: FLOATS_OFF };
  if (fn.convention !== "register") return {};
  const { isPlugin, signalSite } = await import("./plan/signalSite.ts");
  if (isPlugin(binary)) return { noFloats: `${FLOATS_OFF}, and signals go to the runtime of the plugin's host` };
  const site = await signalSite(binary);
  return site === undefined ? { noFloats: `${FLOATS_OFF}, and runtime.sigtrampgo cannot be probed` } : {};
}

async function watchSites(binary: GoBinary, plans: readonly FunctionPlan[], returns: boolean): Promise<WatchSite[]> {
  const [{ unwindSites }, { isPlugin, readsFloats, signalSite }] = await Promise.all([
    import("./plan/unwindSites.ts"),
    import("./plan/signalSite.ts"),
  ]);
  const signal = !isPlugin(binary) && readsFloats(plans, returns) ? await signalSite(binary) : undefined;
  return [...(returns ? await unwindSites(binary) : []), ...(signal === undefined ? [] : [signal])];
}

/** Of Elf64_Ehdr.e_type. */
const ELF_TYPE_OFFSET = 16;

function limitsFor(maxBytes: number | undefined, depth = DEFAULT_LIMITS.depth): CaptureLimits {
  const stringBytes = Math.min(maxBytes ?? DEFAULT_LIMITS.stringBytes, MAX_EVENT_BYTES);
  return { ...DEFAULT_LIMITS, stringBytes, depth };
}

async function withCommand(command: StoppedCommand, reason: EndReason): Promise<EndReason> {
  if (reason.kind !== "target-exited") {
    await command.stop();
    return reason;
  }
  return { ...reason, ...(await command.end) };
}

/** Needs the disassembler, which not every command does. */
const inlinedCallPlans = () => import("./plan/inlinedCalls.ts");

/** Whether types of its values are known from a call's dictionary only. */
function isGeneric(signature: SignatureResult): boolean {
  return (
    signature.ok && [...signature.signature.params, ...signature.signature.results].some(({ type }) => isShaped(type))
  );
}

/** The function itself is traced although what was inlined cannot be read. */
function noneOfDamaged(error: unknown): [] {
  if (error instanceof UserError) return [];
  throw error;
}
