/** Whether probes can be placed here, found by placing one. */
import { readElf } from "../../elf/elf.ts";
import { UserError } from "../../protocol/errors.ts";
import type { AttachParams } from "../../protocol/helperApi.ts";
import { openFileSource } from "../trace/traceTargets.ts";
import { launcherFile } from "./launch.ts";
import type { EventSink, HelperLink } from "./link.ts";

/** Elf64_Ehdr.e_entry. */
const ENTRY_AT = 24;
/** Of the instruction at the entry; the helper compares them with the file's. */
const EXPECTED_BYTES = 4;

/**
 * Loads the programs and places a probe on the first instruction of the package's launcher, through which only helpers
 * start, and takes it away. Then looks at this process as at a target. The error that a trace would meet, or undefined.
 */
export async function tryProbe(link: HelperLink): Promise<UserError | undefined> {
  const source = await openFileSource(launcherFile());
  const { session, firstProbe } = link.register(NOBODY, 1);
  try {
    const entry = Number(Buffer.from(await source.read(ENTRY_AT, 8)).readBigUInt64LE());
    const { segments } = await readElf(source);
    const segment = segments.find(
      ({ type, executable, address, fileSize }) =>
        type === "load" && executable && entry >= address && entry < address + fileSize,
    );
    const offset = segment === undefined ? 0 : entry - segment.address + segment.offset;
    const expected = Buffer.from(await source.read(offset, EXPECTED_BYTES)).toString("hex");
    await link.client.attach({
      session,
      target: { kind: "file", file: `/proc/${process.pid}/fd/${source.descriptor}` },
      goroutine: { source: "register", tlsOffset: 0, goidOffset: 0, stackHiOffset: 0 },
      probes: [{ ...ENTRY_PROBE, id: firstProbe, offset, expected }],
      functions: ["(trial)"],
    });
    await link.client.detach({ session });
    await link.client.describeProcess({ pid: process.pid });
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  } finally {
    link.unregister(session);
    await source.close();
  }
}

const ENTRY_PROBE: Omit<AttachParams["probes"][number], "id" | "offset" | "expected"> = {
  role: "entry",
  cfaOffset: 8,
  skipIfBelowOrEqual: false,
  plan: { pieces: [] },
  pairReturns: false,
};

const NOBODY: EventSink = {
  onRawEvent() {},
  onBatchEnd() {},
  onTargetEnded() {},
  onRemoved() {},
  onExpired() {},
  onHelperDied() {},
};
