/**
 * One running helper, shared by every trace of an engine: requests, and raw events given to the trace they belong to. The stream is
 * always read: what one trace does not take is bounded by its own window (MAX_UNTAKEN_BYTES).
 */

import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../../protocol/errors.ts";
import type { InitializeResult, RemovedParams } from "../../protocol/helperApi.ts";
import { connectHelper, type HelperClient } from "../../protocol/helperClient.ts";
import type { RawEvent } from "../../protocol/records.ts";
import { decodeRecords } from "../../protocol/records.ts";
import { helperDied } from "../failures.ts";
import { type LaunchedHelper, type LaunchOptions, launchHelper, tellingLine } from "./launch.ts";

/** What a trace wants to hear. */
export interface EventSink {
  /** The event's bytes are valid during the call. */
  onRawEvent(event: RawEvent): void;
  /** After the last event of a batch of so many bytes, to be given back by `taken`. */
  onBatchEnd(bytes: number): void;
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

/** A process that has closed its streams ends at once; one that does not is not waited for longer. */
const DEATH_KNOWN_MS = 1000;

/** What a trace needs of the link. */
export type SessionLink = Pick<HelperLink, "alive" | "register" | "unregister"> & {
  readonly client: Pick<HelperClient, "counters" | "detach" | "taken">;
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
        onRecords: (batch, session) => state.deliver(batch, session),
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
    return { session, firstProbe };
  }

  unregister(session: number): void {
    this.state.sinks.delete(session);
  }

  /** Why a request failed: where the helper died of it, who that was and how it ended, which is known a moment later. */
  async explained(failure: unknown): Promise<unknown> {
    if (!(failure instanceof UserError) || failure.code !== "helper-died") return failure;
    await Promise.race([this.state.gone, pause(DEATH_KNOWN_MS)]);
    const { death = "" } = this.state;
    return death === "" ? failure : helperDied(death);
  }

  /** Ends the helper; every probe is gone when this resolves. */
  async close(): Promise<void> {
    this.state.closing = true;
    this.client.dispose();
    await this.launched.close();
  }
}

class LinkState {
  readonly sinks = new Map<number, EventSink>();
  closing = false;
  death: string | undefined;
  helperPid: number | undefined;
  /** Resolves when `death` says how it ended. */
  readonly gone: Promise<void>;
  private readonly launched: LaunchedHelper;
  private onGone: () => void = () => {};

  constructor(launched: LaunchedHelper) {
    this.launched = launched;
    this.gone = new Promise((resolve) => {
      this.onGone = resolve;
    });
  }

  deliver(batch: Uint8Array, session: number): void {
    const sink = this.sinks.get(session);
    if (sink === undefined) return;
    try {
      decodeRecords(batch, (event) => sink.onRawEvent(event));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Record boundaries are lost: nothing that follows could be believed.
      this.launched.child.stdin.destroy();
      this.launched.child.stdout.destroy(error);
    }
    sink.onBatchEnd(batch.length);
  }

  async ended(error: Error | undefined): Promise<void> {
    this.death = "";
    const ended = await this.launched.exited;
    const line = tellingLine(this.launched.stderr());
    const protocol = error === undefined ? "" : ` (${error.message})`;
    this.death = `the privileged helper (pid ${this.helperPid ?? this.launched.child.pid}) ${ended}${protocol}${line === "" ? "" : `: ${line}`}`;
    this.onGone();
    if (!this.closing) for (const sink of this.sinks.values()) sink.onHelperDied(this.death);
    this.sinks.clear();
  }
}
