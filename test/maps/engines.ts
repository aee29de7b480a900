/** The maps of both engines, each with a memory of its own, as people and as programs meet them. */
import { createArena } from "../../src/dataplane/arena.ts";
import {
  createMapRegistry,
  type MapRuntime,
  type Maps,
  type ProgramPlaces,
} from "../../src/maps/registry.ts";
import { createByteMaps } from "../../src/model/runtime/maps/maps.ts";
import type { LoadedProgram } from "../../src/program/loaded.ts";
import { createAlone } from "../runtime/module.ts";

/** Helpers that are about maps; all of them take and give 32-bit numbers, but `ringbuf_query`. */
export interface Helpers {
  map_lookup(map: number, key: number): number;
  map_update(map: number, key: number, value: number, flags: number): number;
  map_delete(map: number, key: number): number;
  ringbuf_reserve(map: number, size: number): number;
  ringbuf_submit(record: number): void;
  ringbuf_discard(record: number): void;
  ringbuf_output(map: number, data: number, size: number): number;
  ringbuf_query(map: number, what: number): bigint;
}

export interface Engine {
  readonly runtime: MapRuntime;
  readonly maps: Maps;
  readonly helpers: Helpers;
  readonly memory: Uint8Array;
  /** 128 KiB where keys and values of a program may stand. */
  readonly spare: number;
  setCpu(cpu: number): void;
}

export interface Size {
  /** Bytes of the arena. */
  readonly capacity: number;
  readonly cpus: number;
}

export type Create = (size?: Partial<Size>) => Promise<Engine>;

/** A program that prog_arrays take, and one that they do not. */
export const PROGRAM = { name: "accepted" } as LoadedProgram;
export const OTHER_PROGRAM = { name: "refused" } as LoadedProgram;
const PLACE = 5;

const PLACES: ProgramPlaces = {
  placeOf: (program) => (program === PROGRAM ? PLACE : undefined),
  programAt: (place) => (place === PLACE ? PROGRAM : undefined),
};

const PAGE = 65536;
const CAPACITY = 2 ** 20;
const CPUS = 2;

async function createWasm({ capacity = CAPACITY, cpus = CPUS }: Partial<Size> = {}) {
  const alone = await createAlone({ capacity, cpus });
  const runtime = { arena: alone.arena, cpus, createMap: alone.tryMap };
  return {
    runtime,
    maps: createMapRegistry(runtime, PLACES),
    helpers: alone.exports,
    memory: alone.bytes,
    spare: alone.spare,
    setCpu: (cpu: number) => alone.exports.setCpu(cpu),
  };
}

async function createModel({ capacity = CAPACITY, cpus = CPUS }: Partial<Size> = {}) {
  const spare = PAGE;
  const base = spare + 2 * PAGE;
  const pages = Math.ceil((base + capacity) / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const arena = createArena(memory, base, capacity);
  const maps = createByteMaps(memory, arena, cpus);
  const runtime = { arena, cpus, createMap: maps.createMap.bind(maps) };
  return {
    runtime,
    maps: createMapRegistry(runtime, PLACES),
    helpers: maps.helpers as unknown as Helpers,
    memory: new Uint8Array(memory.buffer),
    spare,
    setCpu: (cpu: number) => {
      maps.cpu = cpu;
    },
  };
}

export const engines: readonly (readonly [name: string, create: Create])[] = [
  ["model", createModel],
  ["wasm", createWasm],
];
