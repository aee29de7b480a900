/** Temporary directories that leave nothing behind. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Directory {
  readonly path: string;
  remove(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** A directory of our own, removed on demand, when the process ends, and when it is interrupted. */
export function createDirectory(prefix: string): Directory {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = () => {
    process.off("exit", remove);
    for (const signal of SIGNALS) process.off(signal, interrupt);
    rmSync(path, { recursive: true, force: true });
  };
  const interrupt = (signal: NodeJS.Signals) => {
    remove();
    // Where nobody else decides what the signal means, it means what it always does.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  process.on("exit", remove);
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return { path, remove };
}
