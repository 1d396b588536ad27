/**
 * Bounds-checked little-endian reading. Everything that parses bytes of a program file goes through here, so that no
 * damaged or hostile number can read outside its section: the only outcome is a `DamagedError`.
 */

/** The bytes contradict themselves or end early. Converted to a warning or a UserError before it leaves src/gobinary. */
export class DamagedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DamagedError";
  }
}

/** User addresses and file offsets fit 53 bits; anything beyond is damage, not a number to calculate with. */
const HIGH_WORD_LIMIT = 0x20_0000;

const decoder = new TextDecoder("utf-8", { fatal: false });

export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  pos: number;
  readonly end: number;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = pos;
    this.end = Math.min(end, bytes.length);
    if (!(pos >= 0 && pos <= this.end))
      throw new DamagedError(`offset ${pos} is outside the ${this.end} bytes there are`);
  }

  get left(): number {
    return this.end - this.pos;
  }

  need(length: number): void {
    if (!(length >= 0) || this.pos + length > this.end)
      throw new DamagedError(`${length} bytes wanted at ${this.pos}, only ${this.end - this.pos} there`);
  }

  seek(pos: number): this {
    if (!(pos >= 0 && pos <= this.end))
      throw new DamagedError(`offset ${pos} is outside the ${this.end} bytes there are`);
    this.pos = pos;
    return this;
  }

  skip(length: number): void {
    this.need(length);
    this.pos += length;
  }

  u8(): number {
    if (this.pos >= this.end) throw new DamagedError(`the data ends at ${this.end}`);
    return this.bytes[this.pos++]!;
  }

  u16(): number {
    this.need(2);
    const value = this.view.getUint16(this.pos, true);
    this.pos += 2;
    return value;
  }

  u32(): number {
    this.need(4);
    const value = this.view.getUint32(this.pos, true);
    this.pos += 4;
    return value;
  }

  i32(): number {
    return this.u32() | 0;
  }

  /** A 64-bit number that must fit 53 bits (addresses, offsets, sizes). */
  u64(): number {
    const low = this.u32();
    const high = this.u32();
    if (high >= HIGH_WORD_LIMIT) throw new DamagedError(`64-bit number out of range at ${this.pos - 8}`);
    return high * 0x1_0000_0000 + low;
  }

  big64(): bigint {
    this.need(8);
    const value = this.view.getBigUint64(this.pos, true);
    this.pos += 8;
    return value;
  }

  /** An address or length of `size` bytes (1, 2, 3, 4 or 8). */
  uint(size: number): number {
    switch (size) {
      case 1:
        return this.u8();
      case 2:
        return this.u16();
      case 3:
        return this.u16() + this.u8() * 0x1_0000;
      case 4:
        return this.u32();
      case 8:
        return this.u64();
      default:
        throw new DamagedError(`a number of ${size} bytes`);
    }
  }

  /** Unsigned LEB128 as a number; beyond 53 bits is damage. */
  uleb(): number {
    let result = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.u8();
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (result > Number.MAX_SAFE_INTEGER) throw new DamagedError(`LEB128 number out of range at ${this.pos}`);
        return result;
      }
      scale *= 128;
    }
    throw new DamagedError(`LEB128 number without an end at ${this.pos}`);
  }

  /** Unsigned LEB128 of an offset modulo 2^64, as Go's linker writes a place before the base address. */
  wrappedUleb(): number {
    let result = 0n;
    for (let i = 0n; i < 10n; i++) {
      const byte = this.u8();
      result |= BigInt(byte & 0x7f) << (7n * i);
      if (byte >= 0x80) continue;
      const signed = BigInt.asIntN(64, result);
      if (signed > BigInt(Number.MAX_SAFE_INTEGER) || signed < -BigInt(Number.MAX_SAFE_INTEGER))
        throw new DamagedError(`LEB128 offset out of range at ${this.pos}`);
      return Number(signed);
    }
    throw new DamagedError(`LEB128 number without an end at ${this.pos}`);
  }

  /** Signed LEB128 as a number; precise within 53 bits, which covers every offset and array bound. */
  sleb(): number {
    let result = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.u8();
      result += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return (byte & 0x40) !== 0 ? result - scale : result;
    }
    throw new DamagedError(`LEB128 number without an end at ${this.pos}`);
  }

  skipLeb(): void {
    for (let i = 0; i < 20; i++) if (this.u8() < 0x80) return;
    throw new DamagedError(`LEB128 number without an end at ${this.pos}`);
  }

  take(length: number): Uint8Array {
    this.need(length);
    const bytes = this.bytes.subarray(this.pos, this.pos + length);
    this.pos += length;
    return bytes;
  }

  cstring(): string {
    const zero = this.bytes.indexOf(0, this.pos);
    if (zero < 0 || zero >= this.end) throw new DamagedError(`text without an end at ${this.pos}`);
    const text = decodeText(this.bytes.subarray(this.pos, zero));
    this.pos = zero + 1;
    return text;
  }

  skipCstring(): void {
    const zero = this.bytes.indexOf(0, this.pos);
    if (zero < 0 || zero >= this.end) throw new DamagedError(`text without an end at ${this.pos}`);
    this.pos = zero + 1;
  }
}

/** Names are mostly short ASCII: the char-code path is several times faster than a TextDecoder call. */
export function decodeText(bytes: Uint8Array): string {
  const length = bytes.length;
  if (length > 256) return decoder.decode(bytes);
  let text = "";
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

/** NUL-terminated text at an offset of a string table; undefined outside the table. */
export function textAt(table: Uint8Array, offset: number, limit = MAX_NAME_BYTES): string | undefined {
  if (!(offset >= 0 && offset < table.length)) return undefined;
  const end = table.indexOf(0, offset);
  if (end < 0 || end - offset > limit) return undefined;
  return decodeText(table.subarray(offset, end));
}

/** Longest symbol or file name believed: generic instances nest, but none known comes near 64 KiB. */
const MAX_NAME_BYTES = 65536;
