/** The packet path compiled to WebAssembly, as an engine. */
import * as layout from "../../abi/layout.ts";
import { createTicks } from "./clock.ts";
import { commit } from "./commit.ts";
import type { Capacity } from "./dataplane.ts";
import type { Engine, Partition } from "./engine.ts";
import { Frames } from "./frames.ts";
import { rowAt } from "./maps/access.ts";
import { load } from "./module.ts";
import { createKeeper } from "./records/keeper.ts";
import { retire } from "./retire.ts";
import { createRuntime } from "./runtime/runtime.ts";
import { Single } from "./single.ts";
import { createTables } from "./tables.ts";
import { readCounters } from "./totals.ts";
import { createTraffic } from "./traffic.ts";

export interface WasmOptions {
  readonly capacity: Capacity;
  readonly seed: number;
  readonly module?: WebAssembly.Module | undefined;
  readonly partition?: Partition | undefined;
}

/** Throws DataplaneError "bad-module", "abi-mismatch" or "capacity". */
export async function createEngine({
  capacity,
  seed,
  module,
  partition,
}: WasmOptions): Promise<Engine> {
  const instance = await load(module, capacity, seed, partition);
  const programs = await createRuntime(instance, capacity, seed, () => tables.slots.revision);
  const { exports } = instance;
  const clock = createTicks(exports);
  const tables = createTables(instance, capacity, clock.epoch);
  const { view } = tables.access.memory;
  const single = new Single(instance, programs);
  const traffic = createTraffic(tables.access);
  const counters = () => readCounters(instance);
  return {
    name: "wasm",
    capacity,
    maps: tables.maps,
    batch: new Frames(instance, capacity, clock.tick, programs.walk),
    runtime: programs.runtime,
    commit: (transaction) => commit(transaction, tables, capacity),
    connections(backend) {
      const row = rowAt(tables.access, layout.MAP_BACKENDS, backend);
      return row === 0 ? 0 : view.getUint32(row + layout.BACKEND_CONNECTIONS, true);
    },
    process: (frame, input, now) => single.process(frame, input, clock.tick(now)),
    shardOf: (frame, input) => single.shardOf(frame, input),
    counters,
    traffic,
    retire: (backends) => retire(tables.access, backends),
    flush: () => exports.flush(),
    ...createKeeper({ tables, capacity, clock, traffic, counters }, seed),
  };
}
