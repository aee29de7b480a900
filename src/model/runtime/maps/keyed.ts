/** Maps that have keys: an index says which slot belongs to a key, the values stand in slots. */
import {
  EAGAIN,
  EINVAL,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH_OF_MAPS,
} from "../../../../abi/program.ts";
import type { MapShape } from "../../../dataplane/runtime.ts";
import { viewOf } from "../../../packet/bytes.ts";
import type { Block } from "./block.ts";
import type { Index } from "./index.ts";
import {
  isReadable,
  isUpdateFlag,
  type ModelMap,
  REFERENCES,
  removalRefusal,
  updateRefusal,
} from "./map.ts";
import { Values } from "./values.ts";

const INNER: readonly number[] = [MAP_TYPE_ARRAY_OF_MAPS, MAP_TYPE_HASH_OF_MAPS];

export class KeyedMap implements ModelMap {
  readonly shape: MapShape;
  readonly handle: number;
  readonly lost = 0;
  readonly #block: Block;
  readonly #index: Index;
  readonly #values: Values;

  constructor(block: Block, index: Index, cpus: number) {
    this.shape = block.shape;
    this.handle = block.handle;
    this.#block = block;
    this.#index = index;
    this.#values = new Values(block, cpus);
    block.length = index.length;
  }

  get length(): number {
    return this.#index.length;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    const slot = this.#index.match(key);
    return slot === undefined ? undefined : this.#values.read(slot);
  }

  update(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (value.length !== this.#values.size || !this.#isReference(value)) return -EINVAL;
    const slot = this.#place(key, flags);
    if (slot < 0) return slot;
    this.#values.write(slot, value);
    return 0;
  }

  remove(key: Uint8Array): number {
    const slot = this.#index.find(key);
    const error = this.#index.remove(key);
    if (error === 0) this.#values.clear(slot as number);
    this.#block.length = this.#index.length;
    return error;
  }

  next(key: Uint8Array | undefined): Uint8Array | undefined {
    const slot = this.#index.after((key && this.#index.find(key)) ?? -1);
    return slot === undefined ? undefined : this.#index.key(slot);
  }

  *entries(): IterableIterator<[Uint8Array, Uint8Array]> {
    let slot = this.#index.after(-1);
    while (slot !== undefined) {
      const key = this.#index.key(slot);
      if (key !== undefined) yield [key, this.#values.read(slot)];
      slot = this.#index.after(slot);
    }
  }

  consume(): Uint8Array[] {
    return [];
  }

  emit(): number {
    return -EAGAIN;
  }

  free(): void {
    this.#block.free();
  }

  lookupFrom(key: number, cpu: number): number {
    if (!isReadable(this)) return 0;
    const slot = this.#index.match(this.#block.memory.bytes(key, this.shape.keySize));
    if (slot === undefined) return 0;
    this.#index.touch(slot);
    const address = this.#values.address(slot, cpu);
    return INNER.includes(this.shape.type) ? this.#block.memory.word(address) : address;
  }

  updateFrom(key: number, value: number, flags: number, cpu: number): number {
    const refusal = updateRefusal(this) || (isUpdateFlag(flags) ? 0 : -EINVAL);
    if (refusal !== 0) return refusal;
    const wanted = this.#block.memory.bytes(key, this.shape.keySize);
    const bytes = this.#block.memory.bytes(value, this.shape.valueSize).slice();
    const slot = this.#place(wanted, flags);
    if (slot < 0) return slot;
    this.#values.writeOne(slot, bytes, cpu);
    return 0;
  }

  removeFrom(key: number): number {
    const refusal = removalRefusal(this);
    return refusal || this.remove(this.#block.memory.bytes(key, this.shape.keySize).slice());
  }

  #place(key: Uint8Array, flags: number): number {
    if (key.length !== this.shape.keySize || !isUpdateFlag(flags)) return -EINVAL;
    const slot = this.#index.place(key, flags);
    this.#block.length = this.#index.length;
    return slot;
  }

  /** What stands for no program and no map is no value of theirs. */
  #isReference(value: Uint8Array): boolean {
    return !REFERENCES.includes(this.shape.type) || viewOf(value).getUint32(0, true) !== 0;
  }
}
