/** What programs are loaded and compiled with. */

export interface ProgramOptions {
  /** 1 to 63 bytes of A-Z a-z 0-9 _ . - Default: the name that the module or its file has, or "program". */
  readonly name?: string;
}

export interface CompileOptions extends ProgramOptions {
  /** Where the package of the compiler is not found by its name. */
  readonly compiler?: Compiler;
  /** Names of functions in traps, nothing optimized. Default false. */
  readonly debug?: boolean;
}

/** The package `assemblyscript`: all that its module of that name exports, and its module `assemblyscript/asc`. */
export interface Compiler {
  readonly assemblyscript: unknown;
  readonly asc: unknown;
}
