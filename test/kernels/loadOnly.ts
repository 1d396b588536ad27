/** Does a kernel's verifier take the probe programs? A boot with nothing in it but a loader: a few seconds. */
import { readFileSync } from "node:fs";
import { debianKernel, type KernelName } from "./debianKernel.ts";
import { Initramfs } from "./initramfs.ts";
import { boot } from "./machine.ts";
import { addNativeProgram } from "./nativeProgram.ts";

const LIMIT_MS = 600_000;

/** Linux 5.15 has attach cookies; before it the verifier refuses the helper that asks for one. */
const WITHOUT_COOKIES = /^5\.(\d|1[0-4])$/;

/** Any offsets will do. */
const BELOW_A_PID_NAMESPACE = ["pidns_ino=1", "task_pid=8", "task_leader=8", "pid_numbers=8", "pidns_inum=8"];

/**
 * What struct pl_config's constants switch on and off: cookies by kernel, g in a register (from Go 1.17) or not, pids of
 * namespaces below the helper's.
 */
export function usualConfigs(kernel: string): readonly string[][] {
  const cookies = `cookies=${WITHOUT_COOKIES.test(kernel) ? 0 : 1}`;
  return [
    [cookies, "g_in_register=1"],
    [cookies, "g_in_register=0", "fsbase_offset=4096"],
    [cookies, "g_in_register=1", ...BELOW_A_PID_NAMESPACE],
  ];
}

export interface LoadOptions {
  /** Path of the BPF object. */
  readonly object: string;
  /** Values of `config`, `field=number`; without any, the usual combinations one after the other. */
  readonly config: readonly string[];
  /** Lines of a refused program's log. */
  readonly logLines: number;
}

export interface LoadResult {
  /** What the verifier said. */
  readonly text: string;
  /** Programs, counted once for each config. */
  readonly loaded: number;
  readonly refused: number;
}

export async function loadOnly(kernel: KernelName, options: LoadOptions): Promise<LoadResult> {
  const configs = options.config.length > 0 ? [options.config] : usualConfigs(kernel);
  const files = new Initramfs();
  addNativeProgram(files, "load");
  files.file("probes.o", readFileSync(options.object));
  const script = [
    `echo "Linux $(uname -r)"`,
    ...configs.flatMap((fields) => [
      `echo; echo "config ${fields.join(" ")}"`,
      `LOG_LINES=${options.logLines} /load /probes.o ${fields.join(" ")} 2>&1`,
    ]),
  ].join("\n");
  const text = await boot(debianKernel(kernel), files, script, LIMIT_MS);
  const count = (word: RegExp): number => text.match(word)?.length ?? 0;
  return { text, loaded: count(/^loaded /gm), refused: count(/^REFUSED /gm) };
}
