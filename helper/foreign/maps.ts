/** Maps that are made without a program, and what is in any map. */
import { constants } from "node:os";
import { check, libbpf } from "./native.ts";

/** include/uapi/linux/bpf.h */
const BPF = { MAP_TYPE_HASH: 1, MAP_TYPE_ARRAY: 2, MAP_TYPE_RINGBUF: 27, F_MMAPABLE: 1 << 10 } as const;

export function createRingBuffer(bytes: number): number {
  return check(
    "creating the ring buffer",
    libbpf("bpf_map_create")(BPF.MAP_TYPE_RINGBUF, "probelens_ring", 0, 0, bytes, null),
  );
}

/** Keys are u32 unless it is said. Preallocated: it takes its memory now, and an insertion fails only when it is full. */
export function createMap(
  kind: "hash" | "array",
  name: string,
  valueBytes: number,
  entries: number,
  keyBytes = 4,
): number {
  const type = kind === "hash" ? BPF.MAP_TYPE_HASH : BPF.MAP_TYPE_ARRAY;
  return check(`creating the map ${name}`, libbpf("bpf_map_create")(type, name, keyBytes, valueBytes, entries, null));
}

/** An array whose memory can be mapped (Linux 5.5). */
export function createMappableArray(name: string, valueBytes: number, entries: number): number {
  // struct bpf_map_create_opts (tools/lib/bpf/bpf.h): sz, four BTF fields, inner_map_fd, map_flags.
  const opts = new DataView(new ArrayBuffer(32));
  opts.setBigUint64(0, 32n, true);
  opts.setUint32(28, BPF.F_MMAPABLE, true);
  const bytes = new Uint8Array(opts.buffer);
  return check(
    `creating the map ${name}`,
    libbpf("bpf_map_create")(BPF.MAP_TYPE_ARRAY, name, 4, valueBytes, entries, bytes),
  );
}

export function updateMap(fd: number, index: number, value: Uint8Array): void {
  check("bpf_map_update_elem", libbpf("bpf_map_update_elem")(fd, new Uint32Array([index]), value, 0));
}

export function lookupMap(fd: number, index: number, value: Uint8Array): void {
  check("bpf_map_lookup_elem", libbpf("bpf_map_lookup_elem")(fd, new Uint32Array([index]), value));
}

export function deleteFromMap(fd: number, key: number): void {
  check("bpf_map_delete_elem", libbpf("bpf_map_delete_elem")(fd, new Uint32Array([key])));
}

/** The keys of a map with u32 keys, at most `limit`: entries that come and go meanwhile may be missed. */
export function mapKeys(fd: number, limit: number): number[] {
  const keys: number[] = [];
  let key: Uint32Array | null = null;
  while (keys.length < limit) {
    const next = new Uint32Array(1);
    if (Number(libbpf("bpf_map_get_next_key")(fd, key, next)) < 0) break;
    keys.push(next[0] ?? 0);
    key = next;
  }
  return keys;
}

/** Many entries at once (Linux 5.6): `keys` and `values` one after the other. */
export function updateMapEntries(fd: number, keys: Uint8Array, values: Uint8Array, entries: number): void {
  if (entries === 0) return;
  check("bpf_map_update_batch", libbpf("bpf_map_update_batch")(fd, keys, values, new Uint32Array([entries]), null));
}

/** `keys`: one after the other (Linux 5.6). */
export function deleteMapEntries(fd: number, keys: Uint8Array, keyBytes: number): void {
  const count = new Uint32Array([keys.length / keyBytes]);
  if ((count[0] ?? 0) > 0) check("bpf_map_delete_batch", libbpf("bpf_map_delete_batch")(fd, keys, count, null));
}

/** Entries of a hash map, in the kernel's order, at most `limit` at once (Linux 5.6). */
export function* hashMapBatches(
  fd: number,
  keyBytes: number,
  valueBytes: number,
  limit: number,
): Generator<{ readonly keys: Uint8Array; readonly values: Uint8Array; readonly count: number }> {
  const keys = new Uint8Array(keyBytes * limit);
  const values = new Uint8Array(valueBytes * limit);
  const position = new Uint32Array(1);
  for (let first = true, more = true; more; first = false) {
    const count = new Uint32Array([limit]);
    const result = Number(
      libbpf("bpf_map_lookup_batch")(fd, first ? null : position, position, keys, values, count, null),
    );
    more = result !== -constants.errno.ENOENT; // The last batch.
    if (more) check("bpf_map_lookup_batch", result);
    yield { keys, values, count: count[0] ?? 0 };
  }
}

export function possibleCpus(): number {
  return check("libbpf_num_possible_cpus", libbpf("libbpf_num_possible_cpus")());
}
