/** A reporter of node:test that writes one JSON line for each test (not for suites): what the host reads. */
import type { TestEvent } from "node:test/reporters";

export interface CheckLine {
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  /** Of a skip the reason, of a failure the error. */
  readonly why: string;
  readonly ms: number;
}

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if ((type !== "test:pass" && type !== "test:fail") || data.details.type === "suite") continue;
    const skipped = data.skip !== undefined && data.skip !== false;
    const state = type === "test:fail" ? "failed" : skipped ? "skipped" : "passed";
    const error = type === "test:fail" ? data.details.error : undefined;
    const why = error ? String(error.cause ?? error) : typeof data.skip === "string" ? data.skip : "";
    const line: CheckLine = { name: data.name, state, why, ms: Math.round(data.details.duration_ms) };
    yield `check ${JSON.stringify(line)}\n`;
  }
}
