/** conntrack: the tuple that opened a connection -> the connection; both families in one map. */
import { FLAG_REPLY } from "../../../abi/conntrack.ts";
import * as layout from "../../../abi/layout.ts";
import * as address from "../../packet/address.ts";
import * as conntrack from "../conntrack.ts";
import type { Capacity } from "../dataplane.ts";
import type { Connection, Family, Tuple } from "../entries.ts";
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
  const isReply = (at: number, family: Family) =>
    (conntrack.flagsOf(memory, at, family) & FLAG_REPLY) !== 0;
  /** Address of the entry with that tuple in the direction that opened it, 0 when there is none. */
  const find = (tuple: Tuple): number => {
    const family = familyOf(tuple);
    conntrack.writeTuple(memory, scratch, family, tuple);
    const at = exports.lookup(MAP[family], scratch) >>> 0;
    return at !== 0 && isReply(at, family) ? 0 : at;
  };
  const read = (at: number, family: Family): Connection => {
    const reply = exports.at(MAP[family], conntrack.pairOf(memory, at, family)) >>> 0;
    return conntrack.readConnection(memory, at, reply, family, epoch());
  };
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
          if (isReply(at, family)) continue;
          yield [conntrack.readTuple(memory, at, family), read(at, family)];
        }
      }
    },
  };
}
