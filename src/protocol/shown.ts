/** Names from outside (binaries, paths, what a user typed) in messages for people. */
import { quotedPath } from "./path.ts";

/** Long enough for every name that people write; generated ones and hostile ones have a hundred thousand characters. */
const MAX_SHOWN = 200;

/** On one line and of bounded length: the beginning, and how much there is. */
export function shown(text: string): string {
  if (text.length <= MAX_SHOWN) return quotedPath(text);
  return `${quotedPath(text.slice(0, MAX_SHOWN))}… (${text.length} characters)`;
}
