/** addresses: the addresses of type LOCAL of this node. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, occupied } from "./access.ts";

export function createAddresses(access: Access, capacity: Capacity): MapOf<"addresses"> {
  const { exports, memory, scratch } = access;
  const read = (at: number) => ({
    nodePorts: memory.bytes[at + layout.ADDRESS_NODE_PORTS] === 1,
  });
  return {
    name: "addresses",
    capacity: capacity.addresses,
    get length() {
      return exports.length(layout.MAP_ADDRESSES);
    },
    lookup(key) {
      codec.writeNodeAddress(memory, scratch, key);
      const at = exports.lookup(layout.MAP_ADDRESSES, scratch) >>> 0;
      return at === 0 ? undefined : read(at);
    },
    update(key, value) {
      codec.writeNodeAddress(memory, scratch, key);
      memory.bytes[scratch + layout.ADDRESS_NODE_PORTS] = value.nodePorts ? 1 : 0;
      if (exports.update(layout.MAP_ADDRESSES, scratch) !== 0) {
        throw mapFull("addresses", capacity.addresses);
      }
    },
    delete(key) {
      codec.writeNodeAddress(memory, scratch, key);
      return exports.remove(layout.MAP_ADDRESSES, scratch) === 1;
    },
    *entries() {
      for (const at of occupied(access, layout.MAP_ADDRESSES)) {
        yield [codec.readNodeAddress(memory, at), read(at)];
      }
    },
  };
}
