/** What a binary's build information tells about build tags, for `buildConstraints.ts`. */
import type { BuildInfo } from "../../gobinary/api.ts";
import type { Included, TagState } from "./buildConstraints.ts";

/** GOOS values for which `unix` holds (internal/syslist, since Go 1.19). */
const UNIX = new Set("aix android darwin dragonfly freebsd hurd illumos ios linux netbsd openbsd solaris".split(" "));
const OTHER_OS = new Set("js nacl plan9 wasip1 windows zos".split(" "));
const ARCHITECTURES = new Set(
  "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split(
    " ",
  ),
);
/** Tags that no ordinary build sets. */
const NEVER = new Set(["ignore", "gccgo", "compiler_bootstrap", "appengine", "gotip", "tinygo", "js", "wasm"]);

/**
 * `experiments`: GOEXPERIMENT flags that are on, in lower case; undefined where they are not known.
 */
export function buildTags(info: BuildInfo, experiments: ReadonlySet<string> | undefined): TagState {
  const { settings } = info;
  const minor = minorVersion(info.goVersion);
  const os = settings["GOOS"] ?? "linux";
  const arch = settings["GOARCH"] ?? "amd64";
  // Settings are in build information since Go 1.18; a build without them may have had any -tags.
  const hasSettings = settings["-compiler"] !== undefined || settings["GOARCH"] !== undefined;
  const custom = new Set((settings["-tags"] ?? "").split(/[ ,]+/).filter((tag) => tag !== ""));
  const flag = (name: string): Included => {
    if (!hasSettings) return "unknown";
    return settings[name] === "true" ? "yes" : "no";
  };
  return (tag) => {
    if (custom.has(tag)) return "yes";
    if (tag === os || tag === arch || tag === "gc") return "yes";
    if (tag === "unix") return UNIX.has(os) && minor >= 19 ? "yes" : "no";
    if (tag === "linux" && os === "android") return "yes";
    if (UNIX.has(tag) || OTHER_OS.has(tag) || ARCHITECTURES.has(tag) || NEVER.has(tag)) return "no";
    const release = /^go1\.(\d+)$/.exec(tag);
    if (release !== null) return Number(release[1]) <= minor ? "yes" : "no";
    if (tag === "cgo") {
      const cgo = settings["CGO_ENABLED"];
      if (cgo === undefined) return "unknown";
      return cgo === "1" ? "yes" : "no";
    }
    if (tag === "race") return flag("-race");
    if (tag === "msan") return flag("-msan");
    if (tag === "asan") return flag("-asan");
    if (tag.startsWith("goexperiment.")) {
      if (experiments === undefined) return "unknown";
      return experiments.has(tag.slice("goexperiment.".length)) ? "yes" : "no";
    }
    const level = /^amd64\.v([1-4])$/.exec(tag);
    if (level !== null && arch === "amd64") {
      return Number(level[1]) <= Number((settings["GOAMD64"] ?? "v1").slice(1)) ? "yes" : "no";
    }
    return hasSettings ? "no" : "unknown";
  };
}

/** 27 for `go1.27.4` and `devel go1.27-abc`; 0 where it cannot be told. */
export function minorVersion(goVersion: string): number {
  return Number(/go1\.(\d+)/.exec(goVersion)?.[1] ?? 0);
}

/**
 * GOEXPERIMENT flags on by default, from the `baseline` literal of the toolchain's own internal/buildcfg/exp.go, then
 * changed as the build information's GOEXPERIMENT says. Undefined where the literal is not found.
 */
export function experimentsFrom(expGo: string | undefined, info: BuildInfo): ReadonlySet<string> | undefined {
  const minor = minorVersion(info.goVersion);
  const literal = expGo === undefined ? undefined : /baseline := goexperiment\.Flags\{([^}]*)\}/.exec(expGo)?.[1];
  // Before 1.18 the baseline is written otherwise: nothing that changes a type was on.
  if (literal === undefined && (minor === 0 || minor >= 18)) return undefined;
  const on = new Set<string>();
  for (const [, name, value] of (literal ?? "").matchAll(/(\w+):\s*([^,\n]+)/g)) {
    if (name !== undefined && value?.trim() !== "false") on.add(name.toLowerCase());
  }
  const setting = info.settings["GOEXPERIMENT"] ?? / X:(\S+)/.exec(info.goVersion)?.[1] ?? "";
  for (const flag of setting.split(",").filter((name) => name !== "")) {
    if (flag.startsWith("no")) on.delete(flag.slice(2));
    else on.add(flag);
  }
  return on;
}
