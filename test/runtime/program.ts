/** Calls the helpers as a program does: keys and values stand in memory, results are addresses or numbers. */
import { padTo8 } from "./bytes.ts";
import type { Alone } from "./module.ts";

const VALUE_OFFSET = 1024;

export function createProgram({ exports, bytes, spare }: Alone) {
  const value = spare + VALUE_OFFSET;
  return {
    /** Address, 0 for none. */
    lookup(map: number, key: Uint8Array): number {
      bytes.set(key, spare);
      return exports.map_lookup(map, spare) >>> 0;
    },
    read(map: number, key: Uint8Array, size: number): Uint8Array | undefined {
      const address = this.lookup(map, key);
      return address === 0 ? undefined : bytes.slice(address, address + size);
    },
    update(map: number, key: Uint8Array, content: Uint8Array, flags: number): number {
      bytes.set(key, spare);
      bytes.fill(0xa5, value, value + padTo8(content.length) + 8);
      bytes.set(content, value);
      return exports.map_update(map, spare, value, flags);
    },
    remove(map: number, key: Uint8Array): number {
      bytes.set(key, spare);
      return exports.map_delete(map, spare);
    },
  };
}
