/** A goroutine's pprof labels out of an event. */
import type { RuntimeFacts } from "../goabi/runtime/facts.ts";
import { LABEL_MAP, type LabelsLayout } from "../goabi/runtime/labels.ts";
import { mapStorage } from "../goabi/runtime/map.ts";
import { SLICE } from "../goabi/runtime/slice.ts";
import { STRING } from "../goabi/runtime/string.ts";
import { WORD } from "../goabi/runtime/word.ts";
import type { IsSecretName } from "../goabi/secretNames.ts";
import { type CaptureLimits, RUNE_TAIL } from "../probe/api.ts";
import { NO_LABELS } from "../protocol/capture.ts";
import { mapSlots } from "./mapSlots.ts";
import { type CapturedMemory, EMPTY, type Missing, type Region } from "./memory.ts";
import { shownBytes } from "./scalars.ts";

export interface Labels {
  /** Keys in byte order; absent where the goroutine has none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Why there may be more than these, a clause. */
  readonly labelsUnavailable?: string;
}

const REDACTED = "<redacted>";

/** `word`: the goroutine's `g.labels`. Labels never change once a goroutine has them: they are replaced as a whole. */
export function readLabels(
  word: bigint,
  facts: RuntimeFacts,
  memory: CapturedMemory,
  limits: CaptureLimits,
  isSecret: IsSecretName,
): Labels {
  if (word === 0n) return {};
  if (word === NO_LABELS) return { labelsUnavailable: "the goroutine's labels could not be read" };
  const reader = new LabelReader(memory, limits, isSecret);
  if (facts.labels.kind === "map") reader.map(Number(word), facts);
  else reader.list(Number(word), facts.labels);
  return reader.result();
}

class LabelReader {
  private readonly memory: CapturedMemory;
  private readonly limits: CaptureLimits;
  private readonly isSecret: IsSecretName;
  private readonly found: { readonly key: Uint8Array; readonly text: string; readonly value: string }[] = [];
  private missing: string | undefined;

  constructor(memory: CapturedMemory, limits: CaptureLimits, isSecret: IsSecretName) {
    this.memory = memory;
    this.limits = limits;
    this.isSecret = isSecret;
  }

  result(): Labels {
    this.found.sort((a, b) => Buffer.compare(a.key, b.key));
    const labels = Object.fromEntries(this.found.map(({ text, value }) => [text, value]));
    return {
      ...(this.found.length === 0 ? {} : { labels }),
      ...(this.missing === undefined ? {} : { labelsUnavailable: this.missing }),
    };
  }

  list(labels: number, { slice, elem }: Extract<LabelsLayout, { kind: "list" }>): void {
    const header = this.region(labels, slice + SLICE.size);
    if (header === undefined) return;
    const count = header.word(slice + SLICE.length);
    if (count === 0) return;
    const wanted = Math.min(count, this.limits.elements) * elem.size;
    const pairs = this.region(header.word(slice + SLICE.pointer), wanted, elem.size);
    if (pairs === undefined) return;
    const whole = Math.floor(pairs.run(wanted).length / elem.size);
    for (let at = 0; at < whole * elem.size; at += elem.size) this.pair(pairs, at + elem.key, at + elem.value);
    if (whole < count) this.missing ??= `${whole} of ${count} labels were copied`;
  }

  map(labels: number, facts: RuntimeFacts): void {
    const address = this.region(labels, WORD)?.word(0) ?? 0;
    const storage = mapStorage(facts.maps, LABEL_MAP);
    if (address === 0 || storage === undefined) return;
    const found = mapSlots(this.memory, address, storage, this.limits.elements);
    if ("reason" in found) {
      this.missing ??= found.reason;
      return;
    }
    for (const { region, key, elem } of found.slots) this.pair(region, key, elem);
    if (found.slots.length < found.count) this.missing ??= `${found.slots.length} of ${found.count} labels were copied`;
  }

  private pair(region: Region, keyAt: number, valueAt: number): void {
    const key = this.text(region, keyAt);
    if (key === undefined) return;
    // What is cut off a key might make it a secret's.
    const secret = key.cut || this.isSecret(key.text);
    const value = secret ? undefined : this.text(region, valueAt);
    if (!secret && value === undefined) return;
    this.found.push({ key: key.bytes, text: key.text, value: value?.text ?? REDACTED });
  }

  private text(region: Region, at: number): { bytes: Uint8Array; text: string; cut: boolean } | undefined {
    const missing = region.missing(at, STRING.size);
    if (missing !== undefined) return this.miss(missing);
    const length = region.word(at + STRING.length);
    const wanted = Math.min(length, this.limits.stringBytes + RUNE_TAIL);
    const stored = wanted === 0 ? EMPTY : this.memory.at(region.word(at + STRING.pointer), wanted);
    if ("reason" in stored) return this.miss(stored);
    const run = stored.run(wanted);
    if (run.length === 0 && length > 0) return this.miss(run.why);
    const bytes = shownBytes(stored.bytes(0, run.length), length, this.limits.stringBytes);
    const cut = bytes.length < length;
    // Invalid UTF-8 becomes U+FFFD, as encoding/json writes it.
    const text = Buffer.from(bytes).toString();
    return { bytes, text: cut ? `${text}…+${length - bytes.length}` : text, cut };
  }

  /** At least `least` bytes of what is there. */
  private region(address: number, size: number, least = size): Region | undefined {
    const region = this.memory.at(address, size);
    if ("reason" in region) return this.miss(region);
    const missing = region.missing(0, least);
    return missing === undefined ? region : this.miss(missing);
  }

  private miss({ reason }: Missing): undefined {
    this.missing ??= reason;
    return undefined;
  }
}
