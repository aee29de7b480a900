/** Hashes: kernel/bpf/hashtab.c. A lru_hash that is full gives up what has not been used. */
import { E2BIG, EEXIST, ENOENT, UPDATE_EXIST, UPDATE_NOEXIST } from "../../../../abi/program.ts";
import { type Index, textOf } from "./index.ts";
import { Slots } from "./slots.ts";

export class HashIndex implements Index {
  protected readonly slots: Slots;

  constructor(capacity: number) {
    this.slots = new Slots(capacity);
  }

  get length(): number {
    return this.slots.length;
  }

  match(key: Uint8Array): number | undefined {
    return this.slots.find(textOf(key));
  }

  find(key: Uint8Array): number | undefined {
    return this.slots.find(textOf(key));
  }

  place(key: Uint8Array, flags: number): number {
    const slot = this.find(key);
    if (slot !== undefined) {
      if (flags === UPDATE_NOEXIST) return -EEXIST;
      this.touch(slot);
      return slot;
    }
    if (flags === UPDATE_EXIST) return -ENOENT;
    const taken = this.slots.free() ?? this.evict();
    if (taken === undefined) return -E2BIG;
    this.slots.set(taken, textOf(key), key);
    return taken;
  }

  remove(key: Uint8Array): number {
    return this.slots.remove(textOf(key)) === undefined ? -ENOENT : 0;
  }

  touch(_slot: number): void {}

  after(slot: number): number | undefined {
    return this.slots.after(slot);
  }

  key(slot: number): Uint8Array | undefined {
    return this.slots.key(slot);
  }

  /** The slot of an entry that is given up for a new one. */
  protected evict(): number | undefined {
    return undefined;
  }
}

/** CLOCK: a hand goes round the slots and takes the first that was not used since it came by last. */
export class LruIndex extends HashIndex {
  readonly #used = new Set<number>();
  #hand = 0;

  override touch(slot: number): void {
    this.#used.add(slot);
  }

  override remove(key: Uint8Array): number {
    const slot = this.slots.remove(textOf(key));
    if (slot === undefined) return -ENOENT;
    this.#used.delete(slot);
    return 0;
  }

  /** Ends in the second round: the first has made every slot unused. */
  protected override evict(): number {
    while (true) {
      const slot = this.#hand;
      this.#hand = (slot + 1) % this.slots.capacity;
      if (!this.#used.delete(slot)) return slot;
    }
  }
}
