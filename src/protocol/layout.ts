/**
 * What a session is set up with: bounds, and byte layouts shared with bpf/probelens.h (test/unit/protocol/layouts.test.ts compares
 * the two sides). Little-endian; offsets and sizes in bytes.
 */

/** Probes of one attach request at the most: sizes the kernel maps (16 MiB of plans at the limit). */
export const MAX_PROBES = 32768;

/** struct pl_config */
export const CONFIG = {
  size: 104,
  baseNs: 0,
  pidnsDev: 8,
  pidnsIno: 16,
  tgid: 24,
  cookies: 28,
  gInRegister: 32,
  tlsOffset: 36,
  fsbaseOffset: 40,
  goidOffset: 44,
  stackHiOffset: 48,
  session: 52,
  maxNested: 56,
  labelsOffset: 60,
  /** Stays 0 (OWN_STACK). */
  never: 64,
  faultIn: 68,
  probes: 72,
  ringBits: 76,
  ringNumber: 78,
  taskPid: 80,
  taskLeader: 84,
  pidLevel: 88,
  pidNumbers: 92,
  pidnsInum: 96,
} as const;

/** struct pl_unread */
export const UNREAD = { size: 16, callNs: 0, returnNs: 8 } as const;

/** struct pl_call_stack: key of the table of innermost calls */
export const CALL_STACK = { size: 16, goroutine: 0, tgid: 8, session: 12 } as const;

/** struct pl_open_call: value of both tables of open calls */
export const OPEN_CALL = {
  size: 72,
  callId: 0,
  timeNs: 8,
  depth: 16,
  outer: 24,
  entry: 32,
  index: 36,
  session: 40,
  nested: 44,
  parked: 48,
  dictionary: 56,
  returnAddress: 64,
} as const;
/** Places in the map `unwinders`: programs of the same name, and on kernels with bpf_loop others in their stead. */
export const UNWINDERS = ["goexit", "resume"] as const;

/** struct pl_scratch: where a deep event is built, one per thread. */
export const SCRATCH = { size: 37248, sequence: 0 } as const;
/**
 * Threads that can send deep events: their memories take 16 MiB at the most, which call ids rely on (deep_call_id). A Go
 * program has a thread for each CPU and for each blocking system call that is under way.
 */
export const SCRATCH_THREADS = 448;

/**
 * Threads between a hit and the signal that it asked for, twice where a hit is call and return at once: those that run,
 * and those that block SIGURG. What finds no room shows no float registers.
 */
export const MAX_FLOAT_WAITS = 4096;

/** Places in the map `stages`: programs that others go on to. */
export const STAGE = { walk: 0, callCondition: 1, returnCondition: 2, frame: 3 } as const;
