/** The engine's thread (dist/engine.js): owns the parsed programs and the traces, and answers engineThread.ts. */
import { parentPort } from "node:worker_threads";
import {
  type CancellationToken,
  createMessageConnection,
  PortMessageReader,
  PortMessageWriter,
  type RequestHandler,
  type RequestType,
} from "vscode-jsonrpc/node";
import { createEngine } from "../../engine/engine.ts";
import { type Job, newJob } from "../../engine/job.ts";
import { matchAt } from "../../engine/programs/sourceCompletion.ts";
import type { GoBinary } from "../../gobinary/api.ts";
import { UserError } from "../../protocol/errors.ts";
import { EventLog } from "../traces/eventLog.ts";
import { ASK, TELL, toResponse } from "./editorEngine.ts";
import { RecordedTrace } from "./recordedTrace.ts";

if (parentPort === null) throw new Error("engineWorker.ts is a thread of the language server");
const rpc = createMessageConnection(new PortMessageReader(parentPort), new PortMessageWriter(parentPort));
const engine = createEngine({
  passwordPrompt: async (prompt, attempt) =>
    (await rpc.sendRequest(TELL.askPassword, { prompt, attempt })) ?? undefined,
});
const programs = new Map<number, GoBinary>();
const traces = new Map<number, RecordedTrace>();
/** One for all traces: their calls stand in the order in which they came. */
const log = new EventLog();
let lastProgram = 0;

answer(ASK.processes, (options, job) => engine.processes(job, options));
answer(ASK.open, async (from, job) => {
  const binary = await ("pid" in from ? engine.openProcess(job, from.pid) : engine.openFile(job, from.file));
  const program = ++lastProgram;
  programs.set(program, binary);
  return { program, buildInfo: binary.buildInfo, hasDwarf: binary.hasDwarf };
});
answer(ASK.functionsIn, ({ program, fileName }) => opened(program).functionsInFile(fileName));
answer(ASK.compare, async ({ program, func, root }) => {
  const binary = opened(program);
  const [fn] = await binary.functionsNamed(func);
  return fn === undefined ? null : ((await matchAt(root, fn, binary.buildInfo)) ?? null);
});
rpc.onNotification(ASK.close, ({ program }) => {
  programs.get(program)?.close();
  programs.delete(program);
});
answer(ASK.trace, async ({ trace, request }, { signal }) => {
  const notice = (message: string): void => void rpc.sendNotification(TELL.notice, { trace, message });
  const recorded = new RecordedTrace(log, {
    onRemoved: (removals) => void rpc.sendNotification(TELL.removed, { trace, removals }),
    onEnd: (reason, view, lastCalls) => {
      traces.delete(trace);
      void rpc.sendNotification(TELL.end, { trace, reason, view, lastCalls });
    },
  });
  traces.set(trace, recorded);
  try {
    return { sites: await recorded.start({ signal, notice }, engine, request) };
  } catch (error) {
    traces.delete(trace);
    throw error;
  }
});
answer(ASK.look, async () => ({
  views: [...traces].flatMap(([trace, recorded]) => {
    const view = recorded.takeView();
    return view === undefined ? [] : [{ trace, view }];
  }),
  log: log.take(performance.now()),
}));
answer(ASK.lastCalls, async ({ trace }) => traces.get(trace)?.lastCalls() ?? "");
answer(ASK.stop, async ({ trace }) => {
  await traces.get(trace)?.stop();
  return null;
});
answer(ASK.dispose, async () => {
  await engine.dispose();
  return null;
});
rpc.listen();

function answer<P, R>(type: RequestType<P, R, void>, give: (params: P, job: Job) => Promise<R>): void {
  const handle = async (params: P, token: CancellationToken): Promise<R> => {
    const cancelled = new AbortController();
    const listening = token.onCancellationRequested(() => cancelled.abort());
    try {
      return await give(params, newJob({ signal: cancelled.signal }));
    } catch (error) {
      throw toResponse(error);
    } finally {
      listening.dispose();
    }
  };
  rpc.onRequest<P, R, void>(type, handle as RequestHandler<P, R, void>);
}

function opened(program: number): GoBinary {
  const binary = programs.get(program);
  if (binary !== undefined) return binary;
  throw new UserError({
    code: "process-exited",
    what: "cannot look into the program",
    why: "it is not running any more",
    remedy: "Start it again",
  });
}
