/** Programs that pass what they should not, and programs that are stopped in the middle. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EINVAL,
  EPERM,
  MAP_FLAG_NO_PREALLOC,
  MAP_FLAG_RDONLY_PROG,
  MAP_FLAG_WRONLY_PROG,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_LRU_HASH,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PERCPU_HASH,
  MAP_TYPE_PROG_ARRAY,
  MAP_TYPE_RINGBUF,
  UPDATE_ANY,
} from "../../abi/program.ts";
import type { ByteMap, MapShape } from "../../src/dataplane/runtime.ts";
import { hex, numbered, prefix, u32 } from "./bytes.ts";
import { type Alone, createAlone } from "./module.ts";
import { createProgram } from "./program.ts";

const SHAPES: Record<string, Partial<MapShape>> = {
  hash: { type: MAP_TYPE_HASH, maxEntries: 16 },
  lru_hash: { type: MAP_TYPE_LRU_HASH, maxEntries: 16 },
  percpu_hash: { type: MAP_TYPE_PERCPU_HASH, maxEntries: 16 },
  array: { type: MAP_TYPE_ARRAY, maxEntries: 16 },
  percpu_array: { type: MAP_TYPE_PERCPU_ARRAY, maxEntries: 16 },
  lpm_trie: {
    type: MAP_TYPE_LPM_TRIE,
    keySize: 8,
    maxEntries: 16,
    flags: MAP_FLAG_NO_PREALLOC,
  },
  prog_array: { type: MAP_TYPE_PROG_ARRAY, maxEntries: 16 },
  array_of_maps: { type: MAP_TYPE_ARRAY_OF_MAPS, maxEntries: 16 },
  hash_of_maps: { type: MAP_TYPE_HASH_OF_MAPS, maxEntries: 16 },
  ringbuf: { type: MAP_TYPE_RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 },
};

function callAll({ exports, spare }: Alone, handle: number): unknown[] {
  return [
    exports.map_lookup(handle, spare),
    exports.map_update(handle, spare, spare, UPDATE_ANY),
    exports.map_delete(handle, spare),
    exports.ringbuf_reserve(handle, 8),
    exports.ringbuf_output(handle, spare, 8),
    exports.ringbuf_query(handle, 0),
  ];
}

const REFUSED = [0, -EINVAL, -EINVAL, 0, -EINVAL, BigInt(-EINVAL)];

describe("what is no map", () => {
  it("is refused by every helper, and nothing changes", async () => {
    const alone = await createAlone();
    const maps = Object.values(SHAPES).map((shape) => alone.createMap(shape));
    const handles = new Set(maps.map(({ handle }) => handle));
    const before = alone.bytes.slice();
    const near = fc
      .record({ map: fc.constantFrom(...handles), by: fc.integer({ min: -70, max: 70 }) })
      .map(({ map, by }) => map + by);
    const end = fc.nat(80).map((by) => alone.bytes.length - by);
    const any = fc.oneof(near, end, fc.integer(), fc.nat(alone.bytes.length));
    fc.assert(
      fc.property(any, (handle) => {
        if (!handles.has(handle)) expect(callAll(alone, handle)).toEqual(REFUSED);
      }),
      { numRuns: 2000 },
    );
    expect(Buffer.compare(alone.bytes, before)).toBe(0);
  });

  it("is a map that was freed", async () => {
    const alone = await createAlone();
    const map = alone.createMap({});
    map.free();
    expect(callAll(alone, map.handle)).toEqual(REFUSED);
  });

  it("is not freed twice", async () => {
    const alone = await createAlone();
    const ring = alone.createMap(SHAPES.ringbuf as MapShape);
    ring.free();
    expect(() => ring.free()).toThrow(RangeError);
    expect(alone.createMap(SHAPES.ringbuf as MapShape).emit(u32(1))).toBe(0);
  });

  it("is a header that stands outside of the arena", async () => {
    const alone = await createAlone();
    const map = alone.createMap({});
    alone.bytes.copyWithin(alone.spare, map.handle, map.handle + 64);
    expect(callAll(alone, alone.spare)).toEqual(REFUSED);
  });

  it("is everything when there is no arena", async () => {
    const alone = await createAlone({ capacity: 0 });
    expect(alone.tryMap({})).toBeUndefined();
    for (const handle of [0, 64, alone.spare, -64]) {
      expect(callAll(alone, handle)).toEqual(REFUSED);
    }
  });
});

describe.each(Object.entries(SHAPES))("%s", (_, shape) => {
  it("is as it was after a pointer that reaches out of memory", async () => {
    const alone = await createAlone({ cpus: 2 });
    const { exports, bytes, spare } = alone;
    const map = alone.createMap(shape);
    fill(map, 16);
    const before = bytes.slice();
    for (const outside of [bytes.length - 1, bytes.length, -1, -4, -8, 2 ** 31]) {
      bytes.set(prefix(8, 200, 0, 0, 0), spare);
      before.set(bytes.subarray(spare, spare + 8), spare);
      attempt(() => exports.map_update(map.handle, spare, outside, UPDATE_ANY));
      attempt(() => exports.map_update(map.handle, outside, spare, UPDATE_ANY));
      attempt(() => exports.map_lookup(map.handle, outside));
      attempt(() => exports.map_delete(map.handle, outside));
      attempt(() => exports.ringbuf_output(map.handle, outside, 4));
    }
    expect(Buffer.compare(bytes, before)).toBe(0);
  });

  it("reads a key that ends where memory ends", async () => {
    const alone = await createAlone();
    const { exports, bytes } = alone;
    const map = alone.createMap({ ...shape, maxEntries: shape.maxEntries });
    const { keySize } = map.shape;
    const key = keySize === 8 ? prefix(32, 1, 2, 3, 4) : u32(3).subarray(0, keySize);
    const at = bytes.length - keySize;
    bytes.set(key, at);
    expect(() => exports.map_lookup(map.handle, at)).not.toThrow();
    expect(() => exports.map_update(map.handle, at, alone.spare, UPDATE_ANY)).not.toThrow();
    expect(() => exports.map_delete(map.handle, at)).not.toThrow();
  });
});

describe.each(Object.entries(SHAPES))("%s above 2 GiB", (_, shape) => {
  it("works as below", async () => {
    const alone = await createAlone({ cpus: 2, from: 2 ** 31 });
    const { exports, bytes, spare } = alone;
    const map = alone.createMap(shape);
    fill(map, 16);
    expect(map.handle).toBeGreaterThan(2 ** 31);
    const entries = [...map.entries()];
    expect(entries.length).toBe(16);
    for (const [key, value] of entries) {
      if (key.length === 0) continue;
      expect(map.lookup(key)).toEqual(value);
      bytes.set(key, spare);
      expect(map.update(key, value, UPDATE_ANY)).toBe(0);
      const hidden = shape.type === MAP_TYPE_PROG_ARRAY;
      expect(exports.map_lookup(map.handle, spare) !== 0).toBe(!hidden);
    }
    expect(map.consume(16).length).toBe(map.shape.keySize === 0 ? 16 : 0);
    expect(exports.map_lookup(spare, spare)).toBe(0);
  });
});

describe("keys of every size", () => {
  it("are not read past their end", async () => {
    const alone = await createAlone();
    const { exports, bytes, spare } = alone;
    for (let keySize = 1; keySize <= 80; keySize++) {
      const map = alone.createMap({ keySize });
      const at = bytes.length - keySize;
      expect(exports.map_update(map.handle, at, spare, UPDATE_ANY)).toBe(0);
      expect(exports.map_lookup(map.handle, at)).not.toBe(0);
      expect(() => exports.map_lookup(map.handle, at + 1)).toThrow(WebAssembly.RuntimeError);
      map.free();
    }
  });
});

describe("flags of a map", () => {
  it("keep programs from writing, or from reading", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    for (const type of [MAP_TYPE_HASH, MAP_TYPE_LRU_HASH]) {
      const fixed = alone.createMap({ type, flags: MAP_FLAG_RDONLY_PROG });
      expect(fixed.update(u32(1), u32(1), UPDATE_ANY)).toBe(0);
      expect(program.update(fixed.handle, u32(1), u32(2), UPDATE_ANY)).toBe(-EPERM);
      expect(program.update(fixed.handle, u32(1), u32(2), 9)).toBe(-EPERM);
      expect(program.remove(fixed.handle, u32(1))).toBe(-EPERM);
      expect(program.read(fixed.handle, u32(1), 4)).toEqual(u32(1));
      const hidden = alone.createMap({ type, flags: MAP_FLAG_WRONLY_PROG });
      expect(program.update(hidden.handle, u32(1), u32(2), UPDATE_ANY)).toBe(0);
      expect(program.lookup(hidden.handle, u32(1))).toBe(0);
      expect(hidden.lookup(u32(1))).toEqual(u32(2));
      expect(program.remove(hidden.handle, u32(1))).toBe(0);
    }
  });
});

describe("a stack that ends in the middle of a helper", () => {
  const BUSY = ["hash", "lru_hash", "lpm_trie", "percpu_hash"];
  it.each(BUSY)("leaves %s whole", async (name) => {
    const alone = await createAlone({ cpus: 2 });
    const shape = SHAPES[name] as MapShape;
    const map = alone.createMap({ ...shape, maxEntries: 6 });
    let [changed, failures] = [0, 0];
    for (let round = 0; round < 400; round++) {
      const key = keyOf(round * 7919, map);
      alone.bytes.set(key, alone.spare);
      alone.bytes.set(u32(round), alone.spare + 64);
      const before = contentOf(map);
      const call =
        round % 3 === 2
          ? () => alone.exports.map_delete(map.handle, alone.spare)
          : () => alone.exports.map_update(map.handle, alone.spare, alone.spare + 64, 0);
      failures += exhaust(call, round % 64);
      checkWhole(map, key, before);
      if (contentOf(map).size !== before.size) changed++;
    }
    expect(changed).toBeGreaterThan(0);
    expect(failures).toBeGreaterThan(0);
  });
});

/** Entries other than that of the key are as they were, but for one that an lru_hash has let go. */
function checkWhole(map: ByteMap, key: Uint8Array, before: Map<string, string>): void {
  const after = contentOf(map);
  const lost = [...before].filter(
    ([each, value]) => each !== hex(key) && after.get(each) !== value,
  );
  expect(lost.length).toBeLessThanOrEqual(map.shape.type === MAP_TYPE_LRU_HASH ? 1 : 0);
  const added = [...after.keys()].filter((each) => each !== hex(key) && !before.has(each));
  expect(added).toEqual([]);
  expect(map.length).toBe(after.size);
  for (const [each] of map.entries()) expect(map.lookup(each)).toBeDefined();
}

/**
 * Calls on the way back from where the stack has ended, with a frame more room each time, until the call comes through;
 * before that it has ended at one depth after another. How many of them did it not survive?
 */
function exhaust(call: () => unknown, skew: number): number {
  let failures = 0;
  let done = false;
  const dive = (...padding: number[]): void => {
    try {
      dive(...padding);
    } catch {
      // Here the stack has ended.
    }
    if (done) return;
    done = attempt(call);
    if (!done) failures++;
  };
  dive(...Array<number>(skew).fill(0));
  return failures;
}

/** False for a trap or the end of the stack: what is left behind is looked at. */
function attempt(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

function keyOf(number: number, { shape }: ByteMap): Uint8Array {
  const address = (number * 2654435761) >>> 0;
  if (shape.type !== MAP_TYPE_LPM_TRIE) return u32(address % 12);
  const bits = (address % 4) * 8;
  return prefix(bits, bits === 0 ? 0 : (address >>> 8) % 3, 0, 0, 0);
}

function contentOf(map: ByteMap): Map<string, string> {
  return new Map([...map.entries()].map(([key, value]) => [hex(key), hex(value)]));
}

/** Of both CPUs, in those maps that are per CPU. */
function contentFor({ shape: { type } }: ByteMap, number: number): Uint8Array {
  const isPerCpu = type === MAP_TYPE_PERCPU_ARRAY || type === MAP_TYPE_PERCPU_HASH;
  return isPerCpu ? numbered(number, 16) : u32(number);
}

function fill(map: ByteMap, count: number): void {
  for (let i = 0; i < count; i++) {
    const { type, keySize } = map.shape;
    if (type === MAP_TYPE_RINGBUF) map.emit(u32(i));
    else map.update(keySize === 8 ? prefix(32, 10, 0, 0, i) : u32(i), contentFor(map, i + 1), 0);
  }
}
