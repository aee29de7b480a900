/** The maps of the Wasm packet path by name: typed entries in front, its tables behind. */
import type { Memory } from "./codec.ts";
import type { Capacity, Maps } from "./dataplane.ts";
import type { Extents } from "./extents.ts";
import type { Access } from "./maps/access.ts";
import { createAddresses } from "./maps/addresses.ts";
import { createAffinity } from "./maps/affinity.ts";
import { createBackends } from "./maps/backends.ts";
import { createConfig } from "./maps/config.ts";
import { createConntrack } from "./maps/conntrack.ts";
import { createEndpoints } from "./maps/endpoints.ts";
import { createInterfaces } from "./maps/interfaces.ts";
import { createRanges } from "./maps/ranges.ts";
import { createRings, createSlots } from "./maps/rings.ts";
import { createServices } from "./maps/services.ts";
import type { Instance } from "./module.ts";

export interface Tables {
  readonly maps: Maps;
  /** The room that all rings share, and that of all source ranges and pod CIDRs. */
  readonly slots: Extents<number>;
  readonly ranges: Extents<string>;
  readonly access: Access;
  /** As if the map `config` had never been written. */
  clearConfig(): void;
}

/** `epoch` is what the engine's times are counted from. */
export function createTables(
  { exports, memory: { buffer } }: Instance,
  capacity: Capacity,
  epoch: () => number,
): Tables {
  const memory: Memory = { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
  const access: Access = { exports, memory, scratch: exports.scratch() >>> 0 };
  const slots = createSlots(access, capacity);
  const ranges = createRanges(access, capacity);
  const config = createConfig(access, ranges);
  const maps: Maps = {
    services: createServices(access, capacity, ranges),
    backends: createBackends(access, capacity),
    rings: createRings(access, capacity, slots),
    endpoints: createEndpoints(access, capacity),
    addresses: createAddresses(access, capacity),
    interfaces: createInterfaces(access, capacity),
    config,
    affinity: createAffinity(access, capacity, epoch),
    conntrack: createConntrack(access, capacity, epoch),
  };
  return { maps, slots, ranges, access, clearConfig: config.clear };
}
