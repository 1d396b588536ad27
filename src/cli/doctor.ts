/** `probelens doctor`: what this machine can do, what is missing, and how to mend it. */
import { access, readFile } from "node:fs/promises";
import { release } from "node:os";
import { createEngine } from "../engine/engine.ts";
import { tryProbe } from "../engine/helper/trial.ts";
import { UserError } from "../protocol/errors.ts";
import { Printer } from "./print.ts";

/** bpf_ringbuf, which the kernel program needs (docs/go-facts.md: 5.8); 5.10 is the oldest kernel that it is tested on. */
const OLDEST_KERNEL = [5, 10] as const;
const OLDEST_NODE = 20;

/** A probe in the middle of an instruction changes what a program does, and the helper cannot know where one begins. */
const EQUALS_ROOT =
  "who may start the helper without a password has root's rights (it can place probes in any process)";

interface Finding {
  readonly state: "ok" | "note" | "missing";
  readonly what: string;
  readonly how?: string;
}

export async function runDoctor(): Promise<number> {
  const printer = new Printer();
  const findings = [kernel(), node(), await btf(), await lockdown(), ...(await helper())];
  for (const { state, what, how } of findings) {
    await printer.line(`${state.padEnd(8)}${what}`);
    if (how !== undefined) await printer.line(`        ${how}`);
  }
  const possible = !findings.some((finding) => finding.state === "missing");
  await printer.line(
    possible ? "\nTracing is possible here." : "\nTracing is not possible here until what is missing is mended.",
  );
  await printer.close();
  return possible ? 0 : 1;
}

function kernel(): Finding {
  const what = `kernel: Linux ${release()} on ${process.arch}`;
  if (process.platform !== "linux")
    return {
      state: "missing",
      what: `kernel: ${process.platform}`,
      how: "Run it on the Linux machine that the target runs on",
    };
  if (process.arch !== "x64") return { state: "missing", what, how: "Probes can be placed on x86-64 only" };
  if (!kernelAtLeast(...OLDEST_KERNEL))
    return { state: "missing", what, how: `Linux ${OLDEST_KERNEL.join(".")} or later is needed` };
  return { state: "ok", what };
}

function kernelAtLeast(major: number, minor: number): boolean {
  const [a = 0, b = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return a > major || (a === major && b >= minor);
}

function node(): Finding {
  const what = `node: ${process.version}`;
  const enough = Number.parseInt(process.versions.node, 10) >= OLDEST_NODE;
  return enough ? { state: "ok", what } : { state: "missing", what, how: `Node ${OLDEST_NODE} or later is needed` };
}

async function btf(): Promise<Finding> {
  const path = "/sys/kernel/btf/vmlinux";
  const readable = await access(path).then(
    () => true,
    () => false,
  );
  if (readable) return { state: "ok", what: `kernel types: ${path}` };
  return {
    state: "note",
    what: `kernel types: ${path} is missing`,
    how: "Goroutines of programs built with Go 1.16 or older cannot be told apart",
  };
}

async function lockdown(): Promise<Finding> {
  const text = await readFile("/sys/kernel/security/lockdown", "utf8").catch(() => "");
  const mode = /\[(\w+)\]/.exec(text)?.[1] ?? "none";
  if (mode !== "confidentiality") return { state: "ok", what: `kernel lockdown: ${mode}` };
  return {
    state: "missing",
    what: "kernel lockdown: confidentiality",
    how: "Boot with lockdown=integrity or none: in this mode the kernel lets nobody read a program's memory through BPF",
  };
}

/** The bounds are those of helper/load.ts. */
function perfEvents(): Finding {
  const remedy = "Linux 6.6.35 or later (with libbpf 1.3) sets them all at once";
  return kernelAtLeast(5, 15)
    ? { state: "note", what: "probes: one perf event for each, 4096 at most", how: remedy }
    : {
        state: "note",
        what: "probes: a program and a perf event for each, 256 at most",
        how: `Linux 5.15 or later (attach cookies) does with one program for all; ${remedy}`,
      };
}

function missing(what: string, { why, remedy }: UserError): Finding {
  return { state: "missing", what: `${what}: ${why}`, how: remedy };
}

async function helper(): Promise<Finding[]> {
  const root = process.getuid?.() === 0;
  const engine = createEngine();
  try {
    const link = await engine.helper(true);
    const { info } = link;
    const multi = info.link === "uprobe_multi";
    const known: Finding[] = [
      root
        ? { state: "ok", what: "privileges: root" }
        : { state: "ok", what: "privileges: sudo, without a password", how: EQUALS_ROOT },
      { state: "ok", what: `libbpf: ${info.libbpf.version} (${info.libbpf.path})` },
    ];
    // What the kernel offers is told by trying, too: without the right to it, it looks as if it were not there.
    const failure = await tryProbe(link);
    if (failure !== undefined) return [...known, missing("probes", failure)];
    return [
      ...known,
      multi ? { state: "ok", what: "probes: one uprobe_multi link for all" } : perfEvents(),
      { state: "ok", what: `events: ${info.ringReader === "view" ? "read in place" : "copied"}` },
      info.faultIn
        ? { state: "ok", what: "memory that is not resident: can be waited for (--fault-in)" }
        : {
            state: "note",
            what: "memory that is not resident: reads as unavailable",
            how: "Linux 6.0 or later (sleepable uprobe programs) can wait for it (--fault-in)",
          },
    ];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (error.code === "password-needed") {
      return [
        {
          state: "note",
          what: "privileges: sudo, with a password",
          how: `\`probelens trace\` asks for it when it is run in a terminal. Leave it so in sudoers: ${EQUALS_ROOT}`,
        },
        {
          state: "note",
          what: "libbpf and probes: not looked at without privileges",
          how: "Run `sudo -v` and then `probelens doctor` again",
        },
      ];
    }
    return [missing(error.code === "no-privileges" ? "privileges" : "helper", error)];
  } finally {
    await engine.dispose();
  }
}
