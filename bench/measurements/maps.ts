/**
 * Operations on maps: from TypeScript, in a program, and in the kernel from both sides. Every entry of a map once, by
 * turns, in an order that no cache expects; keys and values of the hash are structs, which TypeScript sees as fields.
 */
import { createDataplane } from "../../src/index.ts";
import type { Absent } from "../heats/contestant.ts";
import { type Timing, timing } from "../heats/sample.ts";
import { type KernelFigure, runKernelMaps } from "../kernel/maps.ts";
import { insideOperators, type Operator, outsideOperators } from "../programs/operators.ts";
import { ENTRIES, type MapName, OPERATIONS, type Operation } from "../programs/sources.ts";

/** Who asks: TypeScript or a program of this package, somebody by bpf(2) or a program of the kernel's. */
export type Side = "TypeScript" | "program" | "bpf(2)" | "kernel program";

export interface MapOperation {
  readonly map: MapName;
  readonly operation: Operation;
  readonly side: Side;
  /** Nanoseconds of CPU time. */
  readonly time: Timing;
}

export interface MapMeasurement {
  /** Of each map. */
  readonly entries: number;
  readonly operations: readonly MapOperation[];
  /** Nanoseconds of an XDP program that does nothing, with what calling it takes; undefined without BPF. */
  readonly xdp: Timing | undefined;
  readonly absent: readonly Absent[];
}

/** Rounds that are not counted: V8 compiles. */
const WARM = 10;

export async function measureMaps(rounds: number): Promise<MapMeasurement> {
  const dataplane = await createDataplane();
  const outside = outsideOperators(dataplane);
  const inside = await insideOperators(dataplane);
  const own = "reason" in inside ? outside : [...outside, ...inside];
  const samples = createSamples();
  for (let round = -WARM; round < rounds; round++) {
    for (const each of own) operate(each, round < 0 ? createSamples() : samples);
    await new Promise(setImmediate);
  }
  const kernel = await runKernelMaps(ENTRIES, rounds);
  if (!("reason" in kernel)) addKernel(samples, kernel);
  return {
    entries: ENTRIES,
    operations: samples.results(),
    xdp: "reason" in kernel ? undefined : timing(timesOf(kernel, "xdp")),
    absent: [inside, kernel].filter((each): each is Absent => "reason" in each),
  };
}

/** A map is as full afterwards as it was before. */
function operate({ map, side, run }: Operator, samples: Samples): void {
  for (const operation of OPERATIONS) {
    if (!hasOperation(map, operation)) continue;
    samples.add({ map, operation, side }, run(operation));
  }
}

/** Entries of an array neither come nor go. */
function hasOperation(map: MapName, operation: Operation): boolean {
  return map !== "array" || operation === "lookup" || operation === "update";
}

function addKernel(samples: Samples, figures: readonly KernelFigure[]): void {
  for (const { map, operation, side, nanoseconds } of figures) {
    if (map !== "xdp") samples.add({ map, operation: operation as Operation, side }, nanoseconds);
  }
}

function timesOf(figures: readonly KernelFigure[], map: KernelFigure["map"]): number[] {
  return figures.filter((each) => each.map === map).map(({ nanoseconds }) => nanoseconds);
}

type Key = Omit<MapOperation, "time">;

interface Samples {
  add(key: Key, nanoseconds: number): void;
  results(): readonly MapOperation[];
}

function createSamples(): Samples {
  const rows = new Map<string, { readonly key: Key; readonly times: number[] }>();
  return {
    add(key, nanoseconds) {
      const name = Object.values(key).join();
      const row = rows.get(name) ?? { key, times: [] };
      row.times.push(nanoseconds);
      rows.set(name, row);
    },
    results: () => Array.from(rows.values(), ({ key, times }) => ({ ...key, time: timing(times) })),
  };
}
