/** Arrays: kernel/bpf/arraymap.c. The entries of plain ones are there from the start and stay. */
import {
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  UPDATE_ANY,
  UPDATE_NOEXIST,
} from "../../../../abi/program.ts";
import { viewOf } from "../../../packet/bytes.ts";
import type { Index } from "./index.ts";

export class ArrayIndex implements Index {
  protected readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.capacity;
  }

  match(key: Uint8Array): number | undefined {
    return this.find(key);
  }

  find(key: Uint8Array): number | undefined {
    return this.within(key);
  }

  place(key: Uint8Array, flags: number): number {
    const slot = this.within(key);
    if (slot === undefined) return -E2BIG;
    return flags === UPDATE_NOEXIST ? -EEXIST : slot;
  }

  remove(_key: Uint8Array): number {
    return -EINVAL;
  }

  touch(): void {}

  after(slot: number): number | undefined {
    return slot + 1 < this.capacity ? slot + 1 : undefined;
  }

  key(slot: number): Uint8Array {
    const key = new Uint8Array(4);
    viewOf(key).setUint32(0, slot, true);
    return key;
  }

  protected within(key: Uint8Array): number | undefined {
    const slot = viewOf(key).getUint32(0, true);
    return slot < this.capacity ? slot : undefined;
  }
}

/** A prog_array or an array_of_maps: its entries come and go. */
export class ReferenceIndex extends ArrayIndex {
  readonly #filled = new Set<number>();

  override get length(): number {
    return this.#filled.size;
  }

  override find(key: Uint8Array): number | undefined {
    const slot = this.within(key);
    return slot !== undefined && this.#filled.has(slot) ? slot : undefined;
  }

  override place(key: Uint8Array, flags: number): number {
    if (flags !== UPDATE_ANY) return -EINVAL;
    const slot = this.within(key);
    if (slot === undefined) return -E2BIG;
    this.#filled.add(slot);
    return slot;
  }

  override remove(key: Uint8Array): number {
    const slot = this.within(key);
    if (slot === undefined) return -E2BIG;
    return this.#filled.delete(slot) ? 0 : -ENOENT;
  }

  override after(slot: number): number | undefined {
    for (let next = slot + 1; next < this.capacity; next++) {
      if (this.#filled.has(next)) return next;
    }
    return undefined;
  }
}
