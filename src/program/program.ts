/** A program as bytes: checked, not yet in any dataplane. */
import type { Layout } from "../maps/map.ts";

/** What is known of a program without running it. */
export interface Program {
  /** From the file, the option or the module's name section. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** First 16 hexadecimal digits of the SHA-256 of its bytes. */
  readonly tag: string;
  readonly form: "packet" | "batch";
  /** Helpers it imports. */
  readonly helpers: readonly string[];
  /** Bytes of memory it needs for static data and stack, and their alignment. */
  readonly memory: { readonly size: number; readonly alignment: number };
  /** Places it needs in the function table, beside its entry. */
  readonly functions: number;
  /** Layouts of its map keys and values by the names its types have, where the compiler has said. */
  readonly types: Readonly<Record<string, Layout>>;
}

export type ProgramErrorCode =
  /** No WebAssembly, or WebAssembly that a program may not be; the message says what and where. */
  | "bad-program"
  /** For another PROGRAM_ABI_VERSION, or for none. */
  | "abi-mismatch"
  /** The source does not compile; `diagnostics` has file, line and column. */
  | "compile"
  /** The compiler is not installed. */
  | "no-compiler"
  /** It has thrown while it was loaded. */
  | "load"
  | "no-memory"
  | "name-taken"
  | "in-use"
  | "unloaded"
  | "bad-option";

export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** The line as it stands in the file; empty when there is none. */
  readonly source: string;
}

export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly code: ProgramErrorCode;
  readonly diagnostics: readonly Diagnostic[];
  constructor(code: ProgramErrorCode, message: string, diagnostics: readonly Diagnostic[] = []) {
    super(message);
    this.code = code;
    this.diagnostics = diagnostics;
  }
}
