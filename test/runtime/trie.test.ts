/** lpm_trie in Wasm, held against a list of prefixes of which the longest wins. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSPC,
  LPM_DATA,
  LPM_DATA_SIZE_MAX,
  MAP_FLAG_NO_PREALLOC,
  MAP_TYPE_LPM_TRIE,
  UPDATE_ANY,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../abi/program.ts";
import { hex, prefix, u32 } from "./bytes.ts";
import { createAlone } from "./module.ts";
import { createProgram } from "./program.ts";

const CAPACITY = 9;
/** IPv4 and IPv6, the edges of words, what is not a whole word. */
const DATA_SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 24, 31];

function shapeOf(dataSize: number, maxEntries = CAPACITY) {
  const keySize = LPM_DATA + dataSize;
  const flags = MAP_FLAG_NO_PREALLOC;
  return { type: MAP_TYPE_LPM_TRIE, keySize, valueSize: 4, maxEntries, flags };
}

interface Stored {
  bits: number;
  data: number[];
  value: number;
}

function same(a: readonly number[], b: readonly number[], bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((a[bit >> 3] as number) ^ (b[bit >> 3] as number)) & mask) return false;
  }
  return true;
}

function createList(maxBits: number) {
  let stored: Stored[] = [];
  const find = (bits: number, data: number[]) =>
    stored.find((each) => each.bits === bits && same(each.data, data, bits));
  return {
    keys: () => stored.map(({ bits, data }) => hex(prefix(bits, ...data))).sort(),
    lookup(bits: number, data: number[]): number | undefined {
      if (bits > maxBits) return undefined;
      return stored
        .filter((each) => each.bits <= bits && same(each.data, data, each.bits))
        .sort((a, b) => b.bits - a.bits)[0]?.value;
    },
    update(bits: number, data: number[], value: number, flags: number): number {
      if (bits > maxBits) return -EINVAL;
      const found = find(bits, data);
      if (found && flags === UPDATE_NOEXIST) return -EEXIST;
      if (found) Object.assign(found, { data, value });
      if (found) return 0;
      if (flags === UPDATE_EXIST) return -ENOENT;
      if (stored.length >= CAPACITY) return -ENOSPC;
      stored.push({ bits, data, value });
      return 0;
    },
    remove(bits: number, data: number[]): number {
      if (bits > maxBits) return -EINVAL;
      const found = find(bits, data);
      stored = stored.filter((each) => each !== found);
      return found ? 0 : -ENOENT;
    },
  };
}

/** Bytes that often begin alike. */
function dataOf(size: number) {
  const byte = fc.oneof(fc.constantFrom(0, 0, 0, 0x80, 0xff, 1), fc.nat(255));
  return fc.array(byte, { minLength: size, maxLength: size });
}

describe.each(DATA_SIZES)("lpm_trie of %i bytes", (dataSize) => {
  it("is a list of prefixes of which the longest wins", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const step = fc.record({
      verb: fc.constantFrom("update", "update", "remove", "lookup", "lookup"),
      by: fc.constantFrom("host", "program"),
      bits: fc.oneof(fc.nat(dataSize * 8 + 1), fc.constantFrom(0, 8, 9, dataSize * 8)),
      data: dataOf(dataSize),
      again: fc.option(fc.nat(10)),
      value: fc.nat(2 ** 24),
      flags: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const map = alone.createMap(shapeOf(dataSize));
        const list = createList(dataSize * 8);
        for (const { verb, by, again, value, flags, ...own } of steps) {
          const { bits, data } = again === null ? own : (steps[again] ?? own);
          const key = prefix(bits, ...data);
          if (verb === "update") {
            const result = list.update(bits, data, value, flags);
            if (by === "host") expect(map.update(key, u32(value), flags)).toBe(result);
            else expect(program.update(map.handle, key, u32(value), flags)).toBe(result);
          } else if (verb === "remove") {
            const result = list.remove(bits, data);
            if (by === "host") expect(map.remove(key)).toBe(result);
            else expect(program.remove(map.handle, key)).toBe(result);
          } else {
            const value = list.lookup(bits, data);
            const found = by === "host" ? map.lookup(key) : program.read(map.handle, key, 4);
            expect(found).toEqual(value === undefined ? undefined : u32(value));
          }
          expect([...map.entries()].map(([each]) => hex(each)).sort()).toEqual(list.keys());
        }
        map.free();
      }),
      { numRuns: 60 },
    );
  });
});

describe("lpm_trie", () => {
  it("prefers the longer of two networks, and the default when there is no other", async () => {
    const { createMap } = await createAlone();
    const map = createMap(shapeOf(4));
    map.update(prefix(0, 0, 0, 0, 0), u32(1), UPDATE_ANY);
    map.update(prefix(8, 10, 0, 0, 0), u32(2), UPDATE_ANY);
    map.update(prefix(24, 10, 1, 2, 0), u32(3), UPDATE_ANY);
    const found = (bits: number, ...address: number[]) => map.lookup(prefix(bits, ...address))?.[0];
    expect(found(32, 10, 1, 2, 3)).toBe(3);
    expect(found(32, 10, 1, 3, 3)).toBe(2);
    expect(found(32, 11, 1, 2, 3)).toBe(1);
    expect(found(16, 10, 1, 2, 3)).toBe(2);
    expect(found(33, 10, 1, 2, 3)).toBeUndefined();
  });

  it("never runs out of nodes, however the prefixes part", async () => {
    const { createMap } = await createAlone({ capacity: 2 ** 22 });
    const map = createMap(shapeOf(4, 1000));
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 1000; i++) {
        const key = prefix(32, (i * 167) & 255, (i * 31 + round) & 255, i >> 8, i & 255);
        expect(map.update(key, u32(i), UPDATE_NOEXIST)).toBe(0);
      }
      expect(map.update(prefix(1, 0, 0, 0, 0), u32(0), UPDATE_ANY)).toBe(-ENOSPC);
      const keys = [...map.entries()].map(([key]) => key);
      keys.sort((a, b) => (hex(a) < hex(b) ? -1 : 1));
      for (const key of keys) expect(map.remove(key)).toBe(0);
      expect(map.length).toBe(0);
    }
  });

  it("takes a chain of prefixes as long as a key can have", async () => {
    const { createMap } = await createAlone({ capacity: 2 ** 22 });
    const map = createMap(shapeOf(LPM_DATA_SIZE_MAX, LPM_DATA_SIZE_MAX * 8 + 1));
    const data = Array(LPM_DATA_SIZE_MAX).fill(0x5a);
    for (let bits = 0; bits <= data.length * 8; bits++) {
      expect(map.update(prefix(bits, ...data), u32(bits), UPDATE_ANY)).toBe(0);
    }
    for (let bits = 0; bits <= data.length * 8; bits += 7) {
      expect(map.lookup(prefix(bits, ...data))).toEqual(u32(bits));
    }
  });

  it("gives every key once from next", async () => {
    const { createMap } = await createAlone();
    const map = createMap(shapeOf(4));
    for (let i = 0; i < CAPACITY; i++) map.update(prefix(i, 10, 0, 0, i), u32(i), UPDATE_ANY);
    const keys: string[] = [];
    for (let key = map.next(undefined); key; key = map.next(key)) keys.push(hex(key));
    expect(new Set(keys).size).toBe(CAPACITY);
    expect(keys.length).toBe(CAPACITY);
    expect(map.next(prefix(31, 1, 2, 3, 4))).toEqual(map.next(undefined));
  });
});
