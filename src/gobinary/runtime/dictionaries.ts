/**
 * Dictionaries of generic instances: static data of the program that a generic function gets as a hidden parameter
 * (cmd/compile/internal/noder: stencil.go up to Go 1.19, reader.go since). Words: addresses of type descriptors, of
 * other dictionaries, of code and of itabs. DWARF says which word is the type of which variable; no symbol is needed,
 * because every dictionary is either loaded by an instruction or stands in another dictionary.
 */
import type { Memory } from "../../elf/memory.ts";
import type { DictionaryPlace, GoType } from "../../goabi/type.ts";
import type { DictionaryData } from "../api.ts";
import { typeNamed } from "./typeArguments.ts";
import type { TypeDescriptors } from "./typeDescriptors.ts";

/** Where the linker puts them; `.data.rel.ro` in position-independent programs. */
const SECTIONS = [".rodata", ".data.rel.ro"];
/** The largest known program has a quarter of it in each. */
const MAX_SECTION_BYTES = 256 << 20;
const SCAN_BYTES = 4 << 20;
/** `lea reg, [rip + disp32]`: REX.W, 8d, a ModRM byte of mod 0 and r/m 5, four bytes. */
const LEA_BYTES = 7;
/** Places that may be dictionaries: addresses of strings are, too. */
const MAX_CANDIDATES = 2_000_000;
/** Words that are looked at for other dictionaries; a function uses some dozen. */
const MAX_WORDS = 256;
const WORD = 8;

interface Area {
  readonly address: number;
  readonly view: DataView;
}

export class Dictionaries implements DictionaryData {
  readonly #areas: readonly Area[];
  readonly #relocated: (place: number) => number | undefined;
  readonly #types: TypeDescriptors;
  readonly #isCode: (address: number) => boolean;
  readonly #loaded: readonly number[];
  readonly #checked = new Map<number, boolean>();
  #candidates: Set<number> | undefined;

  /** Undefined where the program has no such data. */
  static async load(
    memory: Memory,
    types: TypeDescriptors,
    positionIndependent: boolean,
  ): Promise<Dictionaries | undefined> {
    const areas: Area[] = [];
    for (const name of SECTIONS) {
      const place = memory.section(name);
      if (place === undefined || place.size > MAX_SECTION_BYTES) continue;
      const bytes = await memory.read(place.address, place.size);
      areas.push({
        address: place.address,
        view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      });
    }
    if (areas.length === 0) return undefined;
    const relocations = positionIndependent ? await memory.relocations() : undefined;
    const isData = (address: number) => areas.some((area) => holds(area, address));
    return new Dictionaries(
      areas,
      (place) => relocations?.valueAt(place),
      types,
      (address) => memory.isExecutable(address),
      await addressesInCode(memory, isData),
    );
  }

  private constructor(
    areas: readonly Area[],
    relocated: (place: number) => number | undefined,
    types: TypeDescriptors,
    isCode: (address: number) => boolean,
    loaded: readonly number[],
  ) {
    this.#areas = areas;
    this.#relocated = relocated;
    this.#types = types;
    this.#isCode = isCode;
    this.#loaded = loaded;
  }

  get candidates(): Iterable<number> {
    return this.#all;
  }

  get #all(): ReadonlySet<number> {
    this.#candidates ??= this.#withInner(this.#loaded);
    return this.#candidates;
  }

  typeAt(dictionary: number, place: DictionaryPlace): GoType | undefined {
    if ("word" in place) return this.#type(dictionary, place.word);
    const first = this.#firstType(dictionary);
    if (first === undefined) return undefined;
    if ("order" in place) return this.#type(dictionary, first + place.order);
    return typeNamed(place, this.#typesFrom(dictionary, first));
  }

  #type(dictionary: number, index: number): GoType | undefined {
    const word = this.#word(dictionary + index * WORD);
    return word === undefined || !this.#isType(word) ? undefined : this.#types.at(word);
  }

  /** Since Go 1.20 the types stand in one run, behind code and other dictionaries (reader.go, rtypesOffset). */
  #firstType(dictionary: number): number | undefined {
    for (let index = 0; index < MAX_WORDS; index++) {
      const word = this.#word(dictionary + index * WORD);
      if (word === undefined) return undefined;
      if (this.#isType(word)) return index;
      if (!this.#isCode(word) && !this.#isData(word)) return undefined;
    }
    return undefined;
  }

  /** Up to the next dictionary, which may follow without a gap. */
  #typesFrom(dictionary: number, first: number): GoType[] {
    const types: GoType[] = [];
    for (let index = first; index < first + MAX_WORDS; index++) {
      if (index > 0 && this.#all.has(dictionary + index * WORD)) break;
      const type = this.#type(dictionary, index);
      if (type === undefined) break;
      types.push(type);
    }
    return types;
  }

  /** With the dictionaries that stand in dictionaries. */
  #withInner(loaded: readonly number[]): Set<number> {
    const found = new Set<number>();
    const queue = [...loaded];
    for (let address = queue.pop(); address !== undefined && found.size < MAX_CANDIDATES; address = queue.pop()) {
      if (found.has(address)) continue;
      for (let index = 0; index < MAX_WORDS; index++) {
        const word = this.#word(address + index * WORD);
        if (word === undefined) break;
        const inner = word % WORD === 0 && this.#isData(word) && !this.#isType(word);
        // 0: an itab that is not needed.
        if (!inner && word !== 0 && !this.#isType(word) && !this.#isCode(word) && !this.#isData(word)) break;
        if (index === 0) found.add(address);
        if (inner && !found.has(word)) queue.push(word);
      }
    }
    return found;
  }

  #isType(word: number): boolean {
    let known = this.#checked.get(word);
    if (known === undefined) {
      known = this.#types.isDescriptor(word);
      this.#checked.set(word, known);
    }
    return known;
  }

  #isData(address: number): boolean {
    return this.#areas.some((area) => holds(area, address));
  }

  #word(address: number): number | undefined {
    const area = this.#areas.find((candidate) => holds(candidate, address));
    if (area === undefined || address % WORD !== 0) return undefined;
    const at = address - area.address;
    return (
      this.#relocated(address) ?? area.view.getUint32(at, true) + area.view.getUint32(at + WORD / 2, true) * 2 ** 32
    );
  }
}

function holds({ address, view }: Area, word: number): boolean {
  return word >= address && word + WORD <= address + view.byteLength;
}

/** Addresses of words that instructions of amd64 code load as such. Bytes that only look like one do no harm. */
async function addressesInCode(memory: Memory, isData: (address: number) => boolean): Promise<number[]> {
  const text = memory.section(".text");
  const found = new Set<number>();
  if (text === undefined) return [];
  for (let start = 0; start < text.size && found.size < MAX_CANDIDATES; start += SCAN_BYTES) {
    const bytes = await memory.read(text.address + start, Math.min(SCAN_BYTES + LEA_BYTES, text.size - start));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 1; at + LEA_BYTES - 1 <= bytes.length; at++) {
      if (bytes[at] !== 0x8d || (bytes[at - 1]! & 0xf8) !== 0x48 || (bytes[at + 1]! & 0xc7) !== 0x05) continue;
      const address = text.address + start + at + LEA_BYTES - 1 + view.getInt32(at + 2, true);
      if (address % WORD === 0 && isData(address)) found.add(address);
    }
  }
  return [...found];
}
