/**
 * Rows of an array map that owners hold in one piece each: the slots of a ring, the ranges of a service.
 * First fit; when the free rows suffice but no hole does, everything moves together.
 */
import { createHoles } from "./holes.ts";

export interface Extent {
  base: number;
  readonly length: number;
}

export interface Extents<Owner> {
  /** Rows held now. */
  readonly used: number;
  readonly capacity: number;
  /** Counts the changes. */
  readonly revision: number;
  get(owner: Owner): Extent | undefined;
  /** The caller has made sure that `used + length` is within the capacity. */
  allocate(owner: Owner, length: number): Extent;
  release(owner: Owner): void;
  owners(): IterableIterator<Owner>;
}

/** `move` copies rows when extents are moved together, lowest first. */
export function createExtents<Owner>(
  capacity: number,
  move: (owner: Owner, from: number, to: number, length: number) => void,
): Extents<Owner> {
  const held = new Map<Owner, Extent>();
  const holes = createHoles();
  /** Where the rows begin that were not used since everything was moved together. */
  let end = 0;
  let used = 0;
  let revision = 0;

  function firstFit(length: number): number | undefined {
    const hole = holes.take(length);
    if (hole !== undefined || end + length > capacity) return hole;
    end += length;
    return end - length;
  }

  function compact(): void {
    const ascending = [...held].sort((a, b) => a[1].base - b[1].base);
    end = 0;
    for (const [owner, extent] of ascending) {
      if (extent.base !== end) move(owner, extent.base, end, extent.length);
      extent.base = end;
      end += extent.length;
    }
    holes.clear();
  }

  return {
    capacity,
    get used() {
      return used;
    },
    get revision() {
      return revision;
    },
    get: (owner) => held.get(owner),
    owners: () => held.keys(),
    allocate(owner, length) {
      revision++;
      if (length === 0) {
        const empty = { base: 0, length: 0 };
        held.set(owner, empty);
        return empty;
      }
      let base = firstFit(length);
      if (base === undefined) {
        compact();
        base = firstFit(length);
      }
      if (base === undefined)
        throw new RangeError(`${length} rows asked for, ${capacity - used} free`);
      const extent = { base, length };
      held.set(owner, extent);
      used += length;
      return extent;
    },
    release(owner) {
      const extent = held.get(owner);
      if (!extent) return;
      revision++;
      held.delete(owner);
      used -= extent.length;
      if (extent.length > 0) holes.add(extent);
    },
  };
}
