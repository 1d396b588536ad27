/** The file tree that a kernel boots into: a cpio archive in the `newc` format (Documentation/driver-api/early-userspace/buffer-format.rst). */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const MODE = { FILE: 0o100755, FOLDER: 0o040755, LINK: 0o120777, CONSOLE: 0o020600 } as const;
const HEADER_BYTES = 110;

export class Initramfs {
  private readonly parts: Buffer[] = [];
  private readonly names = new Set<string>();
  private inode = 0;

  /** `path` without a leading slash; folders above it are made. */
  file(path: string, bytes: Uint8Array): void {
    this.folderOf(path);
    this.entry(path, MODE.FILE, bytes);
  }

  link(path: string, target: string): void {
    this.folderOf(path);
    this.entry(path, MODE.LINK, Buffer.from(target));
  }

  folder(path: string): void {
    if (path === "." || this.names.has(path)) return;
    this.folderOf(path);
    this.entry(path, MODE.FOLDER, new Uint8Array());
  }

  /** What init's standard streams are opened from before /dev is mounted. */
  console(): void {
    this.folder("dev");
    this.entry("dev/console", MODE.CONSOLE, new Uint8Array(), [5, 1]);
  }

  /** A program of this machine with the shared libraries that it asks for, at the paths where it looks for them. */
  program(path: string, source: string): void {
    this.file(path, readFileSync(source));
    // Ends with status 1 for a static program.
    const libraries = spawnSync("ldd", [source], { encoding: "utf8" }).stdout;
    for (const [, library = ""] of libraries.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm))
      if (!this.names.has(library.slice(1))) this.file(library.slice(1), readFileSync(library));
  }

  /** A folder of this machine and what `wanted` accepts in it (paths relative to `source`). */
  tree(path: string, source: string, wanted: (name: string) => boolean = () => true): void {
    for (const name of readdirSync(source, { recursive: true, encoding: "utf8" }))
      if (statSync(join(source, name)).isFile() && wanted(name) && !this.names.has(join(path, name)))
        this.file(join(path, name), readFileSync(join(source, name)));
  }

  archive(): Buffer {
    this.entry("TRAILER!!!", 0, new Uint8Array());
    return Buffer.concat(this.parts);
  }

  private folderOf(path: string): void {
    this.folder(dirname(path));
  }

  private entry(path: string, mode: number, bytes: Uint8Array, device: [number, number] = [0, 0]): void {
    this.names.add(path);
    const name = Buffer.from(`${path}\0`);
    // Inode, mode, user, group, links, time, size, device of the file, device of the node, length of the name, check.
    const fields = [++this.inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, ...device, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    this.parts.push(
      Buffer.from(header),
      name,
      padding(HEADER_BYTES + name.length),
      Buffer.from(bytes),
      padding(bytes.length),
    );
  }
}

/** To a multiple of four bytes. */
function padding(length: number): Buffer {
  return Buffer.alloc(-length & 3);
}
