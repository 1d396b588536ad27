/**
 * Who owns the links. A process that is killed in the middle of close() on a uprobe link leaves int3 in its target for
 * good (the kernel's unregister gives up on a fatal signal), while a process that exits lets go of them safely. So the
 * helper, which a user may kill at any time, never drops the last reference: it hands the links to a child that does
 * nothing but wait for the end of its input, and closes its own copies at once. Detaching is ending that input; so is
 * the death of the helper, however it comes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { UserError } from "../src/protocol/errors.ts";
import { closeFd } from "./libbpf.ts";

/** Reads until its input ends; there is one on every Linux system. */
const WAITERS = ["/bin/cat", "/usr/bin/cat"];

export class LinkHolder {
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;

  private constructor(child: ChildProcess, onLost: () => void) {
    this.child = child;
    let released = false;
    this.release = () => {
      released = true;
      child.stdin?.destroy();
      return this.exited;
    };
    this.exited = new Promise((resolve) => {
      child.once("exit", () => {
        resolve();
        if (!released) onLost();
      });
    });
    child.stdin?.on("error", () => {});
  }

  /** Ends the holder; resolves when the kernel has removed every probe of these links. Idempotent. */
  readonly release: () => Promise<void>;

  /**
   * Takes over `links`: they are closed here whatever happens. `onLost`: somebody killed the holder, and the probes
   * went with it.
   */
  static async start(links: readonly number[], onLost: () => void): Promise<LinkHolder> {
    try {
      const waiter = WAITERS.find((path) => existsSync(path));
      if (waiter === undefined) throw new Error(`neither ${WAITERS.join(" nor ")} exists`);
      const child = spawn(waiter, [], {
        stdio: ["pipe", "ignore", "ignore", ...links],
        env: {},
        cwd: "/",
        detached: true, // A terminal's Ctrl-C must not reach it: the helper decides.
      });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", reject);
      });
      return new LinkHolder(child, onLost);
    } catch (error) {
      throw new UserError({
        code: "no-holder",
        what: "keeping the probes in a process of their own",
        why: `it cannot be started (${error instanceof Error ? error.message : String(error)})`,
        remedy: "Check the limits on processes and open files of the helper's user",
      });
    } finally {
      for (const link of links) closeFd(link);
    }
  }

  /** For diagnosis and tests. */
  get pid(): number | undefined {
    return this.child.pid;
  }
}
