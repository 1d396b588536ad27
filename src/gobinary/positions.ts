/** Where the code of a function comes from. Lines, files and inlined calls have a table each, of runs of instructions. */
import type { SourcePosition } from "./api.ts";
import type { InlineTrees } from "./inltree.ts";
import { PCDATA_INLINE_TREE_INDEX, type Pclntab } from "./pclntab.ts";

/** Of the code before address `end`: one position for each run of instructions that have all three in common, in order. */
export async function positionRuns(
  pclntab: Pclntab,
  inlineTrees: InlineTrees,
  index: number,
  own: string,
  end: number,
): Promise<SourcePosition[]> {
  const entry = pclntab.entry(index);
  const lines = pclntab.lineRuns(index);
  const files = pclntab.fileRuns(index);
  const calls = pclntab.pcdataRuns(index, PCDATA_INLINE_TREE_INDEX);
  const starts = new Set([entry, ...lines.ends, ...files.ends, ...(calls?.ends ?? [])]);
  const names = new Map<number, string>([[-1, own]]);
  const positions: SourcePosition[] = [];
  for (const address of [...starts].filter((start) => start < end).sort((a, b) => a - b)) {
    const call = calls?.at(address) ?? -1;
    const func = names.get(call) ?? (await inlineTrees.name(index, call)) ?? own;
    names.set(call, func);
    const file = files.at(address);
    positions.push({
      func,
      file: file === undefined ? "" : pclntab.fileName(index, file),
      line: lines.at(address) ?? 0,
    });
  }
  return positions;
}
