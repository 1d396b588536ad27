/**
 * Every foreign function of Probelens: libbpf for programs, maps and links, and the few libc calls that Node lacks.
 * Nothing here decides anything; each function takes and returns plain values and throws a SystemCallError.
 */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import koffi from "koffi";

/** Address of something that C owns. */
export type Pointer = bigint;
type Foreign = ReturnType<ReturnType<typeof koffi.load>["func"]>;

export class SystemCallError extends Error {
  readonly call: string;
  /** A positive error number. */
  readonly errno: number;
  /** Its name, such as `EPERM`. */
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errnoName(errno);
    super(`${call} failed: ${code}`);
    this.name = "SystemCallError";
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/** include/uapi/linux/bpf.h */
const BPF = {
  MAP_TYPE_HASH: 1,
  MAP_TYPE_ARRAY: 2,
  MAP_TYPE_RINGBUF: 27,
  LINK_CREATE: 28,
  PROG_TYPE_KPROBE: 2,
  TRACE_UPROBE_MULTI: 48,
  FUNC_COPY_FROM_USER: 148,
  F_SLEEPABLE: 1 << 4,
  F_MMAPABLE: 1 << 10,
} as const;
/** arch/x86/entry/syscalls/syscall_64.tbl */
const SYS = { bpf: 321, pidfd_open: 434, pidfd_getfd: 438 } as const;
const PROT = { READ: 1, WRITE: 2 } as const;
const MAP_SHARED = 1;
const BTF_KIND_STRUCT = 4;
/** Last lines of the verifier's log are what explains a refusal; the log of one program fits. */
const VERIFIER_LOG_BYTES = 1 << 20;

export interface Libbpf {
  readonly path: string;
  readonly version: string;
}

let bpf: Record<string, Foreign> = {};
let libc: Record<string, Foreign> = {};

/**
 * Loads the package's own libbpf from `directory`, else the system's. Throws an Error whose message says what was
 * tried.
 */
export function loadLibbpf(directory: string): Libbpf {
  const c = koffi.load(null);
  libc = Object.fromEntries(LIBC.map((definition) => [nameOf(definition), c.func(definition)]));
  const own = join(directory, "libbpf.so.1");
  const failures: string[] = [];
  for (const path of existsSync(own) ? [own, "libbpf.so.1"] : ["libbpf.so.1"]) {
    try {
      const library = koffi.load(path);
      bpf = Object.fromEntries(LIBBPF.map((definition) => [nameOf(definition), library.func(definition)]));
      fn("libbpf_set_print")(null);
      return { path, version: String(fn("libbpf_version_string")()).replace(/^v/, "") };
    } catch (error) {
      failures.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(failures.join("; "));
}

const LIBBPF = [
  "const char *libbpf_version_string()",
  "void *libbpf_set_print(void *fn)",
  "int libbpf_num_possible_cpus()",
  "void *bpf_object__open_mem(void *buf, size_t size, void *opts)",
  "int bpf_object__load(void *obj)",
  "void bpf_object__close(void *obj)",
  "void *bpf_object__find_map_by_name(void *obj, const char *name)",
  "void *bpf_object__find_program_by_name(void *obj, const char *name)",
  "int bpf_map__fd(void *map)",
  "int bpf_map__reuse_fd(void *map, int fd)",
  "int bpf_map__set_max_entries(void *map, uint32_t max)",
  "int bpf_map__set_autocreate(void *map, bool autocreate)",
  "int bpf_map__set_initial_value(void *map, void *data, size_t size)",
  "int bpf_program__fd(void *prog)",
  "int bpf_program__set_autoload(void *prog, bool autoload)",
  "int bpf_program__set_expected_attach_type(void *prog, int type)",
  "int bpf_program__set_flags(void *prog, uint32_t flags)",
  "int bpf_program__set_log_buf(void *prog, void *buf, size_t size)",
  "void *bpf_program__insns(void *prog)",
  "size_t bpf_program__insn_cnt(void *prog)",
  "int bpf_prog_load(int type, const char *name, const char *license, void *insns, size_t count, void *opts)",
  "int bpf_map_create(int type, const char *name, uint32_t key, uint32_t value, uint32_t max, void *opts)",
  "int bpf_map_update_elem(int fd, void *key, void *value, uint64_t flags)",
  "int bpf_map_lookup_elem(int fd, void *key, void *value)",
  "int bpf_map_update_batch(int fd, void *keys, void *values, uint32_t *count, void *opts)",
  "int bpf_map_delete_elem(int fd, void *key)",
  "int bpf_map_get_next_key(int fd, void *key, void *next)",
  "int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, void *count, void *opts)",
  "int bpf_map_delete_batch(int fd, void *keys, void *count, void *opts)",
  "void *btf__load_vmlinux_btf()",
  "int btf__find_by_name_kind(void *btf, const char *name, uint32_t kind)",
  "void *btf__type_by_id(void *btf, uint32_t id)",
  "const char *btf__name_by_offset(void *btf, uint32_t offset)",
  "void btf__free(void *btf)",
];
const LIBC = [
  "void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)",
  "int munmap(void *addr, size_t length)",
  "void *memcpy(void *dst, void *src, size_t n)",
  "int close(int fd)",
  "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
  "int capset(void *header, void *data)",
  "int capget(void *header, void *data)",
  "int setrlimit(int resource, void *limit)",
  "long syscall(long number, long a, void *b, long c)",
];

// Objects, programs and maps.

export function openObject(bytes: Uint8Array): Pointer {
  return pointer("bpf_object__open_mem", fn("bpf_object__open_mem")(bytes, bytes.length, null));
}

/** Loads maps and programs; `programs` are those whose verifier logs are wanted should the kernel refuse. */
export function loadObject(object: Pointer, programs: readonly Pointer[]): void {
  const logs = programs.map((program) => {
    const log = new Uint8Array(VERIFIER_LOG_BYTES);
    fn("bpf_program__set_log_buf")(program, log, log.length);
    return log;
  });
  const result = Number(fn("bpf_object__load")(object));
  if (result < 0)
    throw new VerifierError(
      -result,
      logs.map(cString).filter((log) => log !== ""),
    );
}

/** The kernel refused to load the programs; `log` ends with its reason. */
export class VerifierError extends SystemCallError {
  readonly log: string;
  constructor(errno: number, logs: readonly string[]) {
    super("loading the probe programs", errno);
    this.log = logs.at(-1)?.trim() ?? "";
  }
}

export function closeObject(object: Pointer): void {
  fn("bpf_object__close")(object);
}

export function findMap(object: Pointer, name: string): Pointer {
  return pointer(`map ${name}`, fn("bpf_object__find_map_by_name")(object, name));
}

export function mapFd(map: Pointer): number {
  return check("bpf_map__fd", fn("bpf_map__fd")(map));
}

export function setMaxEntries(map: Pointer, entries: number): void {
  check("bpf_map__set_max_entries", fn("bpf_map__set_max_entries")(map, entries));
}

export function setInitialValue(map: Pointer, bytes: Uint8Array): void {
  check("bpf_map__set_initial_value", fn("bpf_map__set_initial_value")(map, bytes, bytes.length));
}

export function reuseMap(map: Pointer, fd: number): void {
  check("bpf_map__reuse_fd", fn("bpf_map__reuse_fd")(map, fd));
}

export function createRingBuffer(bytes: number): number {
  return check(
    "creating the ring buffer",
    fn("bpf_map_create")(BPF.MAP_TYPE_RINGBUF, "probelens_ring", 0, 0, bytes, null),
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
  return check(`creating the map ${name}`, fn("bpf_map_create")(type, name, keyBytes, valueBytes, entries, null));
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
    fn("bpf_map_create")(BPF.MAP_TYPE_ARRAY, name, 4, valueBytes, entries, bytes),
  );
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
    const result = Number(fn("bpf_map_lookup_batch")(fd, first ? null : position, position, keys, values, count, null));
    more = result !== -constants.errno.ENOENT; // The last batch.
    if (more) check("bpf_map_lookup_batch", result);
    yield { keys, values, count: count[0] ?? 0 };
  }
}

/** `keys`: one after the other (Linux 5.6). */
export function deleteMapEntries(fd: number, keys: Uint8Array, keyBytes: number): void {
  const count = new Uint32Array([keys.length / keyBytes]);
  if ((count[0] ?? 0) > 0) check("bpf_map_delete_batch", fn("bpf_map_delete_batch")(fd, keys, count, null));
}

/** A map that no loaded program uses need not exist. */
export function setAutocreate(map: Pointer, autocreate: boolean): void {
  check("bpf_map__set_autocreate", fn("bpf_map__set_autocreate")(map, autocreate));
}

/** Many entries at once (Linux 5.6): `keys` and `values` one after the other. */
export function updateMapEntries(fd: number, keys: Uint8Array, values: Uint8Array, entries: number): void {
  if (entries === 0) return;
  check("bpf_map_update_batch", fn("bpf_map_update_batch")(fd, keys, values, new Uint32Array([entries]), null));
}

export function deleteFromMap(fd: number, key: number): void {
  check("bpf_map_delete_elem", fn("bpf_map_delete_elem")(fd, new Uint32Array([key])));
}

/** The keys of a map with u32 keys, at most `limit`: entries that come and go meanwhile may be missed. */
export function mapKeys(fd: number, limit: number): number[] {
  const keys: number[] = [];
  let key: Uint32Array | null = null;
  while (keys.length < limit) {
    const next = new Uint32Array(1);
    if (Number(fn("bpf_map_get_next_key")(fd, key, next)) < 0) break;
    keys.push(next[0] ?? 0);
    key = next;
  }
  return keys;
}

export function updateMap(fd: number, index: number, value: Uint8Array): void {
  check("bpf_map_update_elem", fn("bpf_map_update_elem")(fd, new Uint32Array([index]), value, 0));
}

export function lookupMap(fd: number, index: number, value: Uint8Array): void {
  check("bpf_map_lookup_elem", fn("bpf_map_lookup_elem")(fd, new Uint32Array([index]), value));
}

export function possibleCpus(): number {
  return check("libbpf_num_possible_cpus", fn("libbpf_num_possible_cpus")());
}

export function findProgram(object: Pointer, name: string): Pointer {
  return pointer(`program ${name}`, fn("bpf_object__find_program_by_name")(object, name));
}

export function setAutoload(program: Pointer, autoload: boolean): void {
  check("bpf_program__set_autoload", fn("bpf_program__set_autoload")(program, autoload));
}

export function useUprobeMulti(program: Pointer): void {
  check(
    "bpf_program__set_expected_attach_type",
    fn("bpf_program__set_expected_attach_type")(program, BPF.TRACE_UPROBE_MULTI),
  );
}

/** Its reads may wait for memory; asks for Linux 6.0. */
export function letSleep(program: Pointer): void {
  check("bpf_program__set_flags", fn("bpf_program__set_flags")(program, BPF.F_SLEEPABLE));
}

export function programFd(program: Pointer): number {
  return check("bpf_program__fd", fn("bpf_program__fd")(program));
}

/** The instructions of a loaded program, map references resolved: a copy. */
export function programInstructions(program: Pointer): Uint8Array {
  const count = Number(fn("bpf_program__insn_cnt")(program));
  const copy = new Uint8Array(count * 8);
  copyMemory(copy, pointer("bpf_program__insns", fn("bpf_program__insns")(program)), copy.length);
  return copy;
}

/** Loads a kprobe-type program for a perf event. */
export function loadProgram(instructions: Uint8Array, license: string): number {
  const count = instructions.length / 8;
  return check(
    "bpf_prog_load",
    fn("bpf_prog_load")(BPF.PROG_TYPE_KPROBE, "probelens", license, instructions, count, null),
  );
}

// Links.

/** Asks for a uprobe_multi link on "/", which no kernel makes: for feature probes. The system call itself: libbpf has it from 1.3. */
export function tryMultiLink(program: number, pid: number): number {
  // union bpf_attr, link_create.uprobe_multi (include/uapi/linux/bpf.h).
  const attr = new DataView(new ArrayBuffer(64));
  const [path, zero] = [new TextEncoder().encode("/\0"), new BigUint64Array(1)];
  attr.setUint32(0, program, true);
  attr.setUint32(8, BPF.TRACE_UPROBE_MULTI, true);
  attr.setBigUint64(16, koffi.address(path), true);
  attr.setBigUint64(24, koffi.address(zero), true); // offsets
  attr.setBigUint64(40, koffi.address(zero), true); // cookies
  attr.setUint32(48, 1, true); // count
  attr.setInt32(56, pid, true);
  return systemCall("bpf_link_create (uprobe_multi)", SYS.bpf, BPF.LINK_CREATE, new Uint8Array(attr.buffer), 64);
}

/** For perf events: a program that does nothing. */
export function loadTrivialProgram(): number {
  return loadTestProgram(RETURN_0, {});
}

/** For uprobe_multi links: for feature probes. */
export function loadTrivialMultiProgram(): number {
  return loadTestProgram(RETURN_0, { attachType: BPF.TRACE_UPROBE_MULTI });
}

/** For feature probes: a sleepable program that copies a word by bpf_copy_from_user. */
export function loadCopyingProgram(): number {
  const instructions = [
    [0xbf, 0xa1, 0, 0, 0, 0, 0, 0], // r1 = r10
    [0x07, 0x01, 0, 0, 0xf8, 0xff, 0xff, 0xff], // r1 += -8
    [0xb7, 0x02, 0, 0, 8, 0, 0, 0], // r2 = 8
    [0xb7, 0x03, 0, 0, 0, 0, 0, 0], // r3 = 0
    [0x85, 0, 0, 0, BPF.FUNC_COPY_FROM_USER, 0, 0, 0],
  ];
  return loadTestProgram([...instructions, ...RETURN_0], { flags: BPF.F_SLEEPABLE });
}

/** mov r0, 0; exit */
const RETURN_0 = [
  [0xb7, 0, 0, 0, 0, 0, 0, 0],
  [0x95, 0, 0, 0, 0, 0, 0, 0],
];

function loadTestProgram(
  instructions: readonly (readonly number[])[],
  { attachType = 0, flags = 0 }: { attachType?: number; flags?: number },
): number {
  const opts = new DataView(new ArrayBuffer(24)); // sz, attempts, expected_attach_type, prog_btf_fd, prog_flags
  opts.setBigUint64(0, 24n, true);
  opts.setInt32(12, attachType, true);
  opts.setUint32(20, flags, true);
  const code = new Uint8Array(instructions.flat());
  return check(
    "bpf_prog_load",
    fn("bpf_prog_load")(
      BPF.PROG_TYPE_KPROBE,
      "probelens_test",
      "GPL",
      code,
      instructions.length,
      new Uint8Array(opts.buffer),
    ),
  );
}

/** Another descriptor of the open file that is descriptor `fd` of process `pid` (Linux 5.6; asks for ptrace rights). */
export function takeDescriptor(pid: number, fd: number): number {
  const process = systemCall("pidfd_open", SYS.pidfd_open, pid, null, 0);
  try {
    return systemCall("pidfd_getfd", SYS.pidfd_getfd, process, BigInt(fd), 0);
  } finally {
    closeFd(process);
  }
}

export function closeFd(fd: number): void {
  c("close")(fd);
}

// Kernel type information.

/** Byte offset of `path` in a kernel structure by the kernel's own BTF; undefined where there is none. */
export function kernelFieldOffset(structure: string, path: readonly string[]): number | undefined {
  const btf = fn("btf__load_vmlinux_btf")() as Pointer | null;
  if (!btf) return undefined;
  try {
    let id = Number(fn("btf__find_by_name_kind")(btf, structure, BTF_KIND_STRUCT));
    let bits = 0;
    for (const name of path) {
      if (id <= 0) return undefined;
      const member = findMember(btf, id, name);
      if (!member) return undefined;
      id = member.type;
      bits += member.bits;
    }
    return bits / 8;
  } finally {
    fn("btf__free")(btf);
  }
}

/** struct btf_type {name_off, info, size} and struct btf_member {name_off, type, offset}: include/uapi/linux/btf.h. */
function findMember(btf: Pointer, id: number, name: string): { type: number; bits: number } | undefined {
  const type = fn("btf__type_by_id")(btf, id) as Pointer | null;
  if (!type) return undefined;
  const head = new Uint32Array(3);
  copyMemory(head, type, 12);
  const info = head[1] ?? 0;
  if (((info >>> 24) & 0x1f) !== BTF_KIND_STRUCT) return undefined;
  const hasBitfields = info >>> 31 === 1; // Then the upper 8 bits of the offset are the bit-field size.
  const count = info & 0xffff;
  const members = new Uint32Array(count * 3);
  copyMemory(members, type + 12n, count * 12);
  for (let index = 0; index < count; index++) {
    if (fn("btf__name_by_offset")(btf, members[index * 3]) !== name) continue;
    const offset = members[index * 3 + 2] ?? 0;
    return { type: members[index * 3 + 1] ?? 0, bits: hasBitfields ? offset & 0xffffff : offset };
  }
  return undefined;
}

// Memory.

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
  c("munmap")(address, bytes);
}

function mmap(length: number, protection: number, fd: number, offset: number): Pointer {
  const address = c("mmap")(null, length, protection, MAP_SHARED, fd, offset) as Pointer;
  if (address === 0xffffffffffffffffn || !address) throw new SystemCallError("mmap of a map", koffi.errno());
  return address;
}

/** An ArrayBuffer over foreign memory. Throws where the runtime forbids that (Electron). */
export function viewMemory(address: Pointer, bytes: number): ArrayBuffer {
  return koffi.view(address, bytes);
}

export function copyMemory(to: ArrayBufferView | Pointer, from: ArrayBufferView | Pointer, bytes: number): void {
  c("memcpy")(to, from, bytes);
}

// Privileges.

/** include/uapi/linux/prctl.h */
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const CAPABILITY_VERSION_3 = 0x20080522;

/** Permitted capabilities of this thread, as a bit set. */
export function permittedCapabilities(): bigint {
  const data = new Uint32Array(6); // two of {effective, permitted, inheritable}
  if (Number(c("capget")(new Uint32Array([CAPABILITY_VERSION_3, 0]), data)) < 0)
    throw new SystemCallError("capget", koffi.errno());
  return BigInt(data[1] ?? 0) | (BigInt(data[4] ?? 0) << 32n);
}

/** Also the set that a program started from here keeps, whoever its user is (inheritable and ambient). */
export function setCapabilities(set: bigint): void {
  const low = Number(set & 0xffffffffn);
  const high = Number(set >> 32n);
  const data = new Uint32Array([low, low, low, high, high, high]);
  if (Number(c("capset")(new Uint32Array([CAPABILITY_VERSION_3, 0]), data)) < 0)
    throw new SystemCallError("capset", koffi.errno());
  for (let capability = 0; set >> BigInt(capability) !== 0n; capability++)
    if (((set >> BigInt(capability)) & 1n) === 1n) c("prctl")(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

export function setNoNewPrivileges(): void {
  const PR_SET_NO_NEW_PRIVS = 38;
  if (Number(c("prctl")(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0) throw new SystemCallError("prctl", koffi.errno());
}

export function setLimit(resource: "memlock" | "nofile", value: bigint): void {
  const number = resource === "memlock" ? 8 : 7; // asm-generic/resource.h
  if (Number(c("setrlimit")(number, new BigUint64Array([value, value]))) < 0)
    throw new SystemCallError("setrlimit", koffi.errno());
}

function fn(name: string): Foreign {
  const found = bpf[name];
  if (!found) throw new Error(`libbpf is not loaded (${name})`);
  return found;
}

function c(name: string): Foreign {
  const found = libc[name];
  if (!found) throw new Error(`libc is not loaded (${name})`);
  return found;
}

function systemCall(call: string, number: number, a: number, b: Uint8Array | bigint | null, rest: number): number {
  const result = Number(c("syscall")(number, a, b, rest));
  if (result < 0) throw new SystemCallError(call, koffi.errno());
  return result;
}

/** libbpf 1.0 and later returns negative error numbers. */
function check(call: string, result: unknown): number {
  const number = Number(result);
  if (number < 0) throw new SystemCallError(call, -number);
  return number;
}

function pointer(call: string, result: unknown): Pointer {
  if (!result) throw new SystemCallError(call, koffi.errno());
  return result as Pointer;
}

function nameOf(definition: string): string {
  return /(\w+)\(/.exec(definition)?.[1] ?? "";
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end === -1 ? bytes.length : end));
}

function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return errno === 524 ? "ENOTSUPP" : `error ${errno}`;
}
