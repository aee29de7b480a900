/** What loading has found out about programs, beside what they say of themselves. */
import { type Program, ProgramError } from "./program.ts";
import type { Relocation } from "./relocation.ts";

export interface Inspection {
  readonly relocations: readonly Relocation[];
  readonly stack: number;
}

const inspections = new WeakMap<Program, Inspection>();

/** Keeps it, and freezes the program: from now on it is one that was checked. */
export function inspect(program: Program, inspection: Inspection): Program {
  inspections.set(program, inspection);
  return Object.freeze(program);
}

/** True only for what `Program.load` and `Program.compile` have made. */
export function isProgram(value: unknown): value is Program {
  return inspections.has(value as Program);
}

export function inspectionOf(program: Program): Inspection {
  const found = inspections.get(program);
  if (!found) {
    throw new ProgramError("bad-program", "a program comes from Program.load or Program.compile");
  }
  return found;
}
