/** lru_hash in Wasm, held against the CLOCK algorithm written out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EEXIST,
  ENOENT,
  MAP_TYPE_LRU_HASH,
  UPDATE_ANY,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../abi/program.ts";
import { numbered, u32 } from "./bytes.ts";
import { createAlone } from "./module.ts";
import { createProgram } from "./program.ts";

interface Slot {
  key: number;
  value: number;
  used: boolean;
}

/** Slots, a stack of free ones, a hand. */
function createClock(capacity: number) {
  const slots: (Slot | undefined)[] = Array(capacity).fill(undefined);
  const free = [...slots.keys()].reverse();
  let hand = 0;
  const find = (key: number) => slots.find((each) => each?.key === key);

  function evict(): void {
    for (;;) {
      const at = hand;
      hand = (hand + 1) % capacity;
      const slot = slots[at] as Slot;
      if (!slot.used) {
        slots[at] = undefined;
        free.push(at);
        return;
      }
      slot.used = false;
    }
  }

  return {
    find,
    keys: () => slots.flatMap((each) => (each ? [each.key] : [])),
    use(key: number): number | undefined {
      const slot = find(key);
      if (slot) slot.used = true;
      return slot?.value;
    },
    update(key: number, value: number, flags: number): number {
      const slot = find(key);
      if (slot && flags === UPDATE_NOEXIST) return -EEXIST;
      if (!slot && flags === UPDATE_EXIST) return -ENOENT;
      if (slot) {
        Object.assign(slot, { value, used: true });
        return 0;
      }
      if (free.length === 0) evict();
      slots[free.pop() as number] = { key, value, used: false };
      return 0;
    },
    remove(key: number): number {
      const at = slots.findIndex((each) => each?.key === key);
      if (at < 0) return -ENOENT;
      slots[at] = undefined;
      free.push(at);
      return 0;
    },
  };
}

const step = fc.record({
  verb: fc.constantFrom("update", "update", "use", "use", "look", "remove"),
  by: fc.constantFrom("host", "program"),
  key: fc.nat(15),
  value: fc.nat(2 ** 24),
  flags: fc.nat(2),
});

describe("lru_hash", () => {
  it.each([1, 2, 3, 8])("of %i entries forgets what CLOCK forgets", async (maxEntries) => {
    const alone = await createAlone();
    const program = createProgram(alone);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const map = alone.createMap({ type: MAP_TYPE_LRU_HASH, valueSize: 4, maxEntries });
        const clock = createClock(maxEntries);
        for (const { verb, by, key, value, flags } of steps) {
          if (verb === "update") {
            const result = clock.update(key, value, flags);
            if (by === "host") expect(map.update(u32(key), u32(value), flags)).toBe(result);
            else expect(program.update(map.handle, u32(key), u32(value), flags)).toBe(result);
          } else if (verb === "use") {
            const value = clock.use(key);
            const found = program.read(map.handle, u32(key), 4);
            expect(found).toEqual(value === undefined ? undefined : u32(value));
          } else if (verb === "look") {
            const value = clock.find(key)?.value;
            expect(map.lookup(u32(key))).toEqual(value === undefined ? undefined : u32(value));
          } else {
            const result = clock.remove(key);
            if (by === "host") expect(map.remove(u32(key))).toBe(result);
            else expect(program.remove(map.handle, u32(key))).toBe(result);
          }
          expect([...map.entries()].map(([each]) => each[0])).toEqual(clock.keys());
        }
        map.free();
      }),
      { numRuns: 60 },
    );
  });

  it("takes a value that stands in the entry it forgets", async () => {
    const alone = await createAlone();
    const map = alone.createMap({ type: MAP_TYPE_LRU_HASH, valueSize: 16, maxEntries: 1 });
    map.update(u32(1), numbered(77, 16), UPDATE_ANY);
    alone.bytes.set(u32(1), alone.spare);
    const value = alone.exports.map_lookup(map.handle, alone.spare);
    alone.bytes.set(u32(2), alone.spare);
    expect(alone.exports.map_update(map.handle, alone.spare, value, UPDATE_ANY)).toBe(0);
    expect(map.lookup(u32(1))).toBeUndefined();
    expect(map.lookup(u32(2))).toEqual(numbered(77, 16));
  });

  it("is never full", async () => {
    const { createMap } = await createAlone();
    const map = createMap({ type: MAP_TYPE_LRU_HASH, maxEntries: 1000 });
    for (let i = 0; i < 10_000; i++) expect(map.update(u32(i), u32(i), UPDATE_ANY)).toBe(0);
    expect(map.length).toBe(1000);
    expect(map.lookup(u32(9999))).toEqual(u32(9999));
  });
});
