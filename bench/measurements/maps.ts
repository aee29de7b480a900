/**
 * Operations on maps: from TypeScript, in a program, and in the kernel from both sides. Every entry of a map once, by
 * turns, in an order that no cache expects; keys and values of the hash are structs, which TypeScript sees as fields.
 */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { createDataplane, Program } from "../../src/index.ts";
import type { UserMap } from "../../src/maps/map.ts";
import { packet } from "../../src/packet/build.ts";
import type { Absent } from "../heats/contestant.ts";
import { type Timing, timing } from "../heats/sample.ts";
import {
  ENTRIES,
  MAP_NAMES,
  type MapName,
  mapProgram,
  OPERATIONS,
  type Operation,
  STEP,
} from "../programs/sources.ts";
import { type KernelRun, openKernel } from "./kernel-maps.ts";

/** Who asks: TypeScript or a program of this package, somebody by bpf(2) or a program in the kernel. */
export type Side = "TypeScript" | "program" | "bpf(2)" | "kernel program";

export interface MapOperation {
  readonly map: MapName;
  readonly operation: Operation;
  readonly side: Side;
  /** Nanoseconds. */
  readonly time: Timing;
}

export interface MapMeasurement {
  /** Of each map. */
  readonly entries: number;
  readonly operations: readonly MapOperation[];
  /** Nanoseconds of an XDP program that does nothing, with what calling it takes. */
  readonly xdp: Timing | undefined;
  readonly absent: readonly Absent[];
}

/** What operates on every entry of a map; nanoseconds for each. */
interface Operator {
  readonly map: MapName;
  readonly side: Side;
  operate(operation: Operation): number;
}

/** Passes over the entries that are not counted: V8 compiles. */
const WARM = 3;

export async function measureMaps(rounds: number): Promise<MapMeasurement> {
  const dataplane = await createDataplane();
  const programs = await inside(dataplane);
  const operators = [...MAP_NAMES.map((map) => outside(dataplane, map)), ...programs.operators];
  const samples = createSamples();
  for (let round = -WARM; round < rounds; round++) {
    for (const each of operators) operateAll(each, round < 0 ? undefined : samples);
    await new Promise(setImmediate);
  }
  const kernel = await measureKernel(rounds, samples);
  return {
    entries: ENTRIES,
    operations: samples.results(),
    xdp: kernel.xdp,
    absent: [...programs.absent, ...kernel.absent],
  };
}

interface Samples {
  add(map: MapName, operation: Operation, side: Side, nanoseconds: number): void;
  results(): readonly MapOperation[];
}

function createSamples(): Samples {
  const all = new Map<string, Omit<MapOperation, "time"> & { readonly times: number[] }>();
  return {
    add(map, operation, side, nanoseconds) {
      const key = `${map} ${operation} ${side}`;
      const row = all.get(key) ?? { map, operation, side, times: [] };
      row.times.push(nanoseconds);
      all.set(key, row);
    },
    results: () => Array.from(all.values(), ({ times, ...row }) => ({ ...row, time: timing(times) })),
  };
}

/** A map is as full afterwards as it was before. */
function operateAll({ map, side, operate }: Operator, samples: Samples | undefined): void {
  for (const operation of operationsOf(map)) {
    const nanoseconds = operate(operation);
    samples?.add(map, operation, side, nanoseconds);
  }
}

/** Entries of an array neither come nor go. */
function operationsOf(map: MapName): readonly Operation[] {
  return map === "array" ? ["lookup", "update"] : OPERATIONS;
}

function networkOf(index: number): string {
  return `10.${index >>> 8}.${index & 0xff}`;
}

/** What a program would declare: it is given these. */
function createMap({ maps }: Dataplane, map: MapName): Entries<unknown, unknown> {
  const traffic = { packets: "u64", bytes: "u64" } as const;
  const zero = { packets: 0n, bytes: 0n };
  if (map === "array") {
    const array = maps.create({ name: map, type: map, value: "u64", maxEntries: ENTRIES });
    return { map: array as UserMap, value: 0n, keyOf: (index) => index };
  }
  if (map === "hash") {
    const flow = { saddr: "ipv4", daddr: "ipv4", sport: "be16", dport: "be16", proto: "u32" } as const;
    const spec = { name: map, type: map, key: flow, value: traffic, maxEntries: ENTRIES } as const;
    const keyOf = (index: number) => ({
      saddr: `${networkOf(index)}.0`,
      daddr: "0.0.0.0",
      sport: index,
      dport: 0,
      proto: 0,
    });
    return { map: maps.create(spec) as UserMap, value: zero, keyOf };
  }
  const spec = {
    name: map,
    type: map,
    key: "prefix4",
    value: traffic,
    maxEntries: ENTRIES,
    flags: ["no_prealloc"],
  } as const;
  return {
    map: maps.create(spec) as UserMap,
    value: zero,
    keyOf: (index) => `${networkOf(index)}.0/24`,
    soughtOf: (index) => `${networkOf(index)}.1/32`,
  };
}

interface Entries<Key, Value> {
  readonly map: UserMap<Key, Value>;
  readonly value: Value;
  keyOf(index: number): Key;
  /** Where a lookup is for something else. */
  soughtOf?(index: number): Key;
}

function outside(dataplane: Dataplane, name: MapName): Operator {
  const { map, value, keyOf, soughtOf = keyOf } = createMap(dataplane, name);
  const order = Array.from({ length: ENTRIES }, (_, i) => Math.imul(i, STEP) & (ENTRIES - 1));
  const [keys, sought] = [order.map(keyOf), order.map(soughtOf)];
  for (const key of keys) map.update(key, value);
  const operations: Readonly<Record<Operation, () => number>> = {
    lookup: () => failures(sought, (key) => map.lookup(key) !== undefined),
    update: () => failures(keys, (key) => map.update(key, value) === undefined),
    delete: () => failures(keys, (key) => map.delete(key)),
    insert: () => failures(keys, (key) => map.update(key, value) === undefined),
  };
  return {
    map: name,
    side: "TypeScript",
    operate: (operation) => timed(`${operation} in ${name}`, operations[operation]),
  };
}

function failures(keys: readonly unknown[], operate: (key: unknown) => boolean): number {
  let failed = 0;
  for (const key of keys) if (!operate(key)) failed++;
  return failed;
}

/** `work` says how many of the entries it has failed on. */
function timed(what: string, work: () => number): number {
  const start = performance.now();
  const failed = work();
  const nanoseconds = ((performance.now() - start) * 1e6) / ENTRIES;
  if (failed > 0) throw new Error(`${what}: ${failed} of ${ENTRIES} entries failed`);
  return nanoseconds;
}

interface Programs {
  readonly operators: readonly Operator[];
  readonly absent: readonly Absent[];
}

/** On the maps that are there already. Service NAT is not in the way: a packet is its program alone. */
async function inside(dataplane: Dataplane): Promise<Programs> {
  try {
    const operators: Operator[] = [];
    for (const map of MAP_NAMES) {
      const program = await Program.compile(mapProgram(map), { name: map });
      const loaded = await dataplane.programs.load(program);
      operators.push(insideOf(dataplane, map, () => dataplane.hooks.ingress.attach(loaded)));
    }
    for (const { name } of dataplane.hooks.ingress.links()) void name;
    return { operators, absent: [] };
  } catch (error) {
    if ((error as { code?: unknown }).code !== "no-compiler") throw error;
    return { operators: [], absent: [{ name: "programs", reason: (error as Error).message }] };
  }
}
