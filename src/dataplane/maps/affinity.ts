/** affinity: client and service port -> the backends it stays with. */
import * as layout from "../../../abi/layout.ts";
import * as conntrack from "../conntrack.ts";
import type { Capacity } from "../dataplane.ts";
import type { AffinityEntry, Entries } from "../entries.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, occupied } from "./access.ts";

type Key = Entries["affinity"]["key"];

export class Affinity implements MapOf<"affinity"> {
  readonly name = "affinity";
  readonly capacity: number;
  readonly #access: Access;
  readonly #epoch: () => number;

  /** `epoch` is what the engine's times are counted from. */
  constructor(access: Access, capacity: Capacity, epoch: () => number) {
    this.capacity = capacity.affinity;
    this.#access = access;
    this.#epoch = epoch;
  }

  get length(): number {
    return this.#access.exports.length(layout.MAP_AFFINITY);
  }

  lookup(key: Key): AffinityEntry | undefined {
    const { exports, memory, scratch } = this.#access;
    conntrack.writeAffinityKey(memory, scratch, key);
    const at = exports.lookup(layout.MAP_AFFINITY, scratch) >>> 0;
    return at === 0 ? undefined : this.#read(at);
  }

  update(key: Key, value: AffinityEntry): void {
    const { exports, memory, scratch } = this.#access;
    conntrack.writeAffinityKey(memory, scratch, key);
    conntrack.writeAffinity(memory, scratch, value, this.#epoch());
    if (exports.update(layout.MAP_AFFINITY, scratch) !== 0)
      throw mapFull("affinity", this.capacity);
  }

  delete(key: Key): boolean {
    const { exports, memory, scratch } = this.#access;
    conntrack.writeAffinityKey(memory, scratch, key);
    return exports.remove(layout.MAP_AFFINITY, scratch) === 1;
  }

  *entries(): IterableIterator<[Key, AffinityEntry]> {
    for (const at of occupied(this.#access, layout.MAP_AFFINITY)) {
      yield [conntrack.readAffinityKey(this.#access.memory, at), this.#read(at)];
    }
  }

  #read(at: number): AffinityEntry {
    return conntrack.readAffinity(this.#access.memory, at, this.#epoch());
  }
}
