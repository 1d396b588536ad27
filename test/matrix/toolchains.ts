/** The Go versions and build modes of the matrix. */

/** The last patch release of each minor version; `GOTOOLCHAIN` fetches them through the module proxy. */
export const GO_VERSIONS = [
  "1.15.15", "1.16.15", "1.17.13", "1.18.10", "1.19.13", "1.20.14", "1.21.13", "1.22.12", "1.23.12", "1.24.13",
  "1.25.8", "1.26.8", "1.27.4",
] as const; // biome-ignore format: a table
/** What CI builds: the last stack ABI, the first pclntab 1.20, and the newest. */
export const CI_VERSIONS = ["1.15.15", "1.20.14", "1.27.4"];

export interface BuildMode {
  readonly name: string;
  /** Arguments of `go build`. */
  readonly flags: readonly string[];
  readonly cgo?: true;
  /** Run `strip` on this mode's file instead of building. */
  readonly stripOf?: string;
  /** Without symbols and DWARF: the unstripped mode whose code is the same, for witnesses. */
  readonly twin?: string;
}

export const BUILD_MODES: readonly BuildMode[] = [
  { name: "default", flags: [] },
  { name: "noopt", flags: ["-gcflags=-N -l"] },
  { name: "trimpath", flags: ["-trimpath"] },
  { name: "sw", flags: ["-ldflags=-s -w"], twin: "default" },
  { name: "pie", flags: ["-buildmode=pie"] },
  { name: "piesw", flags: ["-buildmode=pie", "-ldflags=-s -w"], twin: "pie" },
  { name: "external", flags: ["-tags=shapes_cgo", "-ldflags=-linkmode=external"], cgo: true },
  { name: "externalpie", flags: ["-tags=shapes_cgo", "-buildmode=pie", "-ldflags=-linkmode=external"], cgo: true },
  { name: "plaindwarf", flags: ["-ldflags=-compressdwarf=false"] },
  { name: "strip", flags: [], stripOf: "default", twin: "default" },
  { name: "externalstrip", flags: [], cgo: true, stripOf: "external", twin: "external" },
];

export function modeNamed(name: string): BuildMode {
  const mode = BUILD_MODES.find((candidate) => candidate.name === name);
  if (mode === undefined)
    throw new Error(`no build mode ${name}; there are: ${BUILD_MODES.map((m) => m.name).join(" ")}`);
  return mode;
}
