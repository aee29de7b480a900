/** Where the kernel's programs are compiled: a directory that is gone when it is closed. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createDirectory } from "../engines/directory.ts";
import { firstError } from "../native/compile.ts";

export interface Workshop {
  /** Compiles sources of bench/kernel; returns the path of what it made. */
  compile(
    compiler: string,
    options: readonly string[],
    sources: readonly string[],
  ): Promise<string>;
  close(): void;
}

/** Milliseconds: it takes less than one second. */
const PATIENCE = 60_000;

const run = promisify(execFile);

export function openWorkshop(): Workshop {
  const { path, remove } = createDirectory("waxdp-kernel-");
  let made = 0;
  return {
    async compile(compiler, options, sources) {
      const output = join(path, String(made++));
      const args = [...options, ...sources.map(sourcePath), "-o", output];
      await run(compiler, args, { timeout: PATIENCE });
      return output;
    },
    close: remove,
  };
}

/** The build copies the sources to dist/, so that they always stand beside this file. */
function sourcePath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
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

export function reasonOf(error: unknown): string {
  return firstError((error as Error).message);
}
