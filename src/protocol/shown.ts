/** Names from outside (binaries, paths, what a user typed) in messages for people. */

/** Long enough for every name that people write; generated ones and hostile ones have a hundred thousand characters. */
const MAX_SHOWN = 200;

/** On one line and of bounded length: the beginning, and how much there is. */
export function shown(text: string): string {
  const oneLine = text.slice(0, MAX_SHOWN + 1).replaceAll("\n", "\\n");
  return text.length <= MAX_SHOWN ? oneLine : `${oneLine.slice(0, MAX_SHOWN)}… (${text.length} characters)`;
}
