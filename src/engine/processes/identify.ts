/** A quick look at a program file: is it Go, and which build? Reads headers, the build info and the notes only. */
import type { ByteSource } from "../../bytes/source.ts";
import { readElf } from "../../elf/elf.ts";
import { Memory } from "../../elf/memory.ts";
import { readBuildIds } from "../../elf/notes.ts";
import { Sections } from "../../elf/sections.ts";
import { readBuildInfo } from "../../gobinary/buildinfo.ts";

export interface GoIdentity {
  readonly goVersion: string;
  readonly buildId: string;
  readonly module: string;
}

/** `undefined`: not a Go program, or too damaged to tell. */
export async function identifyGo(source: ByteSource): Promise<GoIdentity | undefined> {
  try {
    const sections = new Sections(source, await readElf(source));
    // Searching the data of every C program for the magic number would make a process list slow; only a file without
    // section headers leaves no other way.
    if (sections.find(".go.buildinfo") === undefined && sections.elf.sections.length > 0) return undefined;
    const info = await readBuildInfo(sections, new Memory(sections));
    if (info === undefined) return undefined;
    const ids = await readBuildIds(sections);
    return {
      goVersion: info.goVersion,
      buildId: ids.go ?? ids.gnu ?? "",
      module: info.module?.path ?? info.path ?? "",
    };
  } catch {
    return undefined;
  }
}
