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

export class Rings implements MapOf<"rings"> {
  readonly name = "rings";
  readonly capacity: number;
  readonly #access: Access;
  readonly #services: number;
  readonly #slots: Extents<number>;

  constructor(access: Access, { services }: Capacity, slots: Extents<number>) {
    this.capacity = services * 2;
    this.#access = access;
    this.#services = services;
    this.#slots = slots;
  }

  get length(): number {
    return [...this.#slots.owners()].length;
  }

  lookup(key: RingKey): Ring | undefined {
    const extent = this.#slots.get(codec.ringRow(key));
    if (!extent) return undefined;
    const list = extent.length === 0 ? [] : [...this.#slotsAt(extent)];
    return { scheduler: codec.readScheduler(this.#access.memory, this.#rowOf(key)), slots: list };
  }

  update(key: RingKey, value: Ring): void {
    const at = this.#rowOf(key);
    if (at === 0) throw mapFull("services", this.#services);
    const slots = this.#slots;
    const row = codec.ringRow(key);
    const free = slots.capacity - slots.used + (slots.get(row)?.length ?? 0);
    if (value.slots.length > free) throw mapFull("slots", slots.capacity);
    slots.release(row);
    const extent = slots.allocate(row, value.slots.length);
    if (extent.length > 0) this.#slotsAt(extent).set(value.slots);
    codec.writeRing(this.#access.memory, at, extent.base, extent.length, value.scheduler);
  }

  delete(key: RingKey): boolean {
    const row = codec.ringRow(key);
    if (!this.#slots.get(row)) return false;
    this.#slots.release(row);
    codec.writeRing(this.#access.memory, this.#rowOf(key), 0, 0, "random");
    return true;
  }

  *entries(): IterableIterator<[RingKey, Ring]> {
    for (const row of [...this.#slots.owners()].sort((a, b) => a - b)) {
      const key = codec.ringKey(row);
      yield [key, this.lookup(key) as Ring];
    }
  }

  #rowOf(key: RingKey): number {
    if (key.service > this.#services) return 0;
    return rowAt(this.#access, layout.MAP_RINGS, codec.ringRow(key));
  }

  #slotsAt({ base, length }: Extent): Uint32Array {
    const at = rowAt(this.#access, layout.MAP_SLOTS, base);
    return new Uint32Array(this.#access.memory.bytes.buffer, at, length);
  }
}
