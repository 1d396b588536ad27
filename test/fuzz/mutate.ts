/** Damage to bytes: flips, extremes for integers, cuts, repeats and splices. In place, so that it can be undone. */
import type { Random } from "./random.ts";

export interface Region {
  readonly offset: number;
  readonly size: number;
}

/** Values at which arithmetic goes wrong: zero, all ones, signs, powers of two, and their neighbours. */
const EXTREMES = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn,
  0x100000000n, 0x1fffffffffffffn, 0x20000000000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn]; // biome-ignore format: a table

/** Damages a region in one to four places; returns what undoes it. */
export function damage(bytes: Uint8Array, region: Region, random: Random): () => void {
  const undo: { at: number; old: Uint8Array }[] = [];
  const write = (at: number, values: Uint8Array) => {
    const room = Math.min(values.length, bytes.length - at);
    if (room <= 0) return;
    undo.push({ at, old: bytes.slice(at, at + room) });
    bytes.set(values.subarray(0, room), at);
  };
  const times = 1 + random.below(4);
  for (let i = 0; i < times; i++) {
    const at = region.offset + random.below(region.size);
    const left = Math.min(region.offset + region.size, bytes.length) - at;
    switch (random.below(7)) {
      case 0:
        write(at, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.below(8))));
        break;
      case 1:
        write(at, Uint8Array.of(random.u32()));
        break;
      case 2:
      case 3:
        write(at, extreme(random).subarray(0, left));
        break;
      case 4:
        write(at, random.bytes(Math.min(left, 1 + random.below(16))));
        break;
      case 5: {
        // Repeat, or splice from elsewhere in the region.
        const from = region.offset + random.below(region.size);
        write(
          at,
          bytes.slice(from, Math.min(from + 1 + random.below(256), region.offset + region.size)).subarray(0, left),
        );
        break;
      }
      default:
        write(at, new Uint8Array(Math.min(left, 1 + random.below(64))).fill(random.once(2) ? 0 : 0xff));
    }
  }
  return () => {
    for (const { at, old } of undo.toReversed()) bytes.set(old, at);
  };
}

/** A little-endian integer of 1, 2, 4 or 8 bytes, or a LEB128 number, at or beside an extreme. */
function extreme(random: Random): Uint8Array {
  const value = BigInt.asUintN(64, random.pick(EXTREMES) + BigInt(random.below(3) - 1));
  if (random.once(3)) {
    const leb: number[] = [];
    for (let rest = value; ; rest >>= 7n) {
      leb.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
      if (rest <= 0x7fn) return Uint8Array.from(leb);
    }
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes.subarray(0, random.pick([1, 2, 4, 8]));
}
