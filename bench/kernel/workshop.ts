/** A temporary folder in which programs are compiled, gone when it is closed and however this process ends. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface Workshop {
  /** Compiles sources of bench/kernel; returns the path of what it made. */
  compile(
    compiler: string,
    options: readonly string[],
    sources: readonly string[],
  ): Promise<string>;
  close(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** Milliseconds: it takes less than one second. */
const PATIENCE = 60_000;

const run = promisify(execFile);

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "waxdp-kernel-"));
  let made = 0;
  const close = () => {
    process.off("exit", close);
    for (const signal of SIGNALS) process.off(signal, interrupt);
    rmSync(folder, { recursive: true, force: true });
  };
  const interrupt = (signal: NodeJS.Signals) => {
    close();
    // Nobody else decides what the signal means: it means what it always does.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  process.on("exit", close);
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return {
    async compile(compiler, options, sources) {
      const output = join(folder, String(made++));
      const args = [...options, ...sources.map(sourcePath), "-o", output];
      await run(compiler, args, { timeout: PATIENCE });
      return output;
    },
    close,
  };
}

/** In a checkout the sources stand beside this file, or beside dist/. */
function sourcePath(name: string): string {
  const found = [name, `../../../bench/kernel/${name}`]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error("the C sources are not installed");
  return found;
}

/** The first of these programs that is there. */
export async function findProgram(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const there = await run(name, ["--version"]).then(
      () => true,
      () => false,
    );
    if (there) return name;
  }
  return undefined;
}

/** What went wrong, in a line: of a compiler's message not the command, which is the first. */
export function reasonOf(error: unknown): string {
  const lines = (error as Error).message.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => line.includes("error")) ?? (lines[0] as string);
}
