/**
 * What the suite, which runs inside the editor, asks of the launcher, which sees the page and may look at any process:
 * JSON over HTTP on a unix socket. On a desktop VS Code there is no launcher, and the suite does without.
 */
import { request } from "node:http";

export interface Operations {
  /** Clicks the lens above the first visible line that contains `above`, with the mouse, at its left end. */
  clickLens: { params: { above: string }; result: null };
  /** The text of that lens; null where there is none. */
  lensText: { params: { above: string }; result: string | null };
  /** Texts that decorations add after code, in visible lines that contain `line`. */
  decorations: { params: { line: string }; result: string[] };
  /** Distance in pixels between the tops of two lines: shows whether the code jumped. */
  lineTop: { params: { line: string }; result: number };
  /** Moves the mouse over a word of a visible line and leaves it there. */
  hover: { params: { line: string; word: string }; result: null };
  click: { params: { selector: string; text?: string }; result: null };
  /** Text of all elements that match, one entry each. */
  texts: { params: { selector: string }; result: string[] };
  /** Values of all input elements that match. */
  values: { params: { selector: string }; result: string[] };
  /** Types into the box that matches, once it is there, and presses Enter in it. */
  answer: { params: { selector: string; text: string }; result: null };
  moveMouseAway: { params: Record<string, never>; result: null };
  screenshot: { params: { name: string }; result: null };
  /**
   * A part of the page: from the left edge of the line numbers and `above` pixels above a visible line that contains
   * `line`, or above the panel.
   */
  crop: {
    params: { name: string; line: string; above: number; width: number; height: number };
    result: null;
  };
  /** Bytes of a process's memory, hex. */
  memory: { params: { pid: number; address: number; length: number }; result: string };
  /** Processes below the editor's server whose command line contains `text`. */
  processes: { params: { text: string }; result: number[] };
  /** Which of these processes still run. */
  alive: { params: { pids: number[] }; result: number[] };
}
export type Operation = keyof Operations;

export const CONTROL_ENV = "PROBELENS_TEST_CONTROL";
/** The slowest operation is a screenshot in software rendering. */
const TIMEOUT_MS = 20_000;

export async function control<O extends Operation>(
  op: O,
  params: Operations[O]["params"],
  socketPath = process.env[CONTROL_ENV],
): Promise<Operations[O]["result"]> {
  if (socketPath === undefined) throw new Error(`no launcher to ask for ${op}`);
  const body = JSON.stringify({ op, params });
  return await new Promise((resolve, reject) => {
    const call = request({ socketPath, method: "POST", path: "/", timeout: TIMEOUT_MS }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => {
        const answer = JSON.parse(text) as { result?: Operations[O]["result"]; error?: string };
        if (answer.error === undefined) resolve(answer.result as Operations[O]["result"]);
        else reject(new Error(`${op}: ${answer.error}`));
      });
    });
    call.on("timeout", () => call.destroy(new Error(`${op}: no answer within ${TIMEOUT_MS} ms`)));
    call.on("error", reject);
    call.end(body);
  });
}
