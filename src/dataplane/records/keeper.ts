/** What the Wasm packet path keeps from one packet to the next, out of its memory and into it. */
import type { Ticks } from "../clock.ts";
import { commit } from "../commit.ts";
import type { Counters } from "../counters.ts";
import type { Capacity } from "../dataplane.ts";
import type { EngineTraffic } from "../engine.ts";
import type { EngineState } from "../snapshot/state.ts";
import type { Tables } from "../tables.ts";
import type { ControlMap, Transaction } from "../transaction.ts";
import { readClients, writeClients } from "./clients.ts";
import { readConnections, writeConnections } from "./connections.ts";
import { readTraffic, writeCounters, writeTraffic } from "./totals.ts";

/** Parts of the engine that is kept. */
export interface Kept {
  readonly tables: Tables;
  readonly capacity: Capacity;
  readonly clock: Ticks;
  readonly traffic: EngineTraffic;
  counters(): Counters;
}

export interface Keeper {
  save(): EngineState;
  load(state: EngineState, entries: Transaction): void;
}

export function createKeeper(engine: Kept, seed: number): Keeper {
  let key = seed;
  return {
    save: () => ({ seed: key, ...save(engine) }),
    load(state, entries) {
      key = state.seed;
      load(engine, state, entries);
    },
  };
}

function save({ tables: { access }, clock, traffic, counters }: Kept): Omit<EngineState, "seed"> {
  const { exports } = access;
  const epoch = clock.epoch();
  return {
    random: exports.randomState() >>> 0,
    now: epoch + (exports.now() >>> 0),
    lastSweep: epoch + (exports.swept() >>> 0),
    origin: epoch,
    families: {
      ipv4: readConnections(access, "ipv4", epoch),
      ipv6: readConnections(access, "ipv6", epoch),
    },
    clients: readClients(access, epoch),
    counters: counters(),
    ...readTraffic(access, traffic),
  };
}

function load({ tables, capacity, clock }: Kept, state: EngineState, entries: Transaction): void {
  const { access } = tables;
  const { exports } = access;
  exports.flush();
  clear(tables);
  clock.resume(state);
  exports.seedBalance(state.seed | 0);
  exports.setRandomState(state.random | 0);
  commit(entries, tables, capacity);
  const epoch = clock.epoch();
  writeConnections(access, "ipv4", epoch, state.families.ipv4);
  writeConnections(access, "ipv6", epoch, state.families.ipv6);
  writeClients(access, epoch, state.clients);
  writeCounters(access, state.counters);
  writeTraffic(access, state);
}

const DELETED: readonly Exclude<ControlMap, "config">[] = [
  "services",
  "endpoints",
  "rings",
  "backends",
  "addresses",
  "interfaces",
];

/** As before the first transaction. */
function clear({ maps, clearConfig }: Tables): void {
  for (const name of DELETED) clearMap(maps[name] as Clearable);
  clearConfig();
}

/** Any of them: a key of its own is a key to it. */
interface Clearable {
  entries(): IterableIterator<[never, unknown]>;
  delete(key: never): boolean;
}

function clearMap(map: Clearable): void {
  for (const key of Array.from(map.entries(), ([each]) => each)) map.delete(key);
}
