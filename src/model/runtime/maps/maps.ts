/**
 * Maps of the model: keys in a plain Map, values in the memory that programs run in, as programs hold pointers to
 * them. Written to be read; what they do is said in kernel/bpf and abi/program.
 */
import {
  EAGAIN,
  EINVAL,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_LRU_HASH,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PROG_ARRAY,
  MAP_TYPE_RINGBUF,
  RINGBUF_DISCARD,
} from "../../../../abi/program.ts";
import type { Arena, ByteMap, MapShape } from "../../../dataplane/runtime.ts";
import { viewOf } from "../../../packet/bytes.ts";
import { ArrayIndex, ReferenceIndex } from "./array-index.ts";
import { takeBlock } from "./block.ts";
import { HashIndex, LruIndex } from "./hash-index.ts";
import type { Index } from "./index.ts";
import { KeyedMap } from "./keyed.ts";
import { LpmIndex } from "./lpm-index.ts";
import type { ModelMap } from "./map.ts";
import { ProgramMemory } from "./memory.ts";
import { commit, RECORD_SIZE_MAX, RingMap } from "./ring.ts";
import { copiesOf, strideOf } from "./values.ts";

export interface ByteMaps {
  /** Whose values of per-CPU maps programs meet. */
  cpu: number;
  /** Undefined when the arena has no room. The shape has been checked. */
  createMap(shape: MapShape): ByteMap | undefined;
  /** Those of import module "waxdp" that are about maps. */
  readonly helpers: WebAssembly.ModuleImports;
  /** What a prog_array holds at that index: a place in the table plus 1, or 0. */
  programAt(map: number, index: number): number;
}

export function createByteMaps(memory: WebAssembly.Memory, arena: Arena, cpus: number): ByteMaps {
  return new Maps(new ProgramMemory(memory), arena, cpus);
}

class Maps implements ByteMaps {
  cpu = 0;
  readonly helpers: WebAssembly.ModuleImports;
  readonly #memory: ProgramMemory;
  readonly #arena: Arena;
  readonly #cpus: number;
  /** By handle. */
  readonly #maps = new Map<number, ModelMap>();

  constructor(memory: ProgramMemory, arena: Arena, cpus: number) {
    this.#memory = memory;
    this.#arena = arena;
    this.#cpus = cpus;
    this.helpers = { ...this.#keyedHelpers(), ...this.#ringHelpers() };
  }

  createMap(shape: MapShape): ByteMap | undefined {
    const stride = strideOf(shape);
    const size =
      shape.type === MAP_TYPE_RINGBUF
        ? 2 * shape.maxEntries
        : shape.maxEntries * stride * copiesOf(shape, this.#cpus);
    const block = takeBlock(this.#memory, this.#arena, shape, size, stride);
    if (block === undefined) return undefined;
    const isRing = shape.type === MAP_TYPE_RINGBUF;
    const map = isRing ? new RingMap(block) : new KeyedMap(block, indexOf(shape), this.#cpus);
    this.#maps.set(map.handle, map);
    return this.#forgetting(map);
  }

  programAt(handle: number, index: number): number {
    const map = this.#map(handle);
    if (map?.shape.type !== MAP_TYPE_PROG_ARRAY) return 0;
    const key = new Uint8Array(4);
    viewOf(key).setUint32(0, index >>> 0, true);
    const value = map.lookup(key);
    return value === undefined ? 0 : viewOf(value).getUint32(0, true);
  }

  #map(handle: number): ModelMap | undefined {
    return this.#maps.get(handle >>> 0);
  }

  #ring(handle: number): RingMap | undefined {
    const map = this.#map(handle);
    return map instanceof RingMap ? map : undefined;
  }

  /** A map that has been freed is none that programs could name. */
  #forgetting(map: ModelMap): ByteMap {
    const free = map.free.bind(map);
    map.free = () => {
      this.#maps.delete(map.handle);
      free();
    };
    return map;
  }

  #keyedHelpers(): WebAssembly.ModuleImports {
    return {
      map_lookup: (map: number, key: number) => this.#map(map)?.lookupFrom(key, this.cpu) ?? 0,
      map_update: (map: number, key: number, value: number, flags: number) =>
        this.#map(map)?.updateFrom(key, value, flags >>> 0, this.cpu) ?? -EINVAL,
      map_delete: (map: number, key: number) => this.#map(map)?.removeFrom(key) ?? -EINVAL,
    };
  }

  #ringHelpers(): WebAssembly.ModuleImports {
    return {
      ringbuf_reserve: (map: number, size: number) => this.#ring(map)?.reserve(size >>> 0) ?? 0,
      ringbuf_submit: (record: number) => this.#commit(record, 0),
      ringbuf_discard: (record: number) => this.#commit(record, RINGBUF_DISCARD),
      ringbuf_output: (map: number, data: number, size: number) => this.#output(map, data, size),
      ringbuf_query: (map: number, what: number) => this.#ring(map)?.query(what) ?? BigInt(-EINVAL),
    };
  }

  #output(handle: number, data: number, size: number): number {
    const ring = this.#ring(handle);
    if (ring === undefined) return -EINVAL;
    if (size >>> 0 <= RECORD_SIZE_MAX) return ring.emit(this.#memory.bytes(data, size));
    ring.reserve(size >>> 0);
    return -EAGAIN;
  }

  /** What is no record of a ring stays as it is. */
  #commit(record: number, bits: number): void {
    const rings = [...this.#maps.values()].filter((map) => map instanceof RingMap);
    if (rings.some((ring) => ring.owns(record >>> 0))) commit(this.#memory, record, bits);
  }
}

function indexOf({ type, keySize, maxEntries }: MapShape): Index {
  if (type === MAP_TYPE_ARRAY || type === MAP_TYPE_PERCPU_ARRAY) return new ArrayIndex(maxEntries);
  if (type === MAP_TYPE_PROG_ARRAY || type === MAP_TYPE_ARRAY_OF_MAPS) {
    return new ReferenceIndex(maxEntries);
  }
  if (type === MAP_TYPE_LPM_TRIE) return new LpmIndex(maxEntries, keySize);
  return type === MAP_TYPE_LRU_HASH ? new LruIndex(maxEntries) : new HashIndex(maxEntries);
}
