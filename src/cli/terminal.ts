/** What is written to the user's terminal: nothing that a traced program chose may control it. */
import { accessSync, constants } from "node:fs";

/**
 * Control characters as `\xNN`: function names and paths come from binaries, and values from live calls. Tabs and line
 * ends are the caller's own layout.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
    },
  );
}

/** One message for the user, on stderr. */
export function say(message: string): void {
  process.stderr.write(`probelens: ${printable(message)}\n`);
}

/**
 * Node writes to a terminal synchronously (lib/tty.js), and a terminal that is held up (Ctrl-S, a stopped multiplexer)
 * would hold up everything with it: signals, and the sign of life without which the probes go. What is written is kept
 * in memory instead, as with a pipe. Only where libuv could open the terminal anew (uv_tty_init): else the mode would be
 * the shell's, too.
 */
export function neverBlockOnTerminal(): void {
  for (const [fd, stream] of [
    [1, process.stdout],
    [2, process.stderr],
  ] as const) {
    if (!stream.isTTY) continue;
    try {
      accessSync(`/proc/self/fd/${fd}`, constants.R_OK | constants.W_OK);
    } catch {
      continue;
    }
    (stream as { _handle?: { setBlocking?: (blocking: boolean) => void } })._handle?.setBlocking?.(false);
  }
}
