/** Keys in numbered slots: what has been freed last is given first, then slots never used, from 0. */

export class Slots {
  readonly capacity: number;
  readonly #slots = new Map<string, number>();
  /** By slot: the text a key goes by, and the key itself. */
  readonly #texts: (string | undefined)[] = [];
  readonly #keys: (Uint8Array | undefined)[] = [];
  readonly #freed: number[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.#slots.size;
  }

  find(text: string): number | undefined {
    return this.#slots.get(text);
  }

  /** Undefined when every slot is taken. */
  free(): number | undefined {
    const fresh = this.#keys.length < this.capacity ? this.#keys.length : undefined;
    return this.#freed.pop() ?? fresh;
  }

  /** What had the slot before is gone. */
  set(slot: number, text: string, key: Uint8Array): void {
    const before = this.#texts[slot];
    if (before !== undefined) this.#slots.delete(before);
    this.#slots.set(text, slot);
    this.#texts[slot] = text;
    this.#keys[slot] = key.slice();
  }

  /** The slot that is free now. */
  remove(text: string): number | undefined {
    const slot = this.#slots.get(text);
    if (slot === undefined) return undefined;
    this.#slots.delete(text);
    this.#texts[slot] = undefined;
    this.#keys[slot] = undefined;
    this.#freed.push(slot);
    return slot;
  }

  /** The slot with a key that comes after one, in ascending order; -1 starts. */
  after(slot: number): number | undefined {
    for (let next = slot + 1; next < this.#keys.length; next++) {
      if (this.#keys[next] !== undefined) return next;
    }
    return undefined;
  }

  key(slot: number): Uint8Array | undefined {
    return this.#keys[slot]?.slice();
  }
}
