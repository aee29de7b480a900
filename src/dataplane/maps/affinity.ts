/** affinity: client and service port -> the backends it stays with. */
import * as layout from "../../../abi/layout.ts";
import * as conntrack from "../conntrack.ts";
import type { Capacity } from "../dataplane.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, occupied } from "./access.ts";

/** `epoch` is what the engine's times are counted from. */
export function createAffinity(
  access: Access,
  capacity: Capacity,
  epoch: () => number,
): MapOf<"affinity"> {
  const { exports, memory, scratch } = access;
  return {
    name: "affinity",
    capacity: capacity.affinity,
    get length() {
      return exports.length(layout.MAP_AFFINITY);
    },
    lookup(key) {
      conntrack.writeAffinityKey(memory, scratch, key);
      const at = exports.lookup(layout.MAP_AFFINITY, scratch) >>> 0;
      return at === 0 ? undefined : conntrack.readAffinity(memory, at, epoch());
    },
    update(key, value) {
      conntrack.writeAffinityKey(memory, scratch, key);
      conntrack.writeAffinity(memory, scratch, value, epoch());
      if (exports.update(layout.MAP_AFFINITY, scratch) !== 0)
        throw mapFull("affinity", capacity.affinity);
    },
    delete(key) {
      conntrack.writeAffinityKey(memory, scratch, key);
      return exports.remove(layout.MAP_AFFINITY, scratch) === 1;
    },
    *entries() {
      for (const at of occupied(access, layout.MAP_AFFINITY)) {
        yield [conntrack.readAffinityKey(memory, at), conntrack.readAffinity(memory, at, epoch())];
      }
    },
  };
}
