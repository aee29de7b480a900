/** interfaces: what is known of the devices that packets come in on; their names stay on this side. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, rowAt } from "./access.ts";

export function createInterfaces(access: Access, capacity: Capacity): MapOf<"interfaces"> {
  const { memory } = access;
  const names = new Map<number, string>();
  const row = (index: number) => rowAt(access, layout.MAP_INTERFACES, index);
  return {
    name: "interfaces",
    capacity: capacity.interfaces,
    get length() {
      return names.size;
    },
    lookup(index) {
      const name = names.get(index);
      return name === undefined ? undefined : codec.readInterface(memory, row(index), name);
    },
    update(index, value) {
      const at = row(index);
      if (at === 0) throw mapFull("interfaces", capacity.interfaces);
      codec.writeInterface(memory, at, value);
      names.set(index, value.name);
    },
    delete(index) {
      if (!names.delete(index)) return false;
      const at = row(index);
      memory.bytes.fill(0, at, at + layout.INTERFACE_SIZE);
      return true;
    },
    *entries() {
      for (const [index, name] of [...names].sort(([a], [b]) => a - b)) {
        yield [index, codec.readInterface(memory, row(index), name)];
      }
    },
  };
}
