/** One boot of a kernel in QEMU: the files go in as an initramfs, the results come out over a serial line. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Initramfs } from "./initramfs.ts";

export const QEMU = "qemu-system-x86_64";
/** Node and a Go program or two; the archive and the tree unpacked from it are both in memory for a moment. */
const MEMORY_MB = 1536;
/** What the console's last lines may take in an error message. */
const CONSOLE_TAIL = 4000;

export class BootFailure extends Error {}

/** What is missing on this machine for booting kernels; undefined when nothing is. */
export function missingTool(): string | undefined {
  return [QEMU, "busybox"].find((tool) => {
    try {
      execFileSync(tool, [tool === QEMU ? "--version" : "--help"], { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
}

/**
 * Boots `image`, runs `script` (busybox sh) as root with /proc, /sys and /dev mounted, and resolves with what it wrote
 * to /dev/ttyS1 once it has ended. Rejects with a BootFailure, which has the console's end, when the script does not
 * end within `limitMs` or the kernel dies.
 */
export async function boot(image: string, files: Initramfs, script: string, limitMs: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "probelens-kernel-"));
  try {
    files.console();
    files.program("bin/busybox", execFileSync("which", ["busybox"], { encoding: "utf8" }).trim());
    for (const name of ["sys", "proc", "tmp"]) files.folder(name);
    files.file("init", Buffer.from(INIT));
    files.file("script", Buffer.from(script));
    const [initrd, results] = [join(folder, "initrd"), join(folder, "results")];
    writeFileSync(initrd, files.archive());
    const machine = spawn(
      QEMU,
      // Software emulation works everywhere; `-cpu max` has what Go's newest GOAMD64 levels ask for. Both CPUs in one
      // thread, in turn: with one thread each, QEMU 7.2 now and then lets a Node that compiles code die of SIGSEGV (in
      // any of the kernels, with nothing probed), while hits are preempted and move between CPUs as before.
      [
        "-accel",
        "tcg,thread=single",
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        String(MEMORY_MB),
        "-display",
        "none",
        "-no-reboot",
      ].concat(
        ["-nodefaults", "-serial", "stdio", "-serial", `file:${results}`, "-kernel", image, "-initrd", initrd],
        ["-append", "console=ttyS0 quiet panic=-1"],
      ),
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    let console = "";
    for (const stream of [machine.stdout, machine.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (console = (console + text).slice(-CONSOLE_TAIL)));
    const alarm = setTimeout(() => machine.kill("SIGKILL"), limitMs);
    await once(machine, "close");
    clearTimeout(alarm);
    const output = readFileSync(results, "utf8").replaceAll("\r\n", "\n");
    const end = output.indexOf(END);
    if (end === -1)
      throw new BootFailure(
        `${machine.signalCode === "SIGKILL" ? `did not end within ${limitMs / 1000} s` : "ended early"}; ` +
          `results so far:\n${output.slice(-CONSOLE_TAIL)}\nconsole:\n${console}`,
      );
    return output.slice(0, end);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const END = "\n=== end ===\n";
/** Stands for /bin/sh too: the script's output is the results, everything else goes to the console. */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t securityfs security /sys/kernel/security 2>/dev/null
mount -t debugfs debug /sys/kernel/debug 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
ip link set lo up
stty -F /dev/ttyS1 raw -echo
sh /script >/dev/ttyS1
printf '\\n=== end ===\\n' >/dev/ttyS1
poweroff -f
`;
