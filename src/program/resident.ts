/** A program that is in a dataplane, as the linker, the hooks and prog_arrays know it. */
import type { LoadedProgram } from "./loaded.ts";

export interface Resident {
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly form: "packet" | "batch";
  /** Service NAT. */
  readonly builtin: boolean;
  /** Where its function stands in the table; 0 for service NAT, which has none. */
  readonly entry: number;
  /** The links it stands at: their names by their numbers. Kept by the hooks. */
  readonly links: Map<number, string>;
  /** False once it is unloaded. */
  loaded: boolean;
}

/** Who knows all of them. */
export interface Residents {
  /** Undefined for what is no program of this dataplane; one that was unloaded is still known. */
  residentOf(program: unknown): Resident | undefined;
  readonly serviceNat: LoadedProgram;
  /**
   * To be called when a program has trapped, once nobody is in any: puts back what a trap leaves as it was. Which
   * programs the trap went through, nobody knows after tail calls. Must not throw.
   */
  rewind(): void;
}
