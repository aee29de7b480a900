/** How the maps reach the tables of the module. */
import type { Memory } from "../codec.ts";
import type { NamedMap } from "../dataplane.ts";
import type { Entries } from "../entries.ts";
import { DataplaneError } from "../error.ts";
import type { PacketPath } from "../module.ts";

export type MapOf<Name extends keyof Entries> = NamedMap<
  Entries[Name]["key"],
  Entries[Name]["value"]
>;

export interface Access {
  readonly exports: PacketPath;
  readonly memory: Memory;
  /** Where keys and records are put for a call. */
  readonly scratch: number;
}

export function readOnly(name: string): DataplaneError {
  return new DataplaneError("read-only-map", `${name} is written by the packet path alone`);
}

/** Address of row `index` of an array map, 0 when it has no such row. */
export function rowAt({ exports, memory, scratch }: Access, map: number, index: number): number {
  memory.view.setUint32(scratch, index, true);
  return exports.lookup(map, scratch) >>> 0;
}

/** Addresses of the records of a hash map. */
export function* occupied({ exports }: Access, map: number): IterableIterator<number> {
  for (let slot = exports.next(map, -1); slot !== -1; slot = exports.next(map, slot)) {
    yield exports.at(map, slot) >>> 0;
  }
}
