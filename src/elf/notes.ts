/** Build IDs from ELF notes: Go's own (`.note.go.buildid`) and the linker's (`.note.gnu.build-id`). */
import { decodeText, Reader } from "../bytes/reader.ts";
import type { Sections } from "./sections.ts";

/** cmd/internal/buildid: note name "Go\0\0", type 4. */
const GO_BUILD_ID = 4;
const GNU_BUILD_ID = 3;
/** Notes are some hundred bytes. */
const MAX_NOTE_BYTES = 1 << 20;

export interface BuildIds {
  readonly go?: string;
  /** Lower-case hex. */
  readonly gnu?: string;
}

export async function readBuildIds(sections: Sections): Promise<BuildIds> {
  const ids: { go?: string; gnu?: string } = {};
  const named = sections.elf.sections.filter((section) => section.name.startsWith(".note.") && section.inFile);
  // A debug file may have the program's own program headers (`eu-strip -f`), whose offsets mean nothing in it.
  const areas =
    named.length > 0
      ? named
      : sections.elf.segments
          .filter((segment) => segment.type === "note")
          .map(({ offset, fileSize }) => ({ offset, size: fileSize }));
  for (const { offset, size } of areas) {
    if (size > MAX_NOTE_BYTES || size < 12 || offset + size > sections.source.size) continue;
    const reader = new Reader(await sections.at(offset, size));
    while (reader.left >= 12) {
      const nameBytes = reader.u32();
      const bytes = reader.u32();
      const type = reader.u32();
      if (reader.left < align4(nameBytes) + bytes) break;
      const name = decodeText(reader.take(nameBytes)).replace(/\0+$/, "");
      reader.skip(align4(nameBytes) - nameBytes);
      const value = reader.take(bytes);
      reader.skip(Math.min(align4(bytes) - bytes, reader.left));
      if (name === "Go" && type === GO_BUILD_ID) ids.go ??= decodeText(value);
      if (name === "GNU" && type === GNU_BUILD_ID) ids.gnu ??= Buffer.from(value).toString("hex");
    }
  }
  return ids;
}

/** Sizes in notes are unsigned: bit operations would make a negative number of a large one. */
function align4(value: number): number {
  return Math.ceil(value / 4) * 4;
}
