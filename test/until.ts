/**
 * Generous for a loaded machine; a test that waits this long has failed. Inside an emulated machine (test/kernels)
 * everything takes some ten times as long.
 */
export const LIMIT_MS = 30_000 * Number(process.env["PROBELENS_TEST_PATIENCE"] ?? 1);
/** Short enough to see an end within its second, long enough to leave the processor to what is waited for. */
const INTERVAL_MS = 2;

/** What the condition gives when it gives something; fails after `limitMs` and says what was waited for. */
export async function until<T>(what: string, condition: () => T | undefined | false, limitMs = LIMIT_MS): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
