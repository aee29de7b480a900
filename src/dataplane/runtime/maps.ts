/** The maps of the Wasm engine: bytes in, bytes out, around the exports of assembly/runtime/maps. */
import {
  EAGAIN,
  EINVAL,
  KEY_SIZE_MAX,
  MAP_HEADER_LENGTH,
  MAP_HEADER_SIZE,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PERCPU_HASH,
  MAP_TYPE_PROG_ARRAY,
  MAP_TYPE_RINGBUF,
  RINGBUF_BUSY,
  RINGBUF_DISCARD,
  RINGBUF_RECORD_HEADER_SIZE,
  VALUE_ALIGNMENT,
} from "../../../abi/program.ts";
import { RINGBUF_LOST } from "../../../abi/runtime.ts";
import type { Arena, ByteMap, MapShape } from "../runtime.ts";

/** What assembly/runtime/index.ts exports for maps. Addresses are bytes in its memory; errors are negative. */
export interface MapExports {
  /** To be called once: the stretch where maps can be, the CPUs they have values for, what keys their hashes. */
  configureMaps(base: number, size: number, cpus: number, seed: number): void;
  /** Bytes of room that a map takes; 0 when 32 bits do not do. */
  sizeOfMap(type: number, keySize: number, valueSize: number, maxEntries: number): number;
  createMap(
    map: number,
    type: number,
    keySize: number,
    valueSize: number,
    maxEntries: number,
    flags: number,
  ): void;
  freeMap(map: number): void;
  /** Address of a value, 0 for none. */
  lookupMap(map: number, key: number): number;
  /** Address where the value is to be put. `handle` is the value of a map that holds handles. */
  updateMap(map: number, key: number, handle: number, flags: number): number;
  removeFromMap(map: number, key: number): number;
  /** Number of a key's entry, -1 when there is none. */
  positionInMap(map: number, key: number): number;
  /** Number of the entry, or record that is complete, behind one, -1 at the end; -1 asks for the first. */
  nextInMap(map: number, number: number): number;
  /** Address of an entry's value, of a record its header. */
  valueInMap(map: number, number: number): number;
  writeKeyOfMap(map: number, number: number, key: number): void;
  /** Header of the oldest record when it is complete, 0 when there is none; discarded ones are skipped. */
  peekRing(map: number): number;
  skipRing(map: number): void;
  ringbuf_reserve(map: number, size: number): number;
  ringbuf_submit(sample: number): void;
}

export interface MapRoom {
  /** The arena's stretch of memory. */
  readonly base: number;
  readonly capacity: number;
  /** Address of MAPS_SCRATCH_SIZE bytes. */
  readonly scratch: number;
  readonly cpus: number;
  readonly seed: number;
}

export interface ByteMaps {
  /** Undefined when the arena has no room. The shape has been checked. */
  createMap(shape: MapShape): ByteMap | undefined;
}

/** Where a key stands while the module reads it. */
export const MAPS_SCRATCH_SIZE = KEY_SIZE_MAX;

/** Errors are the last numbers of 32 bits, as in assembly/runtime/maps/map.ts. */
const ERRORS = -4096;
/** Up to here a loop is faster than `set`. */
const SMALL = 32;
const LENGTH_BITS = ~(RINGBUF_BUSY | RINGBUF_DISCARD);

export function createByteMaps(
  exports: MapExports,
  memory: WebAssembly.Memory,
  arena: Arena,
  { base, capacity, scratch, cpus, seed }: MapRoom,
): ByteMaps {
  exports.configureMaps(base, capacity, cpus, seed);
  const room = { exports, arena, scratch, cpus, ...viewsOf(memory) };
  return {
    createMap(shape) {
      const { type, keySize, valueSize, maxEntries, flags } = shape;
      const size = exports.sizeOfMap(type, keySize, valueSize, maxEntries) >>> 0;
      const handle = size === 0 ? undefined : arena.take(size, MAP_HEADER_SIZE);
      if (handle === undefined) return undefined;
      exports.createMap(handle, type, keySize, valueSize, maxEntries, flags);
      return createByteMap(room, shape, handle);
    },
  };
}

/** Made once: the memory never grows. */
function viewsOf({ buffer }: WebAssembly.Memory) {
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
}

interface Room {
  readonly exports: MapExports;
  readonly arena: Arena;
  readonly scratch: number;
  readonly cpus: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function createByteMap(room: Room, shape: MapShape, handle: number): ByteMap {
  const { exports, arena, view } = room;
  const valueBytes = valueBytesOf(shape, room.cpus);
  return {
    shape,
    handle,
    get length() {
      return view.getUint32(handle + MAP_HEADER_LENGTH, true);
    },
    ...createEntries(room, shape, handle, valueBytes),
    ...createWalk(room, shape, handle, valueBytes),
    ...createRing(room, shape, handle),
    get lost() {
      return shape.type === MAP_TYPE_RINGBUF ? view.getUint32(handle + RINGBUF_LOST, true) : 0;
    },
    free() {
      arena.release(handle);
      exports.freeMap(handle);
    },
  };
}

/** One entry by its key. */
function createEntries(
  { exports, scratch, bytes }: Room,
  { type, keySize }: MapShape,
  handle: number,
  valueBytes: number,
): Pick<ByteMap, "lookup" | "update" | "remove"> {
  const holdsHandles = HANDLE_TYPES.includes(type);
  return {
    lookup(key) {
      if (key.length !== keySize) return undefined;
      copy(bytes, scratch, key);
      const value = exports.lookupMap(handle, scratch) >>> 0;
      return value === 0 ? undefined : bytes.slice(value, value + valueBytes);
    },
    update(key, value, flags) {
      if (key.length !== keySize || value.length !== valueBytes) return -EINVAL;
      copy(bytes, scratch, key);
      const place = exports.updateMap(handle, scratch, holdsHandles ? wordOf(value) : 0, flags);
      if (place < 0 && place > ERRORS) return place;
      copy(bytes, place >>> 0, value);
      return 0;
    },
    remove(key) {
      if (key.length !== keySize) return -EINVAL;
      copy(bytes, scratch, key);
      return exports.removeFromMap(handle, scratch);
    },
  };
}

/** Through the entries, by their numbers. */
function createWalk(
  { exports, bytes, view, scratch }: Room,
  { type, keySize }: MapShape,
  handle: number,
  valueBytes: number,
): Pick<ByteMap, "next" | "entries"> {
  const keyAt = (number: number): Uint8Array => {
    exports.writeKeyOfMap(handle, number, scratch);
    return bytes.slice(scratch, scratch + keySize);
  };
  const positionOf = (key: Uint8Array | undefined): number => {
    if (key?.length !== keySize) return -1;
    copy(bytes, scratch, key);
    return exports.positionInMap(handle, scratch);
  };
  const valueAt = (number: number): Uint8Array => {
    const value = exports.valueInMap(handle, number) >>> 0;
    if (type === MAP_TYPE_RINGBUF) return sampleAt(bytes, view, handle, value);
    return bytes.slice(value, value + valueBytes);
  };
  return {
    next(key) {
      if (type === MAP_TYPE_RINGBUF) return undefined;
      const number = exports.nextInMap(handle, positionOf(key));
      return number < 0 ? undefined : keyAt(number);
    },
    *entries() {
      let number = exports.nextInMap(handle, -1);
      for (; number >= 0; number = exports.nextInMap(handle, number)) {
        yield [keyAt(number), valueAt(number)];
      }
    },
  };
}

/** What is no ring buffer has no records. */
function createRing(
  { exports, bytes, view }: Room,
  { type }: MapShape,
  handle: number,
): Pick<ByteMap, "consume" | "emit"> {
  return {
    consume(most) {
      const samples: Uint8Array[] = [];
      while (type === MAP_TYPE_RINGBUF && samples.length < most) {
        const record = exports.peekRing(handle) >>> 0;
        if (record === 0) break;
        samples.push(sampleAt(bytes, view, handle, record));
        exports.skipRing(handle);
      }
      return samples;
    },
    emit(record) {
      if (type !== MAP_TYPE_RINGBUF) return -EINVAL;
      const sample = exports.ringbuf_reserve(handle, record.length) >>> 0;
      if (sample === 0) return -EAGAIN;
      bytes.set(record, sample);
      exports.ringbuf_submit(sample);
      return 0;
    },
  };
}

/** A copy of a record; of one whose length a program has overwritten, as much as there can be. */
function sampleAt(bytes: Uint8Array, view: DataView, ring: number, record: number): Uint8Array {
  const from = record + RINGBUF_RECORD_HEADER_SIZE;
  const room = view.getUint32(ring + MAP_HEADER_LENGTH, true) - RINGBUF_RECORD_HEADER_SIZE;
  return bytes.slice(from, from + Math.min(view.getUint32(record, true) & LENGTH_BITS, room));
}

const HANDLE_TYPES = [MAP_TYPE_PROG_ARRAY, MAP_TYPE_ARRAY_OF_MAPS, MAP_TYPE_HASH_OF_MAPS];
const PER_CPU_TYPES = [MAP_TYPE_PERCPU_ARRAY, MAP_TYPE_PERCPU_HASH];

/** Bytes of a value as seen from outside: those of all CPUs. */
function valueBytesOf({ type, valueSize }: MapShape, cpus: number): number {
  if (!PER_CPU_TYPES.includes(type)) return valueSize;
  return Math.ceil(valueSize / VALUE_ALIGNMENT) * VALUE_ALIGNMENT * cpus;
}

function wordOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(0, true);
}

function copy(bytes: Uint8Array, to: number, from: Uint8Array): void {
  if (from.length > SMALL) bytes.set(from, to);
  else for (let at = 0; at < from.length; at++) bytes[to + at] = from[at] as number;
}
