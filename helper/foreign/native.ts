/**
 * The one door to foreign code: libbpf, and the few calls of the C library that Node lacks. The files beside it give them
 * names and types. Nothing here decides anything; each function takes and returns plain values and throws a
 * SystemCallError.
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

let fromLibbpf: Record<string, Foreign> = {};
let fromLibc: Record<string, Foreign> = {};

export interface Libbpf {
  readonly path: string;
  readonly version: string;
}

/**
 * Loads the package's own libbpf from `directory`, else the system's. Throws an Error whose message says what was
 * tried.
 */
export function loadLibbpf(directory: string): Libbpf {
  const c = koffi.load(null);
  fromLibc = Object.fromEntries(LIBC.map((definition) => [nameOf(definition), c.func(definition)]));
  const own = join(directory, "libbpf.so.1");
  const failures: string[] = [];
  for (const path of existsSync(own) ? [own, "libbpf.so.1"] : ["libbpf.so.1"]) {
    try {
      const library = koffi.load(path);
      fromLibbpf = Object.fromEntries(LIBBPF.map((definition) => [nameOf(definition), library.func(definition)]));
      libbpf("libbpf_set_print")(null);
      return { path, version: String(libbpf("libbpf_version_string")()).replace(/^v/, "") };
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

export function libbpf(name: string): Foreign {
  const found = fromLibbpf[name];
  if (!found) throw new Error(`libbpf is not loaded (${name})`);
  return found;
}

export function libc(name: string): Foreign {
  const found = fromLibc[name];
  if (!found) throw new Error(`libc is not loaded (${name})`);
  return found;
}

export function systemCall(
  call: string,
  number: number,
  a: number,
  b: Uint8Array | bigint | null,
  rest: number,
): number {
  const result = Number(libc("syscall")(number, a, b, rest));
  if (result < 0) throw lastError(call);
  return result;
}

/** Of the C library's last call. */
export function lastError(call: string): SystemCallError {
  return new SystemCallError(call, koffi.errno());
}

/** libbpf 1.0 and later returns negative error numbers. */
export function check(call: string, result: unknown): number {
  const number = Number(result);
  if (number < 0) throw new SystemCallError(call, -number);
  return number;
}

export function pointer(call: string, result: unknown): Pointer {
  if (!result) throw lastError(call);
  return result as Pointer;
}

/** Where C finds what JavaScript owns, for structures with pointers in them. */
export function addressOf(memory: Uint8Array | BigUint64Array): bigint {
  return koffi.address(memory);
}

/** An ArrayBuffer over foreign memory. Throws where the runtime forbids that (Electron). */
export function viewMemory(address: Pointer, bytes: number): ArrayBuffer {
  return koffi.view(address, bytes);
}

export function copyMemory(to: ArrayBufferView | Pointer, from: ArrayBufferView | Pointer, bytes: number): void {
  libc("memcpy")(to, from, bytes);
}

function nameOf(definition: string): string {
  return /(\w+)\(/.exec(definition)?.[1] ?? "";
}

function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return errno === 524 ? "ENOTSUPP" : `error ${errno}`;
}
