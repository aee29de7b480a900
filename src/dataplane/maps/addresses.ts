/** addresses: the addresses of type LOCAL of this node. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { Entries } from "../entries.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, occupied } from "./access.ts";

type Key = Entries["addresses"]["key"];
type Value = Entries["addresses"]["value"];

export class Addresses implements MapOf<"addresses"> {
  readonly name = "addresses";
  readonly capacity: number;
  readonly #access: Access;

  constructor(access: Access, capacity: Capacity) {
    this.capacity = capacity.addresses;
    this.#access = access;
  }

  get length(): number {
    return this.#access.exports.length(layout.MAP_ADDRESSES);
  }

  lookup(key: Key): Value | undefined {
    const { exports, memory, scratch } = this.#access;
    codec.writeNodeAddress(memory, scratch, key);
    const at = exports.lookup(layout.MAP_ADDRESSES, scratch) >>> 0;
    return at === 0 ? undefined : this.#read(at);
  }

  update(key: Key, value: Value): void {
    const { exports, memory, scratch } = this.#access;
    codec.writeNodeAddress(memory, scratch, key);
    memory.bytes[scratch + layout.ADDRESS_NODE_PORTS] = value.nodePorts ? 1 : 0;
    if (exports.update(layout.MAP_ADDRESSES, scratch) !== 0) {
      throw mapFull("addresses", this.capacity);
    }
  }

  delete(key: Key): boolean {
    const { exports, memory, scratch } = this.#access;
    codec.writeNodeAddress(memory, scratch, key);
    return exports.remove(layout.MAP_ADDRESSES, scratch) === 1;
  }

  *entries(): IterableIterator<[Key, Value]> {
    for (const at of occupied(this.#access, layout.MAP_ADDRESSES)) {
      yield [codec.readNodeAddress(this.#access.memory, at), this.#read(at)];
    }
  }

  #read(at: number): Value {
    return { nodePorts: this.#access.memory.bytes[at + layout.ADDRESS_NODE_PORTS] === 1 };
  }
}
