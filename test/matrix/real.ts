/**
 * Real programs: Go's own tools, well-known servers built from the module proxy, and Debian's packages, which are
 * stripped. Everything lands in the cache; nothing is installed.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CACHE } from "./build.ts";
import type { Check } from "./checkProgram.ts";

const exec = promisify(execFile);
const FOLDER = join(CACHE, "real");
/** Prometheus takes four minutes on two idle cores. */
const BUILD_TIMEOUT_MS = 60 * 60_000;

export interface RealProgram {
  readonly name: string;
  readonly file: string;
  readonly checks: readonly Check[];
}

/** With symbols and DWARF. */
const BUILT: readonly { name: string; module: string; tags?: string }[] = [
  { name: "dlv", module: "github.com/go-delve/delve/cmd/dlv@v1.27.2" },
  { name: "gopls", module: "golang.org/x/tools/gopls@v0.23.0" },
  { name: "caddy", module: "github.com/caddyserver/caddy/v2/cmd/caddy@latest" },
  {
    name: "prometheus",
    module: "github.com/prometheus/prometheus/cmd/prometheus@v0.316.0",
    tags: `remove_all_sd,${"aws azure consul digitalocean dns eureka gce hetzner kubernetes linode marathon moby openstack xds zookeeper vultr"
      .split(" ")
      .map((name) => `enable_${name}_sd`)
      .join()}`,
  },
];
const PACKAGES = [
  { name: "caddy", file: "usr/bin/caddy" },
  { name: "etcd-server", file: "usr/bin/etcd" },
  { name: "prometheus", file: "usr/bin/prometheus" },
];

export async function* realPrograms(): AsyncIterable<RealProgram> {
  const { stdout } = await exec("go", ["env", "GOROOT", "GOTOOLDIR"]);
  const [goroot, tools] = stdout.trim().split("\n") as [string, string];
  for (const file of [join(goroot, "bin/go"), join(tools, "compile")])
    yield { name: file, file, checks: ["functions", "table", "parameters", "sites"] };
  for (const { name, file } of PACKAGES)
    yield { name: `Debian ${name}`, file: join(await unpack(name), file), checks: ["table"] };
  for (const program of BUILT)
    yield { name: program.module, file: await install(program), checks: ["functions", "parameters", "sites"] };
}

async function install({ name, module, tags }: { name: string; module: string; tags?: string }): Promise<string> {
  const file = join(FOLDER, "bin", name);
  if (existsSync(file)) return file;
  mkdirSync(join(FOLDER, "bin"), { recursive: true });
  await exec("go", ["install", ...(tags === undefined ? [] : ["-tags", tags]), module], {
    cwd: tmpdir(), // outside of any module
    env: { ...process.env, GOBIN: join(FOLDER, "bin"), GOFLAGS: "-buildvcs=false" },
    timeout: BUILD_TIMEOUT_MS,
  });
  return file;
}

async function unpack(name: string): Promise<string> {
  const folder = join(FOLDER, "deb", name);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    await exec("apt-get", ["download", name], { cwd: unfinished });
    const archive = readdirSync(unfinished).find((entry) => entry.endsWith(".deb"));
    if (archive === undefined) throw new Error(`apt-get downloaded no package ${name}`);
    await exec("dpkg", ["-x", archive, "."], { cwd: unfinished });
    rmSync(join(unfinished, archive));
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
