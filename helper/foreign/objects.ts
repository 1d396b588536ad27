/** A file of kernel programs, opened and loaded by libbpf: its maps before they are made, its programs. */
import { check, copyMemory, libbpf, type Pointer, pointer, SystemCallError } from "./native.ts";

/** include/uapi/linux/bpf.h */
const BPF = { PROG_TYPE_KPROBE: 2, TRACE_UPROBE_MULTI: 48, F_SLEEPABLE: 1 << 4 } as const;
/** Last lines of the verifier's log are what explains a refusal; the log of one program fits. */
const VERIFIER_LOG_BYTES = 1 << 20;

export function openObject(bytes: Uint8Array): Pointer {
  return pointer("bpf_object__open_mem", libbpf("bpf_object__open_mem")(bytes, bytes.length, null));
}

/** Loads maps and programs; `programs` are those whose verifier logs are wanted should the kernel refuse. */
export function loadObject(object: Pointer, programs: readonly Pointer[]): void {
  const logs = programs.map((program) => {
    const log = new Uint8Array(VERIFIER_LOG_BYTES);
    libbpf("bpf_program__set_log_buf")(program, log, log.length);
    return log;
  });
  const result = Number(libbpf("bpf_object__load")(object));
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
  libbpf("bpf_object__close")(object);
}

export function findMap(object: Pointer, name: string): Pointer {
  return pointer(`map ${name}`, libbpf("bpf_object__find_map_by_name")(object, name));
}

export function mapFd(map: Pointer): number {
  return check("bpf_map__fd", libbpf("bpf_map__fd")(map));
}

export function setMaxEntries(map: Pointer, entries: number): void {
  check("bpf_map__set_max_entries", libbpf("bpf_map__set_max_entries")(map, entries));
}

export function setInitialValue(map: Pointer, bytes: Uint8Array): void {
  check("bpf_map__set_initial_value", libbpf("bpf_map__set_initial_value")(map, bytes, bytes.length));
}

export function reuseMap(map: Pointer, fd: number): void {
  check("bpf_map__reuse_fd", libbpf("bpf_map__reuse_fd")(map, fd));
}

/** A map that no loaded program uses need not exist. */
export function setAutocreate(map: Pointer, autocreate: boolean): void {
  check("bpf_map__set_autocreate", libbpf("bpf_map__set_autocreate")(map, autocreate));
}

export function findProgram(object: Pointer, name: string): Pointer {
  return pointer(`program ${name}`, libbpf("bpf_object__find_program_by_name")(object, name));
}

export function setAutoload(program: Pointer, autoload: boolean): void {
  check("bpf_program__set_autoload", libbpf("bpf_program__set_autoload")(program, autoload));
}

export function useUprobeMulti(program: Pointer): void {
  check(
    "bpf_program__set_expected_attach_type",
    libbpf("bpf_program__set_expected_attach_type")(program, BPF.TRACE_UPROBE_MULTI),
  );
}

/** Its reads may wait for memory; asks for Linux 6.0. */
export function letSleep(program: Pointer): void {
  check("bpf_program__set_flags", libbpf("bpf_program__set_flags")(program, BPF.F_SLEEPABLE));
}

export function programFd(program: Pointer): number {
  return check("bpf_program__fd", libbpf("bpf_program__fd")(program));
}

/** The instructions of a loaded program, map references resolved: a copy. */
export function programInstructions(program: Pointer): Uint8Array {
  const count = Number(libbpf("bpf_program__insn_cnt")(program));
  const copy = new Uint8Array(count * 8);
  copyMemory(copy, pointer("bpf_program__insns", libbpf("bpf_program__insns")(program)), copy.length);
  return copy;
}

/** Loads a kprobe-type program for a perf event. */
export function loadProgram(instructions: Uint8Array, license: string): number {
  const count = instructions.length / 8;
  return check(
    "bpf_prog_load",
    libbpf("bpf_prog_load")(BPF.PROG_TYPE_KPROBE, "probelens", license, instructions, count, null),
  );
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end === -1 ? bytes.length : end));
}
