/** Stacks and labels of calls, as test/programs/context tells them itself and as a trace shows them. */
import assert from "node:assert/strict";
import type { CallEvent } from "../../src/engine/api.ts";
import { eventsOf } from "./cliProcess.ts";

/** What the program told, by call, and what the trace showed. */
export interface Told {
  readonly calls: ReadonlyMap<number, CallEvent>;
  readonly own: ReadonlyMap<number, readonly string[]>;
}

/** `stdout` of the trace, `stderr` with what the program wrote. */
export function told(stdout: string, stderr: string): Told {
  const { calls, stats } = eventsOf(stdout);
  assert.deepEqual(
    stats.map(({ emitted, dropped }) => [emitted, dropped]),
    [[calls.length, 0]],
  );
  const own = new Map<number, readonly string[]>();
  for (const line of stderr.split("\n")) {
    const [id = "", ...rest] = line.split("\t");
    if (/^-?\d+$/.test(id)) own.set(Number(id), rest);
  }
  const byId = new Map(calls.map((call) => [Number(call.args[0]?.text), call]));
  assert.equal(byId.size, calls.length);
  assert.deepEqual(new Set(byId.keys()), new Set(own.keys()));
  return { calls: byId, own };
}

/** As runtime.Frame has a function's name: without the types of an instance. */
export function printed({ func, file, line }: { func: string; file: string; line: number }): string {
  return `${func.replace(/\[.*\]/, "[...]")} ${file} ${line}`;
}

export function sameStacks({ calls, own }: Told): { whole: number; cut: number } {
  let [whole, cut] = [0, 0];
  for (const [id, expected] of own) {
    const { stack, stackCut, caller, callerLine } = calls.get(id)!;
    assert.ok(stack !== undefined);
    const frames = expected.filter((frame, index) => index < expected.length - 1 || !frame.startsWith("runtime.main "));
    const shown = stack.map(printed);
    const why = `call ${id}: ${stackCut}`;
    if (stackCut === undefined) {
      assert.deepEqual(shown, frames, why);
      whole++;
    } else {
      assert.equal(stackCut, "only 64 frames are followed", why);
      assert.deepEqual(shown, frames.slice(0, shown.length), why);
      assert.ok(shown.length >= 64 && shown.length < frames.length, why);
      cut++;
    }
    assert.ok(caller !== undefined && callerLine !== undefined);
  }
  return { whole, cut };
}

export function sameLabels({ calls, own }: Told): void {
  for (const [id, expected] of own) {
    const { labels = {}, labelsUnavailable } = calls.get(id)!;
    assert.equal(labelsUnavailable, undefined);
    const shown = Object.entries(labels).map(([key, value]) => `${quoted(key)}=${quoted(value)}`);
    assert.deepEqual(shown, expected.map(asShown), `call ${id}`);
  }
}

const quoted = (text: string): string => JSON.stringify(text);
/** Secrets are not shown, long values are cut. */
function asShown(pair: string): string {
  if (pair.startsWith('"apiToken"=')) return '"apiToken"="<redacted>"';
  const [, key, value] = /^"(.*)"="(.*)"$/.exec(pair)!;
  const bytes = Buffer.from(value!);
  if (bytes.length <= 256) return pair;
  const shown = bytes
    .subarray(0, 256)
    .toString()
    .replace(/\ufffd+$/, "");
  return `"${key}"="${shown}…+${bytes.length - Buffer.byteLength(shown)}"`;
}
