/** What a run of the benchmark has found. */
import { cpus } from "node:os";
import type { Absent } from "./contestant.ts";
import type { Footprint } from "./footprint.ts";
import type { HeatResult } from "./heat.ts";
import type { NetfilterRow } from "./netfilter.ts";
import type { PoolMeasurement } from "./pool.ts";
import type { Startup } from "./startup.ts";

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
  readonly workers: PoolMeasurement | Absent | undefined;
  readonly netfilter: readonly (NetfilterRow | Absent)[] | undefined;
  readonly startup: Startup | undefined;
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
