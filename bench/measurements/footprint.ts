/** What one more of each thing takes of the Wasm memory, measured: room for twice as many, less room for once. */
import type { Capacity } from "../../src/dataplane/dataplane.ts";
import { createDataplane } from "../../src/index.ts";

export interface Footprint {
  readonly what: string;
  /** Of memory for each. */
  readonly bytes: number;
}

/** Enough of them that pages of 64 KiB do not show. */
const ROOM = 2 ** 18;

const THINGS: readonly (readonly [what: string, capacity: keyof Capacity])[] = [
  ["IPv4 connection", "connections"],
  ["IPv6 connection", "connections6"],
  ["Service port", "services"],
  ["frontend (cluster IP, nodePort ...)", "frontends"],
  ["endpoint", "backends"],
  ["slot of a ring", "slots"],
  ["client of a Service with affinity", "affinity"],
];

/** Of everything else there is one. */
const ONE: Capacity = {
  services: 1,
  frontends: 1,
  backends: 1,
  slots: 1,
  ranges: 1,
  addresses: 1,
  interfaces: 1,
  connections: 1,
  connections6: 1,
  affinity: 1,
  datagrams: 1,
  fragments: 1,
  batch: 1,
  frame: 64,
  headroom: 64,
  arena: 0,
  cpus: 1,
};

export async function footprints(): Promise<Footprint[]> {
  const all: Footprint[] = [];
  for (const [what, name] of THINGS) {
    const more = (await memory(name, 2 * ROOM)) - (await memory(name, ROOM));
    all.push({ what, bytes: more / ROOM });
  }
  return all;
}

async function memory(name: keyof Capacity, room: number): Promise<number> {
  const { batch } = await createDataplane({ capacity: { ...ONE, [name]: room } });
  return batch.memory.buffer.byteLength;
}
