/** conntrack: the tuple that opened a connection -> the connection; both families in one map. */
import * as layout from "../../../abi/layout.ts";
import * as address from "../../packet/address.ts";
import * as conntrack from "../conntrack.ts";
import type { Capacity } from "../dataplane.ts";
import type { Family, Tuple } from "../entries.ts";
import { type Access, type MapOf, occupied, readOnly } from "./access.ts";

const MAP: Readonly<Record<Family, number>> = {
  ipv4: layout.MAP_CONNTRACK4,
  ipv6: layout.MAP_CONNTRACK6,
};

function familyOf({ saddr }: Tuple): Family {
  return address.family(saddr);
}

/** `epoch` is what the engine's times are counted from. */
export function createConntrack(
  access: Access,
  capacity: Capacity,
  epoch: () => number,
): MapOf<"conntrack"> {
  const { exports, memory, scratch } = access;
  /** Address of the record that was opened with that tuple, 0 when there is none. */
  const find = (tuple: Tuple): number => {
    const family = familyOf(tuple);
    conntrack.writeTuple(memory, scratch, family, tuple);
    const ref = exports.lookup(MAP[family], scratch) >>> 0;
    return conntrack.isReply(ref) ? 0 : ref;
  };
  const read = (at: number, family: Family) =>
    conntrack.readConnection(memory, at, family, epoch());
  return {
    name: "conntrack",
    capacity: capacity.connections + capacity.connections6,
    get length() {
      return exports.length(MAP.ipv4) + exports.length(MAP.ipv6);
    },
    lookup(tuple) {
      const at = find(tuple);
      return at === 0 ? undefined : read(at, familyOf(tuple));
    },
    update() {
      throw readOnly("conntrack");
    },
    delete(tuple) {
      return find(tuple) !== 0 && exports.remove(MAP[familyOf(tuple)], scratch) === 1;
    },
    *entries() {
      for (const family of ["ipv4", "ipv6"] as const) {
        for (const at of occupied(access, MAP[family])) {
          yield [conntrack.readOrig(memory, at, family), read(at, family)];
        }
      }
    },
  };
}
