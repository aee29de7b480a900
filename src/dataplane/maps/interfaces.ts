/** interfaces: what is known of the devices that packets come in on; their names stay on this side. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { Interface } from "../entries.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, rowAt } from "./access.ts";

export class Interfaces implements MapOf<"interfaces"> {
  readonly name = "interfaces";
  readonly capacity: number;
  readonly #access: Access;
  readonly #names = new Map<number, string>();

  constructor(access: Access, capacity: Capacity) {
    this.capacity = capacity.interfaces;
    this.#access = access;
  }

  get length(): number {
    return this.#names.size;
  }

  lookup(index: number): Interface | undefined {
    const name = this.#names.get(index);
    return name === undefined ? undefined : this.#read(index, name);
  }

  update(index: number, value: Interface): void {
    const at = this.#rowOf(index);
    if (at === 0) throw mapFull("interfaces", this.capacity);
    codec.writeInterface(this.#access.memory, at, value);
    this.#names.set(index, value.name);
  }

  delete(index: number): boolean {
    if (!this.#names.delete(index)) return false;
    const at = this.#rowOf(index);
    this.#access.memory.bytes.fill(0, at, at + layout.INTERFACE_SIZE);
    return true;
  }

  *entries(): IterableIterator<[number, Interface]> {
    for (const [index, name] of [...this.#names].sort(([a], [b]) => a - b)) {
      yield [index, this.#read(index, name)];
    }
  }

  #rowOf(index: number): number {
    return rowAt(this.#access, layout.MAP_INTERFACES, index);
  }

  #read(index: number, name: string): Interface {
    return codec.readInterface(this.#access.memory, this.#rowOf(index), name);
  }
}
