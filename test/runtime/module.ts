/** The runtime of programs alone in a memory of its own, with what it imports beside that refused. */
import { readFile } from "node:fs/promises";
import { createArena } from "../../src/dataplane/arena.ts";
import {
  createByteMaps,
  MAPS_SCRATCH_SIZE,
  type MapExports,
} from "../../src/dataplane/runtime/maps.ts";
import type { Arena, ByteMap, MapShape } from "../../src/dataplane/runtime.ts";

/** Maps as programs call them, and what else tests ask for. */
export interface RuntimeExports extends MapExports {
  map_lookup(map: number, key: number): number;
  map_update(map: number, key: number, value: number, flags: number): number;
  map_delete(map: number, key: number): number;
  ringbuf_discard(sample: number): void;
  ringbuf_output(map: number, data: number, size: number): number;
  ringbuf_query(map: number, what: number): bigint;
  setCpu(cpu: number): void;
}

export interface Alone {
  readonly exports: RuntimeExports;
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly arena: Arena;
  /** 128 KiB that nobody uses: where the keys and values of a program would stand. */
  readonly spare: number;
  createMap(shape: Partial<MapShape>): ByteMap;
  tryMap(shape: Partial<MapShape>): ByteMap | undefined;
}

const PAGE = 65536;
const SPARE_SIZE = 2 * PAGE;

/** The scratch and the spare room stand from `from` on, in front of the arena, which ends with the memory. */
export async function createAlone({
  capacity = 2 ** 20,
  cpus = 1,
  seed = 1,
  from = PAGE,
} = {}): Promise<Alone> {
  const spare = from;
  const scratch = spare + SPARE_SIZE;
  const base = scratch + MAPS_SCRATCH_SIZE;
  const pages = Math.ceil((base + capacity) / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const exports = await instantiate(memory);
  const arena = createArena(memory, base, capacity);
  const maps = createByteMaps(exports, memory, arena, { base, capacity, scratch, cpus, seed });
  const tryMap = (shape: Partial<MapShape>) => maps.createMap({ ...PLAIN, ...shape });
  return {
    exports,
    memory,
    bytes: new Uint8Array(memory.buffer),
    view: new DataView(memory.buffer),
    arena,
    spare,
    tryMap,
    createMap(shape) {
      const map = tryMap(shape);
      if (!map) throw new RangeError("no room for a map");
      return map;
    },
  };
}

const PLAIN: MapShape = { type: 1, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 };

async function instantiate(memory: WebAssembly.Memory): Promise<RuntimeExports> {
  const path = new URL("../../generated/runtime.wasm", import.meta.url);
  const module = await WebAssembly.compile(await readFile(path));
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = importOf(kind, name, memory);
  }
  return (await WebAssembly.instantiate(module, imports)).exports as unknown as RuntimeExports;
}

function importOf(kind: string, name: string, memory: WebAssembly.Memory): WebAssembly.ImportValue {
  if (kind === "memory") return memory;
  if (kind === "table") return new WebAssembly.Table({ initial: 16, element: "anyfunc" });
  return () => {
    throw new Error(`maps do not call ${name}`);
  };
}
