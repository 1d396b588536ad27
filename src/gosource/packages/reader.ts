/** The only door to files: the layer itself does no I/O. */
export interface SourceReader {
  /** The file's text; undefined where it cannot be read. */
  read(path: string): Promise<string | undefined>;
  /** Names in a folder, subfolders with a trailing `/`; empty where it cannot be read. */
  list(dir: string): Promise<readonly string[]>;
}

export function joinPath(...parts: readonly string[]): string {
  const joined = parts.filter((part) => part !== "").join("/");
  const absolute = joined.startsWith("/");
  const out: string[] = [];
  for (const part of joined.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && out.length > 0 && out.at(-1) !== "..") out.pop();
    else out.push(part);
  }
  return (absolute ? "/" : "") + out.join("/");
}

export function dirName(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The part of `path` below `prefix`, element-wise; undefined where it is not below it; empty where they are equal. */
export function below(path: string, prefix: string): string | undefined {
  if (path === prefix) return "";
  return prefix !== "" && path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : undefined;
}
