/** Compiles the C program for this machine, into a directory that goes away with the process. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createDirectory } from "../engines/directory.ts";

export interface Program {
  readonly path: string;
  /** What compiled it. */
  readonly compiler: string;
  remove(): void;
}

/** The build copies the sources to dist/, so that they always stand beside this file. */
const SOURCE = fileURLToPath(new URL("main.c", import.meta.url));
const FLAGS = ["-std=c11", "-O3", "-march=native"];
const COMPILERS = ["cc", "gcc", "clang"];
/** Milliseconds: it takes about one second. */
const PATIENCE = 60_000;

/** The program, or why there is none, in a line. */
export function compile(extra: readonly string[] = []): Program | { readonly reason: string } {
  const { path: directory, remove } = createDirectory("waxdp-native-");
  const path = join(directory, "native");
  for (const [compiler, ...words] of compilers()) {
    const { error, status, stderr } = spawnSync(
      compiler,
      [...words, ...FLAGS, ...extra, SOURCE, "-o", path],
      { encoding: "utf8", timeout: PATIENCE },
    );
    if (error && "code" in error && error.code === "ENOENT") continue;
    if (status === 0) return { path, compiler, remove };
    remove();
    return { reason: `${compiler}: ${firstError(error?.message ?? stderr)}` };
  }
  remove();
  return { reason: "there is no C compiler (cc, gcc, clang or $CC)" };
}

/** $CC may have words of its own. */
function compilers(): readonly [string, ...string[]][] {
  const words = (process.env.CC ?? "").split(/\s+/).filter((word) => word !== "");
  if (words.length > 0) return [words as [string, ...string[]]];
  return COMPILERS.map((name) => [name]);
}

/** What went wrong, in a line: of a compiler's message not its first, which only names the command. */
export function firstError(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => line.includes("error")) ?? lines[0] ?? "it failed without a word";
}
