/** The editor's side of the engine's thread: starts it, asks it, and hears of its traces. */
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
  type RequestParam,
  type RequestType,
} from "vscode-jsonrpc/node";
import type { PasswordPrompt } from "../../engine/api.ts";
import type { Job } from "../../engine/job.ts";
import { ASK, type EditorEngine, type EditorListener, fromResponse, TELL } from "./editorEngine.ts";

/** The thread ends with its process. A defect in it ends the process, and the editor starts a new one. */
export function startEngineThread(passwordPrompt: PasswordPrompt): EditorEngine {
  const worker = new Worker(workerScript());
  let disposed = false;
  worker.on("error", (error) => {
    throw error;
  });
  worker.on("exit", (code) => {
    if (!disposed) throw new Error(`the engine's thread ended by itself, with status ${code}`);
  });
  const rpc = createMessageConnection(new PortMessageReader(worker), new PortMessageWriter(worker));
  const traces = new Map<number, { readonly job: Job; readonly listener: EditorListener }>();
  let lastTrace = 0;
  rpc.onRequest(TELL.askPassword, async ({ prompt, attempt }) => (await passwordPrompt(prompt, attempt)) ?? null);
  rpc.onNotification(TELL.notice, ({ trace, message }) => traces.get(trace)?.job.notice(message));
  rpc.onNotification(TELL.removed, ({ trace, removals }) => traces.get(trace)?.listener.onRemoved(removals));
  rpc.onNotification(TELL.end, ({ trace, reason, view, lastCalls }) => {
    traces.get(trace)?.listener.onEnd(reason, view, lastCalls);
    traces.delete(trace);
  });
  rpc.listen();

  return {
    processes: (options = {}) => ask(rpc, ASK.processes, options),
    async open({ signal }, from) {
      const { program, buildInfo, hasDwarf } = await ask(rpc, ASK.open, from, signal);
      const close = (): void => void rpc.sendNotification(ASK.close, { program });
      if (signal.aborted) close();
      signal.throwIfAborted();
      return {
        buildInfo,
        hasDwarf,
        functionsIn: (fileName) => ask(rpc, ASK.functionsIn, { program, fileName }),
        compare: async (func, root) => (await ask(rpc, ASK.compare, { program, func, root })) ?? undefined,
        close,
      };
    },
    async trace(job, request, listener) {
      const trace = ++lastTrace;
      traces.set(trace, { job, listener });
      try {
        const { sites } = await ask(rpc, ASK.trace, { trace, request }, job.signal);
        return {
          sites,
          lastCalls: () => ask(rpc, ASK.lastCalls, { trace }),
          stop: async () => void (await ask(rpc, ASK.stop, { trace })),
        };
      } catch (error) {
        traces.delete(trace);
        throw error;
      }
    },
    async look() {
      const { views, log } = await ask(rpc, ASK.look, {});
      for (const { trace, view } of views) traces.get(trace)?.listener.onView(view);
      return log;
    },
    async dispose() {
      disposed = true;
      await ask(rpc, ASK.dispose, {});
      rpc.dispose();
      await worker.terminate();
    },
  };
}

async function ask<P, R>(
  rpc: MessageConnection,
  type: RequestType<P, R, void>,
  params: RequestParam<P>,
  signal?: AbortSignal,
): Promise<R> {
  const source = new CancellationTokenSource();
  const cancel = (): void => source.cancel();
  signal?.throwIfAborted();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await rpc.sendRequest(type, params, source.token);
  } catch (error) {
    throw fromResponse(error);
  } finally {
    signal?.removeEventListener("abort", cancel);
    source.dispose();
  }
}

/** Beside the bundle when built; the source when run from source. */
function workerScript(): URL {
  const own = fileURLToPath(import.meta.url);
  return new URL(own.endsWith(".ts") ? "./engineWorker.ts" : "./engine.js", import.meta.url);
}
