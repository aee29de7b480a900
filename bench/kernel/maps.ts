/** The kernel's maps and an empty program of its, as bench/kernel/programs.c measures them. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Absent } from "../heats/contestant.ts";
import { findProgram, openWorkshop, reasonOf } from "./workshop.ts";

export interface KernelFigure {
  readonly side: "bpf(2)" | "kernel program";
  /** Of "xdp" the operation is "empty": a program that does nothing. */
  readonly map: "array" | "hash" | "lpm_trie" | "xdp";
  readonly operation: string;
  readonly nanoseconds: number;
}

const SIDES: Readonly<Record<string, KernelFigure["side"]>> = {
  outside: "bpf(2)",
  program: "kernel program",
};
/** Milliseconds: it takes a tenth of a second. */
const PATIENCE = 60_000;

const run = promisify(execFile);

/** As often as there are rounds. */
export async function runKernelMaps(
  entries: number,
  rounds: number,
): Promise<readonly KernelFigure[] | Absent> {
  const name = "the kernel's maps";
  const lack = lackOf();
  if (lack !== undefined) return { name, reason: lack };
  const workshop = openWorkshop();
  try {
    const compiler = await findProgram(["cc", "gcc", "clang"]);
    if (compiler === undefined) return { name, reason: "there is no C compiler" };
    const program = await workshop.compile(compiler, ["-O2"], ["programs.c"]);
    const figures: KernelFigure[] = [];
    for (let round = 0; round < rounds; round++) {
      const { stdout } = await run(program, [String(entries)], { timeout: PATIENCE });
      figures.push(...figuresOf(stdout));
    }
    return figures;
  } catch (error) {
    return { name, reason: reasonOf(error) };
  } finally {
    workshop.close();
  }
}

function lackOf(): string | undefined {
  if (process.platform !== "linux") return "only Linux has BPF";
  if (process.getuid?.() !== 0) return "only root may load BPF programs";
  return undefined;
}

function figuresOf(text: string): readonly KernelFigure[] {
  const lines = text.trim().split("\n");
  return lines.map((line) => {
    const [side = "", map, operation = "", time] = line.split(" ");
    return {
      side: SIDES[side] as KernelFigure["side"],
      map: map as KernelFigure["map"],
      operation,
      nanoseconds: Number(time),
    };
  });
}
