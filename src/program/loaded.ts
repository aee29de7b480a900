/** Programs that a dataplane has taken in, in the words of bpf(2) and bpftool prog. */
import type { UserMap } from "../maps/map.ts";
import type { Program } from "./program.ts";

export interface LoadOptions {
  /** Default: the program's own. 1 to 63 bytes of A-Z a-z 0-9 _ . - */
  readonly name?: string;
  /** Maps that take the place of those the program declares, by the names it has for them. */
  readonly maps?: Readonly<Record<string, UserMap<never, never> | UserMap>>;
}

export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  /** First 16 hexadecimal digits of the SHA-256 of its bytes. */
  readonly tag: string;
  readonly form: "packet" | "batch";
  readonly builtin: boolean;
  /** Bytes of the module, and of the arena it was given. */
  readonly size: number;
  readonly memory: number;
  /** Places in the function table. */
  readonly functions: number;
  /** Milliseconds of the dataplane's clock. */
  readonly loadedAt: number;
  /** Names of the maps it uses, in the order it declares them. */
  readonly maps: readonly string[];
  /** Names of the links it stands at. */
  readonly links: readonly string[];
}

export interface LoadedProgram {
  readonly id: number;
  readonly name: string;
  readonly program: Program | undefined;
  info(): ProgramInfo;
  /** The map it calls by that name. Throws ProgramError "bad-option" for one it does not declare, and "unloaded". */
  map<Key = unknown, Value = unknown>(name: string): UserMap<Key, Value>;
  /**
   * Gives memory and table back; a second time is nothing. The maps it has declared stay until somebody closes them.
   * Throws ProgramError "in-use" while it is attached or in a prog_array, and for service NAT.
   */
  unload(): void;
}

export interface Programs {
  /**
   * Gives the program its ranges, links it and creates the maps it declares (one of that name and shape that is there
   * is shared). All or nothing. Throws ProgramError, and MapError for a map that cannot be made.
   */
  load(program: Program | Uint8Array, options?: LoadOptions): Promise<LoadedProgram>;
  /** By name; "service-nat" is always there. */
  get(name: string): LoadedProgram | undefined;
  list(): readonly ProgramInfo[];
}
