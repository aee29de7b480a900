/** Compiles the C program for this machine, into a directory that goes away with the process. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Program {
  readonly path: string;
  /** What compiled it. */
  readonly compiler: string;
  remove(): void;
}

const FLAGS = ["-std=c11", "-O3", "-march=native"];
const COMPILERS = ["cc", "gcc", "clang"];
/** Milliseconds: it takes about one second. */
const PATIENCE = 60_000;

/** The program, or why there is none, in a line. */
export function compile(extra: readonly string[] = []): Program | { readonly reason: string } {
  const source = sourcePath();
  if (source === undefined) return { reason: "the C sources are not installed" };
  const directory = createDirectory();
  const path = join(directory.path, "native");
  for (const [command, ...words] of compilers()) {
    const { error, status, stderr } = spawnSync(
      command,
      [...words, ...FLAGS, ...extra, source, "-o", path],
      { encoding: "utf8", timeout: PATIENCE },
    );
    if (error && "code" in error && error.code === "ENOENT") continue;
    if (status === 0) return { path, compiler: command, remove: directory.remove };
    directory.remove();
    return { reason: `${command}: ${firstError(error?.message ?? stderr)}` };
  }
  directory.remove();
  return { reason: "there is no C compiler (cc, gcc, clang or $CC)" };
}

/** In a checkout the sources stand beside this file, or beside dist/. */
function sourcePath(): string | undefined {
  return ["main.c", "../../../bench/native/main.c"]
    .map((name) => fileURLToPath(new URL(name, import.meta.url)))
    .find((path) => existsSync(path));
}

/** $CC may have words of its own. */
function compilers(): readonly [string, ...string[]][] {
  const words = (process.env.CC ?? "").split(/\s+/).filter((word) => word !== "");
  if (words.length > 0) return [words as [string, ...string[]]];
  return COMPILERS.map((name) => [name]);
}

function firstError(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => line.includes("error")) ?? lines[0] ?? "it failed without a word";
}

/** A directory of our own, removed on demand, when the process ends, and when it is interrupted. */
function createDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "waxdp-native-"));
  const remove = () => {
    process.off("exit", remove);
    for (const signal of SIGNALS) process.off(signal, interrupt);
    rmSync(path, { recursive: true, force: true });
  };
  const interrupt = (signal: NodeJS.Signals) => {
    remove();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  process.on("exit", remove);
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return { path, remove };
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
