/** One running helper, shared by every trace of an engine: requests, and raw events given to the trace they belong to. */

import type { InitializeResult, RemovedParams } from "../../protocol/helperApi.ts";
import { connectHelper, type HelperClient } from "../../protocol/helperClient.ts";
import type { RawEvent } from "../../protocol/records.ts";
import { decodeRecords } from "../../protocol/records.ts";
import { helperDied } from "../failures.ts";
import { type LaunchedHelper, type LaunchOptions, launchHelper, tellingLine } from "./launch.ts";
import { type ReaderState, StreamFlow } from "./streamFlow.ts";

/** What a trace wants to hear. */
export interface EventSink {
  /** The event's bytes are valid during the call. */
  onRawEvent(event: RawEvent): void;
  /** After the last event of a batch. */
  onBatchEnd(): void;
  onTargetEnded(pid: number, reason: "exited" | "exec" | "lost"): void;
  /** Some of the probes are gone, because they cost too much. */
  onRemoved(removed: RemovedParams): void;
  /** The probes are gone, because their time was up. */
  onExpired(): void;
  onHelperDied(message: string): void;
}

/** The helper lives, but the probes are gone. */
const LEASE_ENDED =
  "this process gave no sign of life for ten seconds (it was stopped, or the machine slept), so the probes were removed";

/** What a trace needs of the link. */
export type SessionLink = Pick<HelperLink, "alive" | "register" | "unregister" | "setReader" | "readToEnd"> & {
  readonly client: Pick<HelperClient, "counters" | "detach">;
};

export class HelperLink {
  readonly client: HelperClient;
  readonly info: InitializeResult;
  private readonly launched: LaunchedHelper;
  private readonly state: LinkState;
  private notice: string | undefined;
  private nextProbe = 1;
  private nextSession = 1;

  static async start(options: LaunchOptions): Promise<HelperLink> {
    return await launchHelper(options, async (launched) => {
      const state = new LinkState(launched);
      const client = connectHelper(launched.child.stdout, launched.child.stdin, {
        onRecords: (batch) => state.deliver(batch),
        onTargetEnded: ({ session, pid, reason }) => {
          const sink = state.sinks.get(session);
          if (reason === "lease") sink?.onHelperDied(LEASE_ENDED);
          else if (reason === "expired") sink?.onExpired();
          else sink?.onTargetEnded(pid, reason);
        },
        onRemoved: (removed) => state.sinks.get(removed.session)?.onRemoved(removed),
        onClose: (error) => void state.ended(error),
      });
      const info = await client.initialize();
      state.helperPid = info.pid;
      return new HelperLink(client, info, launched, state);
    });
  }

  private constructor(client: HelperClient, info: InitializeResult, launched: LaunchedHelper, state: LinkState) {
    this.client = client;
    this.info = info;
    this.notice = info.notice;
    this.launched = launched;
    this.state = state;
  }

  /** What the user should know about the helper, to the first who asks. */
  takeNotice(): string | undefined {
    const { notice } = this;
    this.notice = undefined;
    return notice;
  }

  get alive(): boolean {
    return this.state.death === undefined;
  }

  /** Reserves a session number and `count` consecutive probe ids whose events go to `sink`. */
  register(sink: EventSink, count: number): { session: number; firstProbe: number } {
    if (this.state.death !== undefined) throw helperDied(this.state.death);
    const session = this.nextSession;
    this.nextSession += 1;
    const firstProbe = this.nextProbe;
    this.nextProbe += count;
    this.state.sinks.set(session, sink);
    for (let id = firstProbe; id < firstProbe + count; id += 1) this.state.byProbe.set(id, sink);
    return { session, firstProbe };
  }

  unregister(session: number, firstProbe: number, count: number): void {
    const sink = this.state.sinks.get(session);
    this.state.sinks.delete(session);
    if (sink !== undefined) this.state.flow.set(sink, "ready");
    for (let id = firstProbe; id < firstProbe + count; id += 1) this.state.byProbe.delete(id);
  }

  /** How a trace's reader fares. While one of them waits, nothing is read for any (streamFlow.ts). */
  setReader(sink: EventSink, state: ReaderState): void {
    this.state.flow.set(sink, state);
  }

  /** While a trace ends, until the function returned is called. */
  readToEnd(): () => void {
    return this.state.flow.readToEnd();
  }

  /** Ends the helper; every probe is gone when this resolves. */
  async close(): Promise<void> {
    this.state.closing = true;
    this.readToEnd();
    for (const sink of this.state.sinks.values()) this.setReader(sink, "ready");
    this.client.dispose();
    await this.launched.close();
  }
}

class LinkState {
  readonly sinks = new Map<number, EventSink>();
  readonly byProbe = new Map<number, EventSink>();
  readonly flow: StreamFlow;
  closing = false;
  death: string | undefined;
  helperPid: number | undefined;
  private readonly launched: LaunchedHelper;

  constructor(launched: LaunchedHelper) {
    this.launched = launched;
    this.flow = new StreamFlow(launched.child.stdout);
  }

  deliver(batch: Uint8Array): void {
    const touched = new Set<EventSink>();
    try {
      decodeRecords(batch, (event) => {
        const sink = this.byProbe.get(event.probe);
        if (sink === undefined) return;
        sink.onRawEvent(event);
        touched.add(sink);
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Record boundaries are lost: nothing that follows could be believed.
      this.launched.child.stdin.destroy();
      this.launched.child.stdout.destroy(error);
    }
    for (const sink of touched) sink.onBatchEnd();
  }

  async ended(error: Error | undefined): Promise<void> {
    this.death = "";
    const ended = await this.launched.exited;
    const line = tellingLine(this.launched.stderr());
    const protocol = error === undefined ? "" : ` (${error.message})`;
    this.death = `the privileged helper (pid ${this.helperPid ?? this.launched.child.pid}) ${ended}${protocol}${line === "" ? "" : `: ${line}`}`;
    if (!this.closing) for (const sink of this.sinks.values()) sink.onHelperDied(this.death);
    this.sinks.clear();
    this.byProbe.clear();
  }
}
