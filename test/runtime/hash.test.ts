/** Hash maps in Wasm, held against a plain Map, from outside and as programs use them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  MAP_TYPE_ARRAY,
  MAP_TYPE_HASH,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_PERCPU_HASH,
  UPDATE_ANY,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../abi/program.ts";
import type { ByteMap } from "../../src/dataplane/runtime.ts";
import { hex, numbered, padTo8, u32 } from "./bytes.ts";
import { createAlone } from "./module.ts";
import { createProgram } from "./program.ts";

const KEY_SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 33, 40, 65, 512];
const CAPACITY = 13;

type Content = Map<string, string>;

function contentOf(map: ByteMap): Content {
  return new Map([...map.entries()].map(([key, value]) => [hex(key), hex(value)]));
}

/** What an update says, by the specification. */
function expected(content: Content, key: string, flags: number): number {
  if (flags > UPDATE_EXIST) return -EINVAL;
  if (content.has(key)) return flags === UPDATE_NOEXIST ? -EEXIST : 0;
  if (flags === UPDATE_EXIST) return -ENOENT;
  return content.size >= CAPACITY ? -E2BIG : 0;
}

const step = fc.record({
  verb: fc.constantFrom("update", "update", "update", "remove", "lookup"),
  by: fc.constantFrom("host", "program"),
  key: fc.nat(24),
  value: fc.nat(2 ** 24),
  flags: fc.nat(3),
});

describe.each(KEY_SIZES)("hash with keys of %i bytes", (keySize) => {
  it("is a plain Map with a capacity", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const shape = { type: MAP_TYPE_HASH, keySize, valueSize: 12, maxEntries: CAPACITY };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const map = alone.createMap(shape);
        const content: Content = new Map();
        for (const { verb, by, key: number, value: word, flags } of steps) {
          const key = numbered(number, keySize);
          const value = numbered(word, 12);
          const name = hex(key);
          if (verb === "update") {
            const result = expected(content, name, flags);
            if (result === 0) content.set(name, hex(value));
            if (by === "host") expect(map.update(key, value, flags)).toBe(result);
            else expect(program.update(map.handle, key, value, flags)).toBe(result);
          } else if (verb === "remove") {
            const result = content.delete(name) ? 0 : -ENOENT;
            if (by === "host") expect(map.remove(key)).toBe(result);
            else expect(program.remove(map.handle, key)).toBe(result);
          } else {
            const found = by === "host" ? map.lookup(key) : program.read(map.handle, key, 12);
            expect(found && hex(found)).toBe(content.get(name));
          }
          expect(map.length).toBe(content.size);
        }
        expect(contentOf(map)).toEqual(content);
        map.free();
      }),
      { numRuns: 40 },
    );
    expect(alone.arena.used).toBe(0);
  });
});

describe("hash", () => {
  it("finds all of many entries and none else, again after half of them went", async () => {
    const { createMap } = await createAlone({ capacity: 2 ** 22 });
    const map = createMap({ keySize: 4, valueSize: 4, maxEntries: 50_000 });
    for (let i = 0; i < 50_000; i++) expect(map.update(u32(i), u32(~i), UPDATE_ANY)).toBe(0);
    expect(map.update(u32(50_000), u32(0), UPDATE_ANY)).toBe(-E2BIG);
    for (let i = 0; i < 50_000; i += 2) expect(map.remove(u32(i))).toBe(0);
    for (let i = 0; i < 60_000; i++) {
      const there = i < 50_000 && i % 2 === 1;
      expect(map.lookup(u32(i)), `${i}`).toEqual(there ? u32(~i) : undefined);
    }
    expect(map.length).toBe(25_000);
  });

  it("leaves a value where it is while others come and go", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const map = alone.createMap({ keySize: 8, valueSize: 8, maxEntries: 64 });
    map.update(numbered(7, 8), numbered(1, 8), UPDATE_ANY);
    const address = program.lookup(map.handle, numbered(7, 8));
    for (let i = 100; i < 163; i++) map.update(numbered(i, 8), numbered(i, 8), UPDATE_ANY);
    for (let i = 100; i < 163; i += 3) map.remove(numbered(i, 8));
    map.update(numbered(7, 8), numbered(9, 8), UPDATE_EXIST);
    expect(program.lookup(map.handle, numbered(7, 8))).toBe(address);
    expect(address % 8).toBe(0);
  });

  it("gives every key once from next, and begins anew behind a key that is gone", async () => {
    const { createMap } = await createAlone();
    const map = createMap({ keySize: 4, valueSize: 4, maxEntries: 32 });
    for (let i = 0; i < 20; i++) map.update(u32(i), u32(i), UPDATE_ANY);
    const keys: string[] = [];
    for (let key = map.next(undefined); key; key = map.next(key)) keys.push(hex(key));
    expect(new Set(keys).size).toBe(20);
    expect(keys.length).toBe(20);
    expect(map.next(u32(99))).toEqual(map.next(undefined));
    expect(map.next(map.next(undefined))).not.toEqual(map.next(undefined));
  });

  it("meets what stays once, though entries are removed and added on the way", async () => {
    const { createMap } = await createAlone();
    const map = createMap({ keySize: 4, valueSize: 4, maxEntries: 32 });
    for (let i = 0; i < 32; i++) map.update(u32(i), u32(i), UPDATE_ANY);
    const met: number[] = [];
    for (const [key] of map.entries()) {
      met.push(key[0] as number);
      map.remove(key);
      map.update(u32(100 + met.length), u32(0), UPDATE_ANY);
    }
    expect(met.filter((each) => each < 32).sort((a, b) => a - b)).toEqual([...Array(32).keys()]);
  });

  it("takes a value of 64 KiB and keys of 512 bytes", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const map = alone.createMap({ keySize: 512, valueSize: 65536, maxEntries: 2 });
    const value = Uint8Array.from({ length: 65536 }, (_, i) => i % 251);
    expect(program.update(map.handle, numbered(1, 512), value, UPDATE_ANY)).toBe(0);
    expect(map.lookup(numbered(1, 512))).toEqual(value);
    expect(map.lookup(numbered(2, 512))).toBeUndefined();
  });

  it("refuses bytes that are no key or no value of it", async () => {
    const { createMap, bytes } = await createAlone();
    const map = createMap({ keySize: 8, valueSize: 8, maxEntries: 4 });
    map.update(numbered(1, 8), numbered(1, 8), UPDATE_ANY);
    const before = bytes.slice();
    for (const size of [0, 7, 9, 4096]) {
      expect(map.lookup(numbered(1, size))).toBeUndefined();
      expect(map.update(numbered(2, size), numbered(1, 8), UPDATE_ANY)).toBe(-EINVAL);
      expect(map.update(numbered(2, 8), numbered(1, size), UPDATE_ANY)).toBe(-EINVAL);
      expect(map.remove(numbered(1, size))).toBe(-EINVAL);
      expect(map.next(numbered(1, size))).toEqual(numbered(1, 8));
    }
    expect(Buffer.compare(bytes, before)).toBe(0);
  });

  it("has no room for what 32 bits or the arena cannot hold, and takes nothing then", async () => {
    const { tryMap, arena } = await createAlone({ cpus: 64 });
    for (const maxEntries of [2 ** 20, 2 ** 31, 2 ** 32 - 1]) {
      for (const valueSize of [1, 65536]) {
        for (const type of [
          MAP_TYPE_HASH,
          MAP_TYPE_ARRAY,
          MAP_TYPE_PERCPU_HASH,
          MAP_TYPE_LPM_TRIE,
        ]) {
          expect(tryMap({ type, keySize: 260, valueSize, maxEntries })).toBeUndefined();
        }
      }
    }
    expect(arena.used).toBe(0);
  });
});

describe("percpu_hash", () => {
  it("gives each CPU its own value, and the host all of them", async () => {
    const alone = await createAlone({ cpus: 3 });
    const program = createProgram(alone);
    const shape = { type: MAP_TYPE_PERCPU_HASH, keySize: 4, valueSize: 4, maxEntries: 8 };
    const map = alone.createMap(shape);
    map.update(u32(9), new Uint8Array(24).fill(0xff), UPDATE_ANY);
    map.remove(u32(9));
    alone.exports.setCpu(1);
    program.update(map.handle, u32(1), u32(11), UPDATE_ANY);
    expect(map.lookup(u32(1))).toEqual(Uint8Array.from([...zero(8), ...u32(11), ...zero(12)]));
    alone.exports.setCpu(2);
    program.update(map.handle, u32(1), u32(22), UPDATE_EXIST);
    expect(program.read(map.handle, u32(1), 4)).toEqual(u32(22));
    alone.exports.setCpu(1);
    expect(program.read(map.handle, u32(1), 4)).toEqual(u32(11));
    alone.exports.setCpu(0);
    expect(program.read(map.handle, u32(1), 4)).toEqual(u32(0));
  });

  it("takes all CPUs' values from outside", async () => {
    const { createMap } = await createAlone({ cpus: 64 });
    const shape = { type: MAP_TYPE_PERCPU_HASH, keySize: 4, valueSize: 12, maxEntries: 4 };
    const map = createMap(shape);
    const values = Uint8Array.from({ length: padTo8(12) * 64 }, (_, i) => i % 255);
    expect(map.update(u32(3), values, UPDATE_NOEXIST)).toBe(0);
    expect(map.lookup(u32(3))).toEqual(values);
  });
});

describe("hash_of_maps", () => {
  it("gives programs the inner map's handle, which they cannot change", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const inner = alone.createMap({ type: MAP_TYPE_HASH });
    const outer = alone.createMap({ type: MAP_TYPE_HASH_OF_MAPS, maxEntries: 2 });
    expect(outer.update(u32(5), u32(0), UPDATE_ANY)).toBe(-EINVAL);
    expect(outer.update(u32(5), u32(inner.handle), UPDATE_NOEXIST)).toBe(0);
    expect(program.lookup(outer.handle, u32(5))).toBe(inner.handle);
    expect(program.lookup(outer.handle, u32(6))).toBe(0);
    expect(program.update(outer.handle, u32(6), u32(inner.handle), UPDATE_ANY)).toBe(-EINVAL);
    expect(program.remove(outer.handle, u32(5))).toBe(-EINVAL);
    expect(outer.lookup(u32(5))).toEqual(u32(inner.handle));
    expect(outer.remove(u32(5))).toBe(0);
    expect(program.lookup(outer.handle, u32(5))).toBe(0);
  });
});

function zero(size: number): number[] {
  return Array(size).fill(0);
}
