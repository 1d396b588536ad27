/**
 * Calls that end without a `ret`: by `runtime.Goexit`, or by a panic that a caller recovers. The next event of the same
 * goroutine would show that they are gone (openCalls.ts), but there may be none. So the runtime itself is watched, at
 * places that run only then: the entry of `runtime.Goexit`; the entry of `runtime.recovery(gp *g)`, which tells which
 * goroutine recovers; and recovery's call of `runtime.gogo(&gp.sched)`, at which `gp.sched.sp` is the stack pointer that
 * the recovering function goes on with (runtime/panic.go and runtime2.go, Go 1.15 to 1.27). What hung below that is gone.
 */
import type { RuntimeLayout } from "../../gobinary/api.ts";
import type { PlannedProbe } from "../../probe/api.ts";
import type { RawEvent } from "../../protocol/records.ts";
import type { OpenCall, OpenCalls } from "./openCalls.ts";

/** Of runtime.gobuf: its first word is the stack pointer. */
export const GOBUF_BYTES = 8;
/** Threads that are between the two places of a recovery; each is there for less than a microsecond. */
const MAX_RECOVERING = 4096;

export type WatchKind = "goexit" | "recovery" | "resume";

export interface WatchSite {
  readonly kind: WatchKind;
  readonly spec: Pick<PlannedProbe, "offset" | "expected" | "cfaOffset" | "skipIfBelowOrEqual" | "plan">;
}

export class UnwindWatch {
  private readonly layout: RuntimeLayout;
  private readonly recovering = new Map<number, { goid: bigint; stackHi: bigint }>();

  constructor(layout: RuntimeLayout) {
    this.layout = layout;
  }

  /** Calls that are gone by this event, deepest first. */
  onEvent(kind: WatchKind, raw: RawEvent, open: OpenCalls): OpenCall[] {
    if (kind === "goexit") return open.endGoroutine(raw);
    const bytes = raw.chunks[0]?.status === "ok" ? raw.chunks[0].bytes : new Uint8Array(0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (kind === "recovery") {
      const { goidOffset, stackHiOffset } = this.layout;
      if (bytes.length < Math.max(goidOffset, stackHiOffset) + 8) return [];
      if (this.recovering.size >= MAX_RECOVERING) this.recovering.clear();
      const goid = view.getBigUint64(goidOffset, true);
      this.recovering.set(raw.tid, { goid, stackHi: view.getBigUint64(stackHiOffset, true) });
      return [];
    }
    const goroutine = this.recovering.get(raw.tid);
    this.recovering.delete(raw.tid);
    if (goroutine === undefined || bytes.length < GOBUF_BYTES) return [];
    const depth = goroutine.stackHi - view.getBigUint64(0, true);
    return depth <= 0n ? [] : open.unwindTo({ pid: raw.pid, goid: goroutine.goid, depth });
  }
}
