/** How a map finds its entries: which slot belongs to a key, and what may be added. */

export interface Index {
  /** Entries now. */
  readonly length: number;
  /** Slot of what a lookup of that key finds. */
  match(key: Uint8Array): number | undefined;
  /** Slot of that very key. */
  find(key: Uint8Array): number | undefined;
  /** Slot where an update goes, which makes the entry if need be; below 0 an error number, negated. */
  place(key: Uint8Array, flags: number): number;
  /** 0, or an error number, negated. */
  remove(key: Uint8Array): number;
  /** A program has found it. */
  touch(slot: number): void;
  /** The slot with an entry that comes after one; -1 starts. */
  after(slot: number): number | undefined;
  key(slot: number): Uint8Array | undefined;
}

/** Text that is the same for the same bytes. */
export function textOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}
