/** endpoints: what listens at an address, port and protocol that backends have. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, occupied } from "./access.ts";

export function createEndpoints(access: Access, capacity: Capacity): MapOf<"endpoints"> {
  const { exports, memory, scratch } = access;
  return {
    name: "endpoints",
    capacity: capacity.backends,
    get length() {
      return exports.length(layout.MAP_ENDPOINTS);
    },
    lookup(key) {
      codec.writeVip(memory, scratch, key);
      const at = exports.lookup(layout.MAP_ENDPOINTS, scratch) >>> 0;
      return at === 0 ? undefined : codec.readEndpoint(memory, at);
    },
    update(key, value) {
      codec.writeEndpoint(memory, scratch, key, value);
      if (exports.update(layout.MAP_ENDPOINTS, scratch) !== 0) {
        throw mapFull("backends", capacity.backends);
      }
    },
    delete(key) {
      codec.writeVip(memory, scratch, key);
      return exports.remove(layout.MAP_ENDPOINTS, scratch) === 1;
    },
    *entries() {
      for (const at of occupied(access, layout.MAP_ENDPOINTS)) {
        yield [codec.readVip(memory, at), codec.readEndpoint(memory, at)];
      }
    },
  };
}
