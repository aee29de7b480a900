/** `Program`, the value: how programs come to be. */
import { loadProgram, type ProgramOptions } from "./check.ts";
import { type CompileOptions, compileProgram } from "./compile.ts";
import type { Program as CheckedProgram } from "./program.ts";
import type { Source } from "./sources.ts";

export type Program = CheckedProgram;

export const Program: {
  /**
   * Checks a module: its form, what it imports and exports, every instruction. Throws ProgramError "bad-program",
   * "abi-mismatch" or "bad-option".
   */
  load(bytes: Uint8Array | ArrayBuffer, options?: ProgramOptions): Program;
  /** Compiles AssemblyScript, with the package `assemblyscript`. Throws ProgramError "compile" or "no-compiler" too. */
  compile(source: Source, options?: CompileOptions): Promise<Program>;
} = { load: loadProgram, compile: compileProgram };
