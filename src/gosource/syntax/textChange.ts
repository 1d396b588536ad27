/** What lies between two states of a text, as one replaced range: the form in which tree-sitter is told of a change. */

interface Point {
  readonly row: number;
  /** UTF-16 code units. */
  readonly column: number;
}

/** Offsets in UTF-16 code units. */
export interface TextChange {
  readonly startIndex: number;
  readonly oldEndIndex: number;
  readonly newEndIndex: number;
  readonly startPosition: Point;
  readonly oldEndPosition: Point;
  readonly newEndPosition: Point;
}

export function changeOf(before: string, after: string): TextChange {
  const most = Math.min(before.length, after.length);
  let same = 0;
  while (same < most && before.charCodeAt(same) === after.charCodeAt(same)) same++;
  let tail = 0;
  while (
    tail < most - same &&
    before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)
  )
    tail++;
  const start = pointAt(before, same);
  return {
    startIndex: same,
    oldEndIndex: before.length - tail,
    newEndIndex: after.length - tail,
    startPosition: start,
    oldEndPosition: pointAt(before, before.length - tail, same, start),
    newEndPosition: pointAt(after, after.length - tail, same, start),
  };
}

/** `known`: the point of the offset `from`. */
function pointAt(text: string, offset: number, from = 0, known: Point = { row: 0, column: 0 }): Point {
  let row = known.row;
  let line = from - known.column;
  for (let at = text.indexOf("\n", from); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) {
    row++;
    line = at + 1;
  }
  return { row, column: offset - line };
}
