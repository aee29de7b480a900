/** The values of a map: one slot per entry, and in it one value, or one for every CPU. */
import {
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PERCPU_HASH,
  VALUE_ALIGNMENT,
} from "../../../../abi/program.ts";
import type { MapShape } from "../../../dataplane/runtime.ts";
import type { Block } from "./block.ts";

/** Bytes from one value to the next. */
export function strideOf({ valueSize }: MapShape): number {
  return Math.ceil(valueSize / VALUE_ALIGNMENT) * VALUE_ALIGNMENT;
}

/** Values that one entry has. */
export function copiesOf({ type }: MapShape, cpus: number): number {
  return type === MAP_TYPE_PERCPU_ARRAY || type === MAP_TYPE_PERCPU_HASH ? cpus : 1;
}

export class Values {
  readonly #block: Block;
  readonly #stride: number;
  readonly #copies: number;

  constructor(block: Block, cpus: number) {
    this.#block = block;
    this.#stride = strideOf(block.shape);
    this.#copies = copiesOf(block.shape, cpus);
  }

  /** Bytes of one entry as they are outside of programs. */
  get size(): number {
    return this.#copies === 1 ? this.#block.shape.valueSize : this.#copies * this.#stride;
  }

  /** Where a program finds the value of that CPU. */
  address(slot: number, cpu: number): number {
    const copy = this.#copies === 1 ? 0 : cpu;
    return this.#block.values + (slot * this.#copies + copy) * this.#stride;
  }

  read(slot: number): Uint8Array {
    return this.#block.memory.bytes(this.address(slot, 0), this.size).slice();
  }

  write(slot: number, value: Uint8Array): void {
    this.#block.memory.bytes(this.address(slot, 0), this.size).set(value);
  }

  /** That CPU's value alone. */
  writeOne(slot: number, value: Uint8Array, cpu: number): void {
    this.#block.memory.bytes(this.address(slot, cpu), value.length).set(value);
  }

  clear(slot: number): void {
    this.#block.memory.bytes(this.address(slot, 0), this.#copies * this.#stride).fill(0);
  }
}
