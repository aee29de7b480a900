/** What works on every entry of a map once: TypeScript, and programs that share the map with it. */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { Program, ProgramError } from "../../src/index.ts";
import type { MapSpec, MapType, UserMap } from "../../src/maps/map.ts";
import { packet } from "../../src/packet/build.ts";
import type { Absent } from "../heats/contestant.ts";
import {
  ENTRIES,
  MAP_NAMES,
  type MapName,
  mapProgram,
  NOTHING,
  OPERATIONS,
  type Operation,
  STEP,
} from "./sources.ts";

export interface Operator {
  readonly map: MapName;
  readonly side: "TypeScript" | "program";
  /** Nanoseconds of CPU time for each entry. Throws when one of them fails. */
  run(operation: Operation): number;
}

/** A map's keys as TypeScript has them, by the numbers that its program has them by. */
interface Entries {
  readonly spec: MapSpec & { readonly type: MapType };
  readonly value: unknown;
  keyOf(index: number): unknown;
  /** What is looked up, where that is no key of an entry. */
  soughtOf?(index: number): unknown;
}

const TRAFFIC = { packets: "u64", bytes: "u64" } as const;
const NO_TRAFFIC = { packets: 0n, bytes: 0n };
const FLOW = { saddr: "ipv4", daddr: "ipv4", sport: "be16", dport: "be16", proto: "u32" } as const;

const ALL_ENTRIES: Readonly<Record<MapName, Entries>> = {
  array: {
    spec: { name: "array", type: "array", value: "u64", maxEntries: ENTRIES },
    value: 0n,
    keyOf: (index) => index,
  },
  hash: {
    spec: { name: "hash", type: "hash", key: FLOW, value: TRAFFIC, maxEntries: ENTRIES },
    value: NO_TRAFFIC,
    keyOf: (index) => ({
      saddr: `${networkOf(index)}.0`,
      daddr: "0.0.0.0",
      sport: index,
      dport: 0,
      proto: 0,
    }),
  },
  lpm_trie: {
    spec: {
      name: "lpm_trie",
      type: "lpm_trie",
      key: "prefix4",
      value: TRAFFIC,
      maxEntries: ENTRIES,
      flags: ["no_prealloc"],
    },
    value: NO_TRAFFIC,
    keyOf: (index) => `${networkOf(index)}.0/24`,
    soughtOf: (index) => `${networkOf(index)}.1/32`,
  },
};

function networkOf(index: number): string {
  return `10.${index >>> 8}.${index & 0xff}`;
}

/** Makes the maps, and fills them. */
export function outsideOperators(dataplane: Dataplane): readonly Operator[] {
  return MAP_NAMES.map((name) => outside(dataplane, name));
}

function outside({ maps }: Dataplane, name: MapName): Operator {
  const { spec, value, keyOf, soughtOf = keyOf } = ALL_ENTRIES[name];
  const map = maps.create(spec) as UserMap;
  const order = Array.from({ length: ENTRIES }, (_, i) => Math.imul(i, STEP) & (ENTRIES - 1));
  const [keys, sought] = [order.map(keyOf), order.map(soughtOf)];
  const passes: Readonly<Record<Operation, () => number>> = {
    lookup: () => sought.filter((key) => map.lookup(key) === undefined).length,
    update: () => updateAll(map, keys, value),
    delete: () => keys.filter((key) => !map.delete(key)).length,
    insert: () => updateAll(map, keys, value),
  };
  updateAll(map, keys, value);
  return {
    map: name,
    side: "TypeScript",
    run: (operation) => timed(`${operation} in ${name}`, passes[operation]),
  };
}

/** None fails: that would throw. */
function updateAll(map: UserMap, keys: readonly unknown[], value: unknown): number {
  for (const key of keys) map.update(key, value);
  return 0;
}

/** On the maps that are there, which those programs share. */
export async function insideOperators(dataplane: Dataplane): Promise<readonly Operator[] | Absent> {
  try {
    const operators: Operator[] = [];
    for (const name of MAP_NAMES) operators.push(await inside(dataplane, name));
    return operators;
  } catch (error) {
    if (!(error instanceof ProgramError) || error.code !== "no-compiler") throw error;
    return { name: "programs", reason: error.message };
  }
}

/** What a program makes of one packet: `mark` says which pass over the entries, if any; returns how many have failed. */
function passer(dataplane: Dataplane, name: MapName): (mark: number) => number {
  const frame = packet({
    saddr: "10.0.0.1",
    daddr: "10.0.0.2",
    sport: 1024,
    dport: 80,
    flags: "S",
  });
  return (mark) => {
    const { priority } = dataplane.process(frame, { now: 0, mark }).event;
    if (priority === undefined) throw new Error(`the program of ${name} was not called`);
    return priority;
  };
}

async function inside(dataplane: Dataplane, name: MapName): Promise<Operator> {
  const program = await Program.compile(mapProgram(name), { name });
  const loaded = await dataplane.programs.load(program);
  const pass = passer(dataplane, name);
  return {
    map: name,
    side: "program",
    run(operation) {
      const link = dataplane.hooks.ingress.attach(loaded);
      const what = `${operation} in ${name}, by its program`;
      try {
        // Nobody has called anything here for long, so that the first call finds nothing in the caches.
        pass(NOTHING);
        const call = timed(what, () => pass(NOTHING));
        return timed(what, () => pass(OPERATIONS.indexOf(operation))) - call;
      } finally {
        link.detach();
      }
    },
  };
}

/** In time of the processor, however busy the machine is. `work` says how many entries it has failed on. */
function timed(what: string, work: () => number): number {
  const before = process.cpuUsage();
  const failed = work();
  const { user, system } = process.cpuUsage(before);
  if (failed > 0) throw new Error(`${what}: ${failed} of ${ENTRIES} entries failed`);
  return ((user + system) * 1000) / ENTRIES;
}
