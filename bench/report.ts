/** What a run of the benchmark has found. */
import { cpus } from "node:os";
import type { Absent } from "./heats/contestant.ts";
import type { HeatResult } from "./heats/heat.ts";
import type { Application } from "./measurements/apply.ts";
import type { Footprint } from "./measurements/footprint.ts";
import type { MapMeasurement } from "./measurements/maps.ts";
import type { NetfilterRow } from "./measurements/netfilter.ts";
import type { PoolMeasurement } from "./measurements/pool.ts";
import type { Startup } from "./measurements/startup.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly v8: string;
}

export interface Report {
  readonly machine: Machine;
  readonly rounds: number;
  readonly heats: readonly HeatResult[];
  readonly absent: readonly Absent[];
  /** These are undefined when they were not asked for. */
  readonly maps: MapMeasurement | undefined;
  readonly workers: PoolMeasurement | Absent | undefined;
  readonly netfilter: readonly (NetfilterRow | Absent)[] | undefined;
  readonly startup: Startup | undefined;
  readonly applications: readonly Application[] | undefined;
  readonly footprints: readonly Footprint[] | undefined;
}

export function machine(): Machine {
  const { length, 0: first } = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: length,
    node: process.version.slice(1),
    v8: process.versions.v8,
  };
}
