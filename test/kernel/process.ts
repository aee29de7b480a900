/** A process that lives as long as its standard input is open, and answers on its standard output. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

export interface Talker {
  readonly pid: number;
  write(bytes: Uint8Array | string): void;
  /** The next `length` bytes it writes. */
  read(length: number): Promise<Buffer>;
  /** What it writes up to the next line feed. */
  readLine(): Promise<string>;
  /** Ends it, which nothing survives that it alone holds. */
  end(): Promise<void>;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Whatever ends us closes its input, and so ends it. */
export function start(command: string, args: readonly string[]): Talker {
  const child: Child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  const output = listen(child);
  return {
    pid: child.pid ?? 0,
    write: (bytes) => void child.stdin.write(bytes),
    read: (length) => output.take(({ length: there }) => (there < length ? 0 : length)),
    readLine: async () => {
      const line = await output.take((bytes) => bytes.indexOf("\n") + 1);
      return line.toString().trimEnd();
    },
    end: async () => {
      child.stdin.end();
      child.kill("SIGTERM");
      await output.ended;
    },
  };
}

interface Output {
  /** Waits until `enough` says how many of the bytes that came are wanted: 0 is not enough. */
  take(enough: (bytes: Buffer) => number): Promise<Buffer>;
  readonly ended: Promise<void>;
}

/** Collects what the child writes, and wakes the one reader there may be. */
function listen(child: Child): Output {
  let [bytes, errors] = [Buffer.alloc(0), ""];
  let wake = () => {};
  let failure: string | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  const ended = endOf(child).then((reason) => {
    failure = `${child.spawnargs.join(" ")}: ${errors.trim() || reason}`;
    wake();
  });
  const take: Output["take"] = async (enough) => {
    while (enough(bytes) === 0) {
      if (failure !== undefined) throw new Error(failure);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const length = enough(bytes);
    const taken = bytes.subarray(0, length);
    bytes = bytes.subarray(length);
    return taken;
  };
  return { take, ended };
}

/** Why it has ended. */
function endOf(child: Child): Promise<string> {
  child.stdin.on("error", () => {});
  return new Promise((resolve) => {
    child.on("error", ({ message }) => resolve(message));
    child.on("close", (code, signal) => resolve(`ended with ${code ?? signal}`));
  });
}
