/**
 * Build info (debug/buildinfo/buildinfo.go): Go version, modules and build settings that `go build` leaves in the file.
 * Up to Go 1.17 the blob points to two Go strings; from 1.18 on the strings stand inline after 32 bytes.
 */

import { DamagedError, decodeText, Reader } from "../bytes/reader.ts";
import type { Memory } from "../elf/memory.ts";
import type { Sections } from "../elf/sections.ts";
import type { BuildInfo, Dependency } from "./api.ts";

const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
/** Both strings together; a module list of 10 000 dependencies is about 1 MB. */
const MAX_INFO_BYTES = 16 << 20;
const SCAN_CHUNK_BYTES = 4 << 20;
/** Without a section the blob is searched for in the file's data; it stands near the start of the data segment. */
const MAX_SCAN_BYTES = 256 << 20;
const FLAG_INLINE_STRINGS = 2;
/** `go build` puts 16 bytes before and after the module text, so that it can be found in memory (modload/build.go). */
const SENTINEL_BYTES = 16;

export async function readBuildInfo(sections: Sections, memory: Memory): Promise<BuildInfo | undefined> {
  const offset = sections.find(".go.buildinfo")?.offset ?? (sections.named ? undefined : await scan(sections));
  if (offset === undefined) return undefined;
  const header = await sections.at(offset, 32);
  if (Buffer.compare(header.subarray(0, MAGIC.length), MAGIC) !== 0)
    throw new DamagedError("the build info has no magic number");
  const [version, modules] =
    ((header[15] ?? 0) & FLAG_INLINE_STRINGS) !== 0
      ? await inlineStrings(sections, offset)
      : await pointedStrings(memory, memory.addressOf(offset));
  return parseModules(decodeText(version), modules);
}

async function inlineStrings(sections: Sections, offset: number): Promise<[Uint8Array, Uint8Array]> {
  const first = await varstring(sections, offset + 32);
  const second = await varstring(sections, first.next);
  return [first.bytes, second.bytes];
}

async function varstring(sections: Sections, offset: number): Promise<{ bytes: Uint8Array; next: number }> {
  const head = new Reader(await sections.at(offset, Math.min(10, sections.source.size - offset)));
  const length = head.uleb();
  if (length > MAX_INFO_BYTES) throw new DamagedError(`a build info text of ${length} bytes`);
  return { bytes: await sections.at(offset + head.pos, length), next: offset + head.pos + length };
}

async function pointedStrings(memory: Memory, address: number | undefined): Promise<[Uint8Array, Uint8Array]> {
  if (address === undefined) throw new DamagedError("the build info lies outside the program's memory");
  const [version = 0, modules = 0] = await memory.words(address + 16, 2);
  return [await goString(memory, version), modules === 0 ? new Uint8Array(0) : await goString(memory, modules)];
}

async function goString(memory: Memory, header: number): Promise<Uint8Array> {
  const [data = 0, length = 0] = await memory.words(header, 2);
  if (length > MAX_INFO_BYTES) throw new DamagedError(`a build info text of ${length} bytes`);
  return length === 0 ? new Uint8Array(0) : memory.read(data, length);
}

async function scan(sections: Sections): Promise<number | undefined> {
  let left = MAX_SCAN_BYTES;
  for (const segment of sections.elf.segments) {
    if (segment.type !== "load" || (segment.executable && !segment.writable)) continue;
    for (let at = 0; at < segment.fileSize && left > 0; at += SCAN_CHUNK_BYTES) {
      const length = Math.min(SCAN_CHUNK_BYTES + 16, segment.fileSize - at);
      const chunk = Buffer.from(await sections.source.read(segment.offset + at, length));
      for (let hit = chunk.indexOf(MAGIC); hit >= 0; hit = chunk.indexOf(MAGIC, hit + 1))
        if ((segment.address + at + hit) % 16 === 0) return segment.offset + at + hit;
      left -= length;
    }
  }
  return undefined;
}

/** The text that `go version -m` prints, in its own tab-separated form (runtime/debug/mod.go ParseBuildInfo). */
export function parseModules(goVersion: string, raw: Uint8Array): BuildInfo {
  const framed = raw.length >= 2 * SENTINEL_BYTES + 1 && raw[raw.length - SENTINEL_BYTES - 1] === 0x0a;
  const text = framed ? decodeText(raw.subarray(SENTINEL_BYTES, raw.length - SENTINEL_BYTES)) : "";
  let path: string | undefined;
  let module: { path: string; version: string } | undefined;
  const dependencies: Dependency[] = [];
  const settings: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of text.split("\n")) {
    const [kind, first = "", second = ""] = line.split("\t");
    if (kind === "path") path = first;
    else if (kind === "mod") module = { path: first, version: second };
    else if (kind === "dep") dependencies.push({ path: first, version: second });
    else if (kind === "=>" && dependencies.length > 0)
      dependencies.push({ ...dependencies.pop()!, replacedBy: { path: first, version: second } });
    else if (kind === "build") {
      const [key, value] = setting(line.slice(6));
      if (key !== "") settings[key] = value;
    }
  }
  return {
    goVersion,
    dependencies,
    settings,
    ...(path === undefined ? {} : { path }),
    ...(module === undefined ? {} : { module }),
  };
}

/** `key=value`, either side quoted as Go does where it holds special characters. */
function setting(text: string): [string, string] {
  const quoted = /^("(?:[^"\\]|\\.)*"|[^=]*)=(.*)$/s.exec(text);
  return quoted === null ? ["", ""] : [unquote(quoted[1]!), unquote(quoted[2]!)];
}

function unquote(text: string): string {
  if (text.startsWith("`") && text.endsWith("`") && text.length > 1) return text.slice(1, -1);
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
