/** endpoints: what listens at an address, port and protocol that backends have. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { Endpoint, Vip } from "../entries.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, occupied } from "./access.ts";

export class Endpoints implements MapOf<"endpoints"> {
  readonly name = "endpoints";
  readonly capacity: number;
  readonly #access: Access;

  constructor(access: Access, capacity: Capacity) {
    this.capacity = capacity.backends;
    this.#access = access;
  }

  get length(): number {
    return this.#access.exports.length(layout.MAP_ENDPOINTS);
  }

  lookup(key: Vip): Endpoint | undefined {
    const { exports, memory, scratch } = this.#access;
    codec.writeVip(memory, scratch, key);
    const at = exports.lookup(layout.MAP_ENDPOINTS, scratch) >>> 0;
    return at === 0 ? undefined : codec.readEndpoint(memory, at);
  }

  update(key: Vip, value: Endpoint): void {
    const { exports, memory, scratch } = this.#access;
    codec.writeEndpoint(memory, scratch, key, value);
    if (exports.update(layout.MAP_ENDPOINTS, scratch) !== 0) {
      throw mapFull("backends", this.capacity);
    }
  }

  delete(key: Vip): boolean {
    const { exports, memory, scratch } = this.#access;
    codec.writeVip(memory, scratch, key);
    return exports.remove(layout.MAP_ENDPOINTS, scratch) === 1;
  }

  *entries(): IterableIterator<[Vip, Endpoint]> {
    const { memory } = this.#access;
    for (const at of occupied(this.#access, layout.MAP_ENDPOINTS)) {
      yield [codec.readVip(memory, at), codec.readEndpoint(memory, at)];
    }
  }
}
