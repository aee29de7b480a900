/** Programs that hand over what is no map, no key and no record: they get an error or trap, and nothing else happens. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../fuzz/runs.ts";
import { type Engine, engines, PROGRAM } from "./engines.ts";
import { recordOf } from "./operation.ts";

const [EPERM, EINVAL] = [1, 22];
const OUTSIDE = -8;

async function withMaps(create: (typeof engines)[number][1]): Promise<Engine> {
  const engine = await create({ capacity: 262144 });
  const { maps } = engine;
  const [key, value] = ["u32", "u64"] as const;
  maps.create({ name: "hash", type: "hash", key, value, maxEntries: 4 });
  maps.create({ name: "lru_hash", type: "lru_hash", key, value, maxEntries: 4 });
  maps.create({ name: "array", type: "array", value, maxEntries: 4 });
  maps.create({ name: "percpu_array", type: "percpu_array", value, maxEntries: 4 });
  maps.create({ name: "percpu_hash", type: "percpu_hash", key, value, maxEntries: 4 });
  maps.create({ name: "ringbuf", type: "ringbuf", maxEntries: 4096 });
  const flags = ["no_prealloc"] as const;
  maps.create({ name: "lpm_trie", type: "lpm_trie", key: "prefix4", value, maxEntries: 4, flags });
  maps.create({ name: "prog_array", type: "prog_array", maxEntries: 4 }).update(0, PROGRAM);
  const inner = { type: "hash", key, value, maxEntries: 4 } as const;
  const outer = { type: "hash_of_maps", key, maxEntries: 4, inner } as const;
  maps.create({ name: "hash_of_maps", ...outer });
  maps.create({ ...outer, name: "array_of_maps", type: "array_of_maps" });
  return engine;
}

/** Everything that is in any map. */
function contents({ maps }: Engine): unknown {
  return maps.records().map(({ name, bytes }) => [name, bytes.length, [...bytes.entries()]]);
}

describe.each(engines)("%s", (_name, create) => {
  test("any numbers into any helper", async () => {
    const engine = await withMaps(create);
    const { helpers, memory, maps } = engine;
    const handles = maps.records().map(({ bytes }) => bytes.handle);
    const anything = fc.oneof(
      fc.integer(),
      fc.integer({ min: 0, max: memory.length }),
      fc.constantFrom(0, 1, -1, 8, memory.length, memory.length - 4, OUTSIDE),
    );
    const handle = fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...handles) }, anything);
    const name = fc.constantFrom(...(Object.keys(HELPERS) as (keyof typeof HELPERS)[]));
    const call = fc.tuple(name, handle, anything, anything, anything);
    fc.assert(
      fc.property(call, ([helper, map, ...rest]) => {
        const isRecord = helper === "ringbuf_submit" || helper === "ringbuf_discard";
        const given = [isRecord ? rest[0] : map, ...rest].slice(0, HELPERS[helper]) as number[];
        callIt(helpers, helper, given);
      }),
      runs(2000),
    );
    // All of it is still there, and works.
    maps.get("array")?.update(1, 7n);
    expect(maps.get("array")?.lookup(1)).toBe(7n);
    for (const { bytes } of maps.records()) expect([...bytes.entries()].length).toBeLessThan(5000);
  });

  test("what is no map", async () => {
    const engine = await withMaps(create);
    const { helpers, memory, spare } = engine;
    const { handle } = recordOf(engine, "hash").bytes;
    const before = contents(engine);
    for (const no of [
      0,
      1,
      -1,
      handle + 1,
      handle + 8,
      handle + 64,
      spare,
      memory.length,
      OUTSIDE,
    ]) {
      expect(helpers.map_lookup(no, spare)).toBe(0);
      expect(helpers.map_update(no, spare, spare, 0)).toBe(-EINVAL);
      expect(helpers.map_delete(no, spare)).toBe(-EINVAL);
      expect(helpers.ringbuf_reserve(no, 8)).toBe(0);
      expect(helpers.ringbuf_output(no, spare, 8)).toBe(-EINVAL);
      expect(helpers.ringbuf_query(no, 0)).toBe(BigInt(-EINVAL));
    }
    expect(contents(engine)).toEqual(before);
  });

  test("a map that was closed", async () => {
    const engine = await withMaps(create);
    const { handle } = recordOf(engine, "hash").bytes;
    engine.maps.get("hash")?.close();
    expect(engine.helpers.map_lookup(handle, engine.spare)).toBe(0);
    expect(engine.helpers.map_update(handle, engine.spare, engine.spare, 0)).toBe(-EINVAL);
  });

  test.each(["hash", "lru_hash", "array", "percpu_hash", "lpm_trie"])(
    "%s: a key or a value outside of memory traps, and nothing has changed",
    async (name) => {
      const engine = await withMaps(create);
      const { helpers, spare, memory } = engine;
      const { handle } = recordOf(engine, name).bytes;
      memory.fill(0, spare, spare + 64);
      const before = contents(engine);
      for (const outside of [OUTSIDE + 6, memory.length, memory.length - 2]) {
        expect(() => helpers.map_lookup(handle, outside)).toThrow(WebAssembly.RuntimeError);
        expect(() => helpers.map_update(handle, outside, spare, 0)).toThrow(
          WebAssembly.RuntimeError,
        );
        expect(() => helpers.map_update(handle, spare, outside, 0)).toThrow(
          WebAssembly.RuntimeError,
        );
      }
      expect(contents(engine)).toEqual(before);
    },
  );

  test("maps that programs do not change", async () => {
    const engine = await withMaps(create);
    const { helpers, spare, memory } = engine;
    memory.fill(0, spare, spare + 64);
    for (const name of ["prog_array", "array_of_maps", "hash_of_maps", "ringbuf"]) {
      const { handle } = recordOf(engine, name).bytes;
      expect([name, helpers.map_lookup(handle, spare)]).toEqual([name, 0]);
      expect([name, helpers.map_update(handle, spare, spare, 0)]).toEqual([name, -EINVAL]);
      expect([name, helpers.map_delete(handle, spare)]).toEqual([name, -EINVAL]);
    }
    for (const name of ["array", "percpu_array"]) {
      expect(helpers.map_delete(recordOf(engine, name).bytes.handle, spare)).toBe(-EINVAL);
    }
  });

  test("a program finds the inner map itself", async () => {
    const engine = await withMaps(create);
    const { helpers, spare, memory, maps } = engine;
    memory.fill(0, spare, spare + 64);
    for (const name of ["array_of_maps", "hash_of_maps"]) {
      maps.get(name)?.update(0, maps.get("hash"));
      const inner = helpers.map_lookup(recordOf(engine, name).bytes.handle, spare);
      expect(inner >>> 0).toBe(recordOf(engine, "hash").bytes.handle);
    }
  });

  test("flags that keep programs out", async () => {
    const engine = await create();
    const { helpers, spare, memory, maps } = engine;
    memory.fill(0, spare, spare + 64);
    const spec = { type: "array", value: "u32", maxEntries: 1 } as const;
    maps.create({ ...spec, name: "rdonly_prog", flags: ["rdonly_prog"] });
    maps.create({ ...spec, name: "wronly_prog", flags: ["wronly_prog"] });
    const readable = recordOf(engine, "rdonly_prog").bytes.handle;
    const writable = recordOf(engine, "wronly_prog").bytes.handle;
    expect(helpers.map_update(readable, spare, spare, 0)).toBe(-EPERM);
    expect(helpers.map_lookup(readable, spare)).not.toBe(0);
    expect(helpers.map_update(writable, spare, spare, 0)).toBe(0);
    expect(helpers.map_lookup(writable, spare)).toBe(0);
    expect(helpers.map_delete(recordOf(engine, "rdonly_prog").bytes.handle, spare)).toBe(-EINVAL);
    const hash = {
      ...spec,
      type: "hash",
      key: "u32",
      name: "kept",
      flags: ["rdonly_prog"],
    } as const;
    maps.create(hash);
    expect(helpers.map_delete(recordOf(engine, "kept").bytes.handle, spare)).toBe(-EPERM);
  });
});

/** Arguments of each. */
const HELPERS = {
  map_lookup: 2,
  map_update: 4,
  map_delete: 2,
  ringbuf_reserve: 2,
  ringbuf_submit: 1,
  ringbuf_discard: 1,
  ringbuf_output: 3,
  ringbuf_query: 2,
};

/** Traps are what may happen. */
function callIt(
  helpers: Engine["helpers"],
  name: keyof typeof HELPERS,
  given: readonly number[],
): void {
  try {
    (helpers[name] as (...numbers: number[]) => unknown)(...given);
  } catch (error) {
    expect(error).toBeInstanceOf(WebAssembly.RuntimeError);
  }
}
