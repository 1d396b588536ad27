/**
 * Answers `sudo -A`: sudo runs a program (askpassMain.ts) that prints the password. The program asks us through a unix
 * socket in a directory that only this user can enter, so the password is in no file, argument, environment or log.
 */
import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PasswordPrompt } from "../api.ts";

/** sudo asks three times by default (passwd_tries); more than this is not sudo. */
const MAX_QUESTIONS = 10;
/** A prompt of sudo is a line; a longer one is not shown in full. */
const MAX_PROMPT_BYTES = 1024;

export interface Askpass {
  /** For SUDO_ASKPASS. */
  readonly program: string;
  /** The user dismissed the box. */
  readonly dismissed: boolean;
  close(): Promise<void>;
}

export async function startAskpass(prompt: PasswordPrompt): Promise<Askpass> {
  const { directory, program } = await privateProgram();
  const socketPath = join(directory, "socket");
  const state = { dismissed: false, questions: 0 };
  const server = createServer((socket) => answer(socket, prompt, state));
  await listen(server, socketPath);
  return {
    program,
    get dismissed() {
      return state.dismissed;
    },
    async close() {
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * A directory of mode 0700 with a small shell script, because SUDO_ASKPASS takes a path without arguments. Some systems
 * forbid programs in one of the two places (noexec), so the script is tried.
 */
async function privateProgram(): Promise<{ directory: string; program: string }> {
  const places = [process.env["XDG_RUNTIME_DIR"], tmpdir()].filter(
    (place) => place !== undefined && place.startsWith("/"),
  );
  let failure: unknown;
  for (const place of places) {
    try {
      const directory = await mkdtemp(join(place ?? "", "probelens-askpass-"));
      const program = join(directory, "askpass");
      const words = [process.execPath, askpassScript(), join(directory, "socket")].map(shellQuote).join(" ");
      await writeFile(program, `#!/bin/sh\n[ "$1" = --try ] && exit 0\nELECTRON_RUN_AS_NODE=1 exec ${words} "$@"\n`);
      await chmod(program, 0o700);
      const tried = spawnSync(program, ["--try"]);
      if (tried.status === 0) return { directory, program };
      failure = tried.error ?? new Error(`status ${tried.status}`);
      await rm(directory, { recursive: true, force: true });
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`no place for the password helper in ${places.join(" or ")}`, { cause: failure });
}

function answer(socket: Socket, prompt: PasswordPrompt, state: { dismissed: boolean; questions: number }): void {
  socket.on("error", () => socket.destroy());
  let text = "";
  const onData = (chunk: Buffer): void => {
    text = (text + chunk.toString("utf8")).slice(0, MAX_PROMPT_BYTES);
    const end = text.indexOf("\n");
    if (end < 0) return;
    socket.off("data", onData);
    state.questions += 1;
    if (state.dismissed || state.questions > MAX_QUESTIONS) {
      socket.end();
      return;
    }
    prompt(text.slice(0, end), state.questions).then(
      (password) => {
        if (password === undefined) state.dismissed = true;
        if (password === undefined) socket.end();
        else socket.end(`${password}\n`);
      },
      () => {
        state.dismissed = true;
        socket.end();
      },
    );
  };
  socket.on("data", onData);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Beside the bundle when built, beside this file when run from source. */
function askpassScript(): string {
  const own = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(own.endsWith(".ts") ? "./askpassMain.ts" : "./askpass.js", import.meta.url));
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
