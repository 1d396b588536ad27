/** Small programs and a link by which it is found out what the kernel can do. */
import { addressOf, check, libbpf, systemCall } from "./native.ts";

/** include/uapi/linux/bpf.h */
const BPF = {
  LINK_CREATE: 28,
  PROG_TYPE_KPROBE: 2,
  TRACE_UPROBE_MULTI: 48,
  FUNC_COPY_FROM_USER: 148,
  F_SLEEPABLE: 1 << 4,
} as const;
/** arch/x86/entry/syscalls/syscall_64.tbl */
const SYS_BPF = 321;

/** Asks for a uprobe_multi link on "/", which no kernel makes: for feature probes. The system call itself: libbpf has it from 1.3. */
export function tryMultiLink(program: number, pid: number): number {
  // union bpf_attr, link_create.uprobe_multi (include/uapi/linux/bpf.h).
  const attr = new DataView(new ArrayBuffer(64));
  const [path, zero] = [new TextEncoder().encode("/\0"), new BigUint64Array(1)];
  attr.setUint32(0, program, true);
  attr.setUint32(8, BPF.TRACE_UPROBE_MULTI, true);
  attr.setBigUint64(16, addressOf(path), true);
  attr.setBigUint64(24, addressOf(zero), true); // offsets
  attr.setBigUint64(40, addressOf(zero), true); // cookies
  attr.setUint32(48, 1, true); // count
  attr.setInt32(56, pid, true);
  return systemCall("bpf_link_create (uprobe_multi)", SYS_BPF, BPF.LINK_CREATE, new Uint8Array(attr.buffer), 64);
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
    libbpf("bpf_prog_load")(
      BPF.PROG_TYPE_KPROBE,
      "probelens_test",
      "GPL",
      code,
      instructions.length,
      new Uint8Array(opts.buffer),
    ),
  );
}
