/** conntrack: the tuple that opened a connection -> the connection; both families in one map. */
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

export class Conntrack implements MapOf<"conntrack"> {
  readonly name = "conntrack";
  readonly capacity: number;
  readonly #access: Access;
  readonly #epoch: () => number;

  /** `epoch` is what the engine's times are counted from. */
  constructor(access: Access, { connections, connections6 }: Capacity, epoch: () => number) {
    this.capacity = connections + connections6;
    this.#access = access;
    this.#epoch = epoch;
  }

  get length(): number {
    const { exports } = this.#access;
    return exports.length(MAP.ipv4) + exports.length(MAP.ipv6);
  }

  lookup(tuple: Tuple): Connection | undefined {
    const at = this.#find(tuple);
    return at === 0 ? undefined : this.#read(at, familyOf(tuple));
  }

  update(): void {
    throw readOnly("conntrack");
  }

  delete(tuple: Tuple): boolean {
    const { exports, scratch } = this.#access;
    return this.#find(tuple) !== 0 && exports.remove(MAP[familyOf(tuple)], scratch) === 1;
  }

  *entries(): IterableIterator<[Tuple, Connection]> {
    for (const family of ["ipv4", "ipv6"] as const) {
      for (const at of occupied(this.#access, MAP[family])) {
        const orig = conntrack.readOrig(this.#access.memory, at, family);
        yield [orig, this.#read(at, family)];
      }
    }
  }

  /** Address of the record that was opened with that tuple, 0 when there is none. */
  #find(tuple: Tuple): number {
    const { exports, memory, scratch } = this.#access;
    const family = familyOf(tuple);
    conntrack.writeTuple(memory, scratch, family, tuple);
    const ref = exports.lookup(MAP[family], scratch) >>> 0;
    return conntrack.isReply(ref) ? 0 : ref;
  }

  #read(at: number, family: Family): Connection {
    return conntrack.readConnection(this.#access.memory, at, family, this.#epoch());
  }
}
