/** What the model gives to programs: memory, a table, maps, helpers, and the walk through their chains. */

import { createArena } from "../../dataplane/arena.ts";
import {
  type Chains,
  isServiceNatAlone,
  type Runtime,
  SERVICE_NAT_ALONE,
} from "../../dataplane/runtime.ts";
import type { Store } from "../store.ts";
import type { Arrival, Result } from "../walk.ts";
import { createHelpers } from "./helpers.ts";
import { createByteMaps } from "./maps/maps.ts";
import { ProgramMemory } from "./maps/memory.ts";
import { createMoment } from "./moment.ts";
import type { Nat } from "./nat.ts";
import { createMemory, layOut, type Slots } from "./places.ts";
import { Rooms } from "./rooms.ts";
import { Tally, talliesOf } from "./tally.ts";
import { walk } from "./walk.ts";

export interface ModelRuntime extends Runtime {
  /** Whether the chains are anything else than service NAT alone. */
  readonly isActive: boolean;
  /** Takes frames through the chains, each step all of them before the next. */
  walk(arrivals: readonly Arrival[], slots: Slots): Result[];
}

/** Throws DataplaneError "capacity". */
export function createRuntime(store: Store, nat: Nat): ModelRuntime {
  const parts = createParts(store);
  const { memory, table, arena, maps, moment } = parts;
  let chains = SERVICE_NAT_ALONE;
  let tallies = talliesOf(linksOf(chains), new Map());
  return {
    memory,
    table,
    arena,
    cpus: store.capacity.cpus,
    helpers: parts.helpers,
    get random() {
      return moment.random;
    },
    set random(state) {
      moment.random = state;
    },
    begin: (nanoseconds, cpu) => begin(parts, nanoseconds, cpu),
    createMap: (shape) => maps.createMap(shape),
    install(next) {
      chains = next;
      tallies = talliesOf(linksOf(next), tallies);
    },
    tally: (link) => (tallies.get(link) ?? new Tally()).describe(),
    get isActive() {
      return !isServiceNatAlone(chains);
    },
    walk: (arrivals, slots) =>
      walk({ ...parts, nat, chains, tallies, silenced: new Set() }, arrivals, slots),
  };
}

/** What stays the same from one call to the next. */
function createParts(store: Store) {
  const { capacity, seed } = store;
  const places = layOut(capacity);
  const memory = createMemory(places);
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
  const arena = createArena(memory, places.arena, capacity.arena);
  const maps = createByteMaps(memory, arena, capacity.cpus);
  const moment = createMoment(seed);
  const rooms = new Rooms();
  const around = { memory: new ProgramMemory(memory), moment, maps, store, rooms };
  const machine = { ...around, table, gathered: places.gathered };
  const helpers = createHelpers(around);
  return { capacity, places, rooms, memory, table, arena, maps, moment, machine, helpers };
}

function begin({ moment, maps }: ReturnType<typeof createParts>, time: number, cpu: number): void {
  moment.time = time;
  moment.cpu = cpu;
  maps.cpu = cpu;
}

function linksOf({ ingress, egress }: Chains): number[] {
  return [...ingress, ...egress].map(({ link }) => link);
}
