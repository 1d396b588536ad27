/** C programs of the tests, against the package's own libbpf. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Initramfs } from "./initramfs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NATIVE = join(ROOT, "dist/native");
/** The sources that dist/native's libbpf is built from: its headers know what the system's may not. */
const LIBBPF = join(ROOT, "build/libbpf/vendor/libbpf-sys/libbpf");

/** Builds test/kernels/NAME.c and puts it at /NAME, with its libraries. */
export function addNativeProgram(files: Initramfs, name: string): void {
  const folder = mkdtempSync(join(tmpdir(), "probelens-native-"));
  try {
    const program = join(folder, name);
    buildNative(join(ROOT, "test/kernels", `${name}.c`), program, "/repo/dist/native");
    files.tree("repo/dist/native", NATIVE);
    files.program(name, program);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `libraries`: where the program finds libbpf when it runs. */
export function buildNative(source: string, program: string, libraries = NATIVE): void {
  execFileSync(
    "gcc",
    ["-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source].concat(
      ["-I", join(LIBBPF, "src"), "-I", join(LIBBPF, "include/uapi"), join(NATIVE, "libbpf.so.1")],
      ["-Wl,-rpath-link", NATIVE, `-Wl,-rpath,${libraries}`],
    ),
  );
}
