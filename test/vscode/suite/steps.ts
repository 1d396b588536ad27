/** Steps of a scenario, one after the other: each builds on the one before, so the first failure ends it. */
import { CONTROL_ENV, control, type Operation, type Operations } from "../control.ts";

export interface Step {
  readonly name: string;
  run(): Promise<void>;
}

/** Longest wait for one condition; a machine under load is slow, a broken one is not worth more. */
const WAIT_TIMEOUT_MS = 25_000;
const WAIT_INTERVAL_MS = 50;

/** With a launcher the page is seen and clicked; on a desktop VS Code commands stand in for clicks. */
export const hasPage = process.env[CONTROL_ENV] !== undefined;

export async function runSteps(scenario: string, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const { name } = step;
    const start = performance.now();
    try {
      await step.run();
    } catch (error) {
      if (hasPage) await control("screenshot", { name: `failed-${scenario}` }).catch(() => undefined);
      console.log(`not ok: ${scenario}: ${name}`);
      throw error;
    }
    console.log(`ok: ${scenario}: ${name} (${Math.round(performance.now() - start)} ms)`);
  }
}

/** Waits until `read` gives what `accept` takes; the last value stands in the failure. */
export async function until<T>(what: string, read: () => Promise<T> | T, accept: (value: T) => boolean): Promise<T> {
  const end = performance.now() + WAIT_TIMEOUT_MS;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const value = await read();
      last = value;
      if (accept(value)) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_INTERVAL_MS));
  }
  const seen = last instanceof Error ? last.message : JSON.stringify(last);
  throw new Error(`${what}: not within ${WAIT_TIMEOUT_MS} ms; last seen: ${seen}`);
}

/** Asks the launcher; `undefined` where there is none. */
export async function onPage<O extends Operation>(
  op: O,
  params: Operations[O]["params"],
): Promise<Operations[O]["result"] | undefined> {
  return hasPage ? await control(op, params) : undefined;
}

export function equal<T>(actual: T, expected: T, what: string): void {
  if (actual !== expected)
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}
