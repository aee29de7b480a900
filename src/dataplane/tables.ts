/** The maps of the Wasm packet path by name: typed entries in front, its tables behind. */
import type { Memory } from "./codec.ts";
import type { Capacity, Maps } from "./dataplane.ts";
import type { Extents } from "./extents.ts";
import type { Access } from "./maps/access.ts";
import { Addresses } from "./maps/addresses.ts";
import { Affinity } from "./maps/affinity.ts";
import { Backends } from "./maps/backends.ts";
import { Configuration } from "./maps/config.ts";
import { Conntrack } from "./maps/conntrack.ts";
import { Endpoints } from "./maps/endpoints.ts";
import { Interfaces } from "./maps/interfaces.ts";
import { createRanges } from "./maps/ranges.ts";
import { createSlots, Rings } from "./maps/rings.ts";
import { Services } from "./maps/services.ts";
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
  const config = new Configuration(access, ranges);
  const maps: Maps = {
    services: new Services(access, capacity, ranges),
    backends: new Backends(access, capacity),
    rings: new Rings(access, capacity, slots),
    endpoints: new Endpoints(access, capacity),
    addresses: new Addresses(access, capacity),
    interfaces: new Interfaces(access, capacity),
    config,
    affinity: new Affinity(access, capacity, epoch),
    conntrack: new Conntrack(access, capacity, epoch),
  };
  return { maps, slots, ranges, access, clearConfig: () => config.clear() };
}
