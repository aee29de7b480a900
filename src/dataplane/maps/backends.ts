/** backends: number -> endpoint of a service port. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { Backend } from "../entries.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, rowAt } from "./access.ts";

export class Backends implements MapOf<"backends"> {
  readonly name = "backends";
  readonly capacity: number;
  readonly #access: Access;
  #length = 0;

  constructor(access: Access, capacity: Capacity) {
    this.capacity = capacity.backends;
    this.#access = access;
  }

  get length(): number {
    return this.#length;
  }

  lookup(number: number): Backend | undefined {
    const at = this.#rowOf(number);
    return at === 0 ? undefined : codec.readBackend(this.#access.memory, at);
  }

  update(number: number, value: Backend): void {
    const { memory } = this.#access;
    const at = this.#rowOf(number);
    if (at === 0) throw mapFull("backends", this.capacity);
    if (!codec.isBackend(memory, at)) {
      this.#length++;
      clearTraffic(this.#access, number);
    }
    codec.writeBackend(memory, at, value);
  }

  delete(number: number): boolean {
    const { memory } = this.#access;
    const at = this.#rowOf(number);
    if (at === 0 || !codec.isBackend(memory, at)) return false;
    // What connections it has stays counted: they end one by one, whatever happens to the row.
    memory.bytes.fill(0, at, at + layout.BACKEND_CONNECTIONS);
    this.#length--;
    return true;
  }

  *entries(): IterableIterator<[number, Backend]> {
    // Rows stand one behind the other; most are nobody's, and asking for each takes longer than all else.
    const first = rowAt(this.#access, layout.MAP_BACKENDS, 0);
    for (let number = 1; number <= this.capacity; number++) {
      const at = first + number * layout.BACKEND_SIZE;
      const backend = codec.readBackend(this.#access.memory, at);
      if (backend) yield [number, backend];
    }
  }

  /** Row 0 is nobody's. */
  #rowOf(number: number): number {
    return number > 0 ? rowAt(this.#access, layout.MAP_BACKENDS, number) : 0;
  }
}

/** What went to a former backend of the number is not the new one's. */
function clearTraffic(access: Access, number: number): void {
  const at = rowAt(access, layout.MAP_TRAFFIC, number);
  access.memory.bytes.fill(0, at, at + layout.TRAFFIC_SIZE);
}
