/** Maps as memory. */
import { lastError, libc, type Pointer } from "./native.ts";

const PROT = { READ: 1, WRITE: 2 } as const;
const MAP_SHARED = 1;

export interface MappedRing {
  /** The page that holds the consumer position; writable. */
  readonly consumer: Pointer;
  /** The page that holds the producer position. */
  readonly producer: Pointer;
  /** The data, mapped twice in a row: a record never wraps. */
  readonly data: Pointer;
}

/** kernel/bpf/ringbuf.c, ringbuf_map_mmap_kern: consumer page, producer page, data, data again. */
export function mapRing(fd: number, bytes: number, pageBytes: number): MappedRing {
  const consumer = mmap(pageBytes, PROT.READ | PROT.WRITE, fd, 0);
  const producer = mmap(pageBytes + 2 * bytes, PROT.READ, fd, pageBytes);
  return { consumer, producer, data: producer + BigInt(pageBytes) };
}

export function unmapRing(ring: MappedRing, bytes: number, pageBytes: number): void {
  unmapMemory(ring.consumer, pageBytes);
  unmapMemory(ring.producer, pageBytes + 2 * bytes);
}

/** A plain array's memory (BPF_F_MMAPABLE). */
export function mapMemory(fd: number, bytes: number): Pointer {
  return mmap(bytes, PROT.READ, fd, 0);
}

export function unmapMemory(address: Pointer, bytes: number): void {
  libc("munmap")(address, bytes);
}

function mmap(length: number, protection: number, fd: number, offset: number): Pointer {
  const address = libc("mmap")(null, length, protection, MAP_SHARED, fd, offset) as Pointer;
  if (address === 0xffffffffffffffffn || !address) throw lastError("mmap of a map");
  return address;
}
