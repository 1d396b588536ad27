/**
 * What an event costs the language server: its engine's thread traces main.nine with returns, while the editor's side
 * looks at it as often as it does in an editor. The helper's own time is not in it.
 */
import { newJob } from "../../src/engine/job.ts";
import { startEngineThread } from "../../src/lsp/thread/engineThread.ts";
import { NOTHING_SEEN, type TraceView } from "../../src/lsp/traces/traceView.ts";
import { median, printTable } from "./table.ts";
import { startTarget } from "./target.ts";

const ROUNDS = 5;
const CALLS = 200_000;
/** As src/lsp/editorSession.ts does. */
const LOOK_MS = 250;

export async function printHistory(binary: string): Promise<void> {
  const target = await startTarget(binary);
  const engine = startEngineThread(() => Promise.resolve(undefined));
  let view: TraceView = NOTHING_SEEN;
  const rounds: { readonly eventNs: number; readonly lost: number }[] = [];
  const looking = setInterval(() => void engine.look(), LOOK_MS);
  try {
    const listener = {
      onView: (seen: TraceView) => {
        view = seen;
      },
      onRemoved() {},
      onEnd() {},
    };
    const request = {
      target: { kind: "process", pid: target.pid } as const,
      functions: ["main.nine"],
      returns: true,
      secretNames: [],
    };
    const trace = await engine.trace(newJob(), request, listener);
    for (let round = 0; round < ROUNDS; round++) {
      const before = view;
      const cpu = process.cpuUsage();
      await target.run(CALLS);
      // Every call is in the kernel's counters, which are read once a second.
      while (view.calls < before.calls + CALLS) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const { user, system } = process.cpuUsage(cpu);
      const lost = view.dropped - before.dropped;
      rounds.push({ eventNs: ((user + system) * 1000) / (2 * (CALLS - lost)), lost });
    }
    await trace.stop();
  } finally {
    clearInterval(looking);
    await engine.dispose();
    await target.stop();
  }
  printTable(
    `The language server's history: ${CALLS} calls of main.nine at full speed, nine arguments each, and their returns (median of ${ROUNDS} rounds)`,
    ["server's CPU ns an event", "calls lost"],
    [
      [
        median(rounds.map(({ eventNs }) => eventNs)).toFixed(0),
        String(rounds.reduce((sum, { lost }) => sum + lost, 0)),
      ],
    ],
  );
}
