/** The runtime of programs of the Wasm engine: a second module in the memory of the packet path. */
import { createArena } from "../arena.ts";
import type { Capacity } from "../dataplane.ts";
import { HELPERS } from "../helpers.ts";
import type { Instance } from "../module.ts";
import type { Runtime } from "../runtime.ts";
import { createByteMaps } from "./maps.ts";
import { loadRuntime, type RuntimeExports, type RuntimeInstance } from "./module.ts";
import { createTallies, type Tallies } from "./tally.ts";
import { Walk } from "./walk.ts";

/** A runtime, and what the engine around it takes packets through. */
export interface WasmRuntime {
  readonly runtime: Runtime;
  readonly walk: Walk;
  /** The slot of a frame that comes alone; those of the batch begin at 0. */
  readonly single: number;
}

/**
 * To be created before anything looks at the memory, which grows. `ringRevision` counts the changes of rings. Throws DataplaneError
 * "capacity".
 */
export async function createRuntime(
  instance: Instance,
  capacity: Capacity,
  seed: number,
  ringRevision: () => number,
): Promise<WasmRuntime> {
  const { memory } = instance;
  const loaded = await loadRuntime(instance, capacity);
  const { exports } = loaded;
  const tallies = createTallies(memory, exports.tallies.value >>> 0);
  const single = capacity.batch + capacity.fragments;
  const slots = single + 1 + capacity.fragments;
  const releasedLength = () => instance.exports.releasedLength();
  const walk = new Walk({ exports, memory, slots, tallies, releasedLength, ringRevision });
  exports.seedRandom(seed | 0);
  const parts = { ...mapsOf(loaded, memory, capacity, seed), memory, table: loaded.table };
  return { walk, single, runtime: runtimeOf(exports, walk, tallies, parts) };
}

/** The arena, and the maps that are made in it. */
function mapsOf(
  { exports, arena: base, scratch }: RuntimeInstance,
  memory: WebAssembly.Memory,
  { arena: capacity, cpus }: Capacity,
  seed: number,
): Pick<Runtime, "arena" | "cpus" | "createMap"> {
  const arena = createArena(memory, base, capacity);
  const maps = createByteMaps(exports, memory, arena, { base, capacity, scratch, cpus, seed });
  return { arena, cpus, createMap: maps.createMap };
}

function runtimeOf(
  exports: RuntimeExports,
  walk: Walk,
  tallies: Tallies,
  parts: Pick<Runtime, "memory" | "table" | "arena" | "cpus" | "createMap">,
): Runtime {
  return {
    ...parts,
    helpers: helpersOf(exports),
    get random() {
      return exports.randomState() >>> 0;
    },
    set random(state) {
      exports.setRandomState(state | 0);
    },
    begin(nanoseconds, cpu) {
      exports.setTime(nanoseconds);
      exports.setCpu(cpu);
    },
    install: (chains) => walk.install(chains),
    tally: tallies.read,
  };
}

function helpersOf(exports: RuntimeExports): WebAssembly.ModuleImports {
  const all = exports as unknown as WebAssembly.ModuleImports;
  const names = Object.keys(HELPERS);
  return Object.fromEntries(names.map((name) => [name, all[name]])) as WebAssembly.ModuleImports;
}
