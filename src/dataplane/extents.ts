/**
 * Rows of an array map that owners hold in one piece each: the slots of a ring, the ranges of a service.
 * First fit; when the free rows suffice but no hole does, everything moves together.
 */
export interface Extent {
  base: number;
  readonly length: number;
}

export interface Extents<Owner> {
  /** Rows held now. */
  readonly used: number;
  readonly capacity: number;
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
  /** Holes, ascending by base; `end` is where the never used rows begin. */
  let holes: Extent[] = [];
  let end = 0;
  let used = 0;

  function firstFit(length: number): number | undefined {
    const index = holes.findIndex((hole) => hole.length >= length);
    if (index >= 0) return take(index, length);
    if (end + length > capacity) return undefined;
    end += length;
    return end - length;
  }

  function take(index: number, length: number): number {
    const { base, length: room } = holes[index] as Extent;
    if (room === length) holes.splice(index, 1);
    else holes[index] = { base: base + length, length: room - length };
    return base;
  }

  function compact(): void {
    const ascending = [...held].sort((a, b) => a[1].base - b[1].base);
    end = 0;
    for (const [owner, extent] of ascending) {
      if (extent.base !== end) move(owner, extent.base, end, extent.length);
      extent.base = end;
      end += extent.length;
    }
    holes = [];
  }

  function addHole(extent: Extent): void {
    let index = holes.findIndex((hole) => hole.base > extent.base);
    if (index < 0) index = holes.length;
    const before = holes[index - 1];
    const after = holes[index];
    let { base, length } = extent;
    let [first, count] = [index, 0];
    if (after && base + length === after.base) {
      length += after.length;
      count++;
    }
    if (before && before.base + before.length === base) {
      base = before.base;
      length += before.length;
      first--;
      count++;
    }
    holes.splice(first, count, { base, length });
  }

  return {
    capacity,
    get used() {
      return used;
    },
    get: (owner) => held.get(owner),
    owners: () => held.keys(),
    allocate(owner, length) {
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
      held.delete(owner);
      used -= extent.length;
      if (extent.length > 0) addHole(extent);
    },
  };
}
