/** A run of the C program: what it is told goes to its standard input, what it says comes back in lines. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";

export interface Session {
  /** Asks and returns the line that answers. Throws when the program has ended, or answers "error ...". */
  ask(command: string): Promise<string>;
  /** The bytes that follow the last line. */
  bytes(length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Milliseconds a program has to end that was told to. */
const PATIENCE = 5000;

/** Starts the program, hands `input` over and waits until it is ready. */
export async function createSession(
  path: string,
  words: readonly string[],
  input: readonly Uint8Array[],
): Promise<Session> {
  const child = spawn(path, words, { stdio: ["pipe", "pipe", "pipe"] });
  const output = new Reader(child);
  // Who writes to a program that has ended learns so from what it said last.
  child.stdin.on("error", () => {});
  const session: Session = {
    async ask(command) {
      child.stdin.write(`${command}\n`);
      return accept(await output.line());
    },
    bytes: (length) => output.bytes(length),
    close: () => end(child),
  };
  try {
    for (const bytes of input) await write(child, bytes);
    accept(await output.line());
    return session;
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** Resolves once the bytes are through, or nobody takes them any more. */
function write(child: ChildProcessWithoutNullStreams, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    child.stdin.write(bytes, () => resolve());
  });
}

function accept(line: string): string {
  const [, reason] = line.split("error ");
  if (reason !== undefined) throw new Error(`the C program: ${reason}`);
  return line;
}

/** It ends when its input does; one that does not is killed. */
async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  child.stdin.end("quit\n");
  await once(child, "close");
  clearTimeout(timer);
}

/** Cuts what comes in into lines and runs of bytes; one of them is waited for at a time. */
class Reader {
  #held = Buffer.alloc(0);
  #said = "";
  #ended: Error | undefined;
  #wake = () => {};

  constructor(child: ChildProcessWithoutNullStreams) {
    child.stdout.on("data", (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#wake();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    child.on("error", (error) => this.#end(error));
    child.on("close", (code, signal) => {
      const first = this.#said.split("\n", 1)[0] || signal || `status ${code}`;
      this.#end(new Error(`the C program has ended: ${first}`));
    });
  }

  async line(): Promise<string> {
    const taken = await this.#until(() => this.#held.indexOf("\n") + 1);
    return taken.toString("latin1", 0, taken.length - 1);
  }

  async bytes(length: number): Promise<Uint8Array> {
    return Uint8Array.from(await this.#until(() => length));
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#wake();
  }

  /** `length` is 0 as long as it cannot be told. */
  async #until(length: () => number): Promise<Buffer> {
    while (length() > this.#held.length || length() === 0) {
      if (this.#ended) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#held.subarray(0, length());
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }
}
