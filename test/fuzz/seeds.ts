/** Undamaged inputs: the tiny program built by several Go versions, and real function bodies from it. */
import { readFile } from "node:fs/promises";
import { openBinary } from "../../src/gobinary/open.ts";
import { buildProgram } from "../matrix/build.ts";

export interface SeedProgram {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One per format: pclntab 1.2, 1.16, 1.18, 1.20; DWARF 4 and 5, plain and compressed; stripped and position-independent. */
const VARIANTS: readonly (readonly [version: string, name: string, flags: readonly string[]])[] = [
  ["1.15.15", "plain", ["-ldflags=-compressdwarf=false"]],
  ["1.17.13", "plain", ["-ldflags=-compressdwarf=false"]],
  ["1.19.13", "pie", ["-buildmode=pie", "-ldflags=-compressdwarf=false"]],
  ["1.24.13", "piesw", ["-buildmode=pie", "-ldflags=-s -w"]],
  ["1.27.4", "plain", ["-ldflags=-compressdwarf=false"]],
  ["1.27.4", "default", []],
  ["1.27.4", "sw", ["-ldflags=-s -w"]],
];

let programs: Promise<SeedProgram[]> | undefined;
export function seedPrograms(): Promise<SeedProgram[]> {
  programs ??= load();
  return programs;
}

async function load(): Promise<SeedProgram[]> {
  const all: SeedProgram[] = [];
  for (const [version, name, flags] of VARIANTS) {
    const path = await buildProgram({ folder: "test/fuzz/tiny", module: "example.com/tiny", version, name, flags });
    all.push({ name: `${version} ${name}`, bytes: new Uint8Array(await readFile(path)) });
  }
  return all;
}

/** Machine code of some hundred functions. */
export async function seedCode(): Promise<Uint8Array[]> {
  const code: Uint8Array[] = [];
  for (const { name, bytes } of await seedPrograms()) {
    if (!name.includes("plain")) continue;
    const binary = await openBinary({
      name,
      size: bytes.length,
      read: async (at, length) => bytes.subarray(at, at + length),
    });
    for (const [index, fn] of (await binary.functions()).entries()) {
      if (index % 7 !== 0 || fn.notTraceable !== undefined) continue;
      const body = await binary.code(fn);
      if (body.length > 0 && body.length <= 2048) code.push(body.slice());
    }
  }
  return code;
}

/** Name, file offset and size of each section, read from the undamaged file. */
export function sectionsOf(file: Uint8Array): { name: string; offset: number; size: number }[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const header = (index: number) => {
    const at = table + 64 * index;
    return {
      name: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  };
  const names = header(view.getUint16(62, true));
  const all: { name: string; offset: number; size: number }[] = [];
  for (let index = 1; index < count; index++) {
    const { name, type, offset, size } = header(index);
    const start = names.offset + name;
    const end = file.indexOf(0, start);
    // SHT_NOBITS sections take no bytes in the file.
    all.push({ name: Buffer.from(file.subarray(start, end)).toString("latin1"), offset, size: type === 8 ? 0 : size });
  }
  return all;
}
