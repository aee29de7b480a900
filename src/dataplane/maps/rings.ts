/** rings: service port and which ring -> backend numbers, which stand in slots. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { Ring, RingKey } from "../entries.ts";
import { mapFull } from "../error.ts";
import { createExtents, type Extent, type Extents } from "../extents.ts";
import { type Access, type MapOf, rowAt } from "./access.ts";

/** Slots of all rings; an owner is a row of `rings`. */
export function createSlots(access: Access, capacity: Capacity): Extents<number> {
  const { memory } = access;
  const row = (map: number, index: number) => rowAt(access, map, index);
  return createExtents<number>(capacity.slots, (ring, from, to, length) => {
    const [source, target] = [row(layout.MAP_SLOTS, from), row(layout.MAP_SLOTS, to)];
    memory.bytes.copyWithin(target, source, source + length * layout.SLOT_SIZE);
    memory.view.setUint32(row(layout.MAP_RINGS, ring) + layout.RING_BASE, to, true);
  });
}

export function createRings(
  access: Access,
  capacity: Capacity,
  slots: Extents<number>,
): MapOf<"rings"> {
  const { memory } = access;
  const rowOf = (key: RingKey) =>
    key.service > capacity.services ? 0 : rowAt(access, layout.MAP_RINGS, codec.ringRow(key));
  const slotsAt = ({ base, length }: Extent) =>
    new Uint32Array(memory.bytes.buffer, rowAt(access, layout.MAP_SLOTS, base), length);
  return {
    name: "rings",
    capacity: capacity.services * 2,
    get length() {
      return [...slots.owners()].length;
    },
    lookup(key) {
      const extent = slots.get(codec.ringRow(key));
      if (!extent) return undefined;
      const list = extent.length === 0 ? [] : [...slotsAt(extent)];
      return { scheduler: codec.readScheduler(memory, rowOf(key)), slots: list };
    },
    update(key, value) {
      const at = rowOf(key);
      if (at === 0) throw mapFull("services", capacity.services);
      const row = codec.ringRow(key);
      const free = slots.capacity - slots.used + (slots.get(row)?.length ?? 0);
      if (value.slots.length > free) throw mapFull("slots", capacity.slots);
      slots.release(row);
      const extent = slots.allocate(row, value.slots.length);
      if (extent.length > 0) slotsAt(extent).set(value.slots);
      codec.writeRing(memory, at, extent.base, extent.length, value.scheduler);
    },
    delete(key) {
      const row = codec.ringRow(key);
      if (!slots.get(row)) return false;
      slots.release(row);
      codec.writeRing(memory, rowOf(key), 0, 0, "random");
      return true;
    },
    *entries() {
      for (const row of [...slots.owners()].sort((a, b) => a - b)) {
        const key = codec.ringKey(row);
        yield [key, this.lookup(key) as Ring];
      }
    },
  };
}
