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

/** Copies rows of an owner when extents are moved together, lowest first. */
export type Move<Owner> = (owner: Owner, from: number, to: number, length: number) => void;

export function createExtents<Owner>(capacity: number, move: Move<Owner>): Extents<Owner> {
  return new Rows(capacity, move);
}

class Rows<Owner> implements Extents<Owner> {
  readonly capacity: number;
  readonly #move: Move<Owner>;
  readonly #held = new Map<Owner, Extent>();
  readonly #holes = createHoles();
  /** Where the rows begin that were not used since everything was moved together. */
  #end = 0;
  #used = 0;
  #revision = 0;

  constructor(capacity: number, move: Move<Owner>) {
    this.capacity = capacity;
    this.#move = move;
  }

  get used() {
    return this.#used;
  }

  get revision() {
    return this.#revision;
  }

  get(owner: Owner) {
    return this.#held.get(owner);
  }

  owners() {
    return this.#held.keys();
  }

  allocate(owner: Owner, length: number): Extent {
    this.#revision++;
    const extent = { base: length === 0 ? 0 : this.#find(length), length };
    this.#held.set(owner, extent);
    this.#used += length;
    return extent;
  }

  release(owner: Owner): void {
    const extent = this.#held.get(owner);
    if (!extent) return;
    this.#revision++;
    this.#held.delete(owner);
    this.#used -= extent.length;
    if (extent.length > 0) this.#holes.add(extent);
  }

  #find(length: number): number {
    const base = this.#firstFit(length);
    if (base !== undefined) return base;
    this.#compact();
    const moved = this.#firstFit(length);
    if (moved !== undefined) return moved;
    throw new RangeError(`${length} rows asked for, ${this.capacity - this.#used} free`);
  }

  #firstFit(length: number): number | undefined {
    const hole = this.#holes.take(length);
    if (hole !== undefined || this.#end + length > this.capacity) return hole;
    this.#end += length;
    return this.#end - length;
  }

  #compact(): void {
    const ascending = [...this.#held].sort((a, b) => a[1].base - b[1].base);
    this.#end = 0;
    for (const [owner, extent] of ascending) {
      if (extent.base !== this.#end) this.#move(owner, extent.base, this.#end, extent.length);
      extent.base = this.#end;
      this.#end += extent.length;
    }
    this.#holes.clear();
  }
}
