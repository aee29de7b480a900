/** `Program`, the value: how programs come to be. */
import { loadProgram } from "./check.ts";
import { compileProgram } from "./compile.ts";
import type { CompileOptions, ProgramOptions } from "./options.ts";
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
