/** backends: number -> endpoint of a service port. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import { mapFull } from "../error.ts";
import { type Access, type MapOf, rowAt } from "./access.ts";

export function createBackends(access: Access, capacity: Capacity): MapOf<"backends"> {
  const { memory } = access;
  const row = (number: number) => rowAt(access, layout.MAP_BACKENDS, number);
  let length = 0;
  return {
    name: "backends",
    capacity: capacity.backends,
    get length() {
      return length;
    },
    lookup(number) {
      const at = number > 0 ? row(number) : 0;
      return at === 0 ? undefined : codec.readBackend(memory, at);
    },
    update(number, value) {
      const at = number > 0 ? row(number) : 0;
      if (at === 0) throw mapFull("backends", capacity.backends);
      if (!codec.isBackend(memory, at)) {
        length++;
        clearTraffic(access, number);
      }
      codec.writeBackend(memory, at, value);
    },
    delete(number) {
      const at = number > 0 ? row(number) : 0;
      if (at === 0 || !codec.isBackend(memory, at)) return false;
      // What connections it has stays counted: they end one by one, whatever happens to the row.
      memory.bytes.fill(0, at, at + layout.BACKEND_CONNECTIONS);
      length--;
      return true;
    },
    *entries() {
      // Rows stand one behind the other; most are nobody's, and asking for each takes longer than all else.
      const first = row(0);
      for (let number = 1; number <= capacity.backends; number++) {
        const backend = codec.readBackend(memory, first + number * layout.BACKEND_SIZE);
        if (backend) yield [number, backend];
      }
    },
  };
}

/** What went to a former backend of the number is not the new one's. */
function clearTraffic(access: Access, number: number): void {
  const at = rowAt(access, layout.MAP_TRAFFIC, number);
  access.memory.bytes.fill(0, at, at + layout.TRAFFIC_SIZE);
}
