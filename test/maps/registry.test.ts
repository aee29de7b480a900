/** Maps by their names: made, found, shared with programs, and given back. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { Layout, RingBuffer, UserMap } from "../../src/maps/map.ts";
import { engines } from "./engines.ts";
import { codeOf } from "./refusal.ts";
import { shapes } from "./shapes.ts";
import type { Shape } from "./specification.ts";

const HASH: Shape = { type: 1, keySize: 4, valueSize: 16, maxEntries: 8, flags: 0 };
const SPEC = { type: "hash", key: "u32", value: 16, maxEntries: 8 } as const;

describe.each(engines)("%s", (_name, create) => {
  test("create, get, list, close", async () => {
    const { maps, runtime } = await create();
    const before = runtime.arena.used;
    const one = maps.create({ ...SPEC, name: "one" });
    const two = maps.create({ ...SPEC, name: "two", flags: ["no_prealloc", "rdonly_prog"] });
    expect(maps.get("one")).toBe(one);
    expect([maps.get("none"), maps.get("constructor"), maps.get(7 as never)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([one.name, one.type, one.id, two.id]).toEqual(["one", "hash", 1, 2]);
    expect(maps.list()).toEqual([one.info(), two.info()]);
    expect(two.info()).toEqual({
      id: 2,
      name: "two",
      type: "hash",
      keySize: 4,
      valueSize: 16,
      maxEntries: 8,
      flags: ["no_prealloc", "rdonly_prog"],
      length: 0,
      key: "u32",
      value: 16,
      memory: expect.any(Number),
      programs: [],
    });
    const memory = maps.list().reduce((sum, info) => sum + info.memory, 0);
    expect(runtime.arena.used - before).toBe(memory);
    one.close();
    one.close();
    expect([maps.get("one"), one.length]).toEqual([undefined, 0]);
    expect([() => one.lookup(1), () => one.info(), () => one.batch.lookup(1)].map(codeOf)).toEqual([
      "EBADF",
      "EBADF",
      "EBADF",
    ]);
    expect(maps.create({ ...SPEC, name: "one" }).id).toBe(3);
    for (const { name } of maps.list()) maps.get(name)?.close();
    expect(runtime.arena.used).toBe(before);
  });

  test("a name that is taken", async () => {
    const { maps } = await create();
    maps.create({ ...SPEC, name: "one" });
    expect(codeOf(() => maps.create({ ...SPEC, name: "one" }))).toBe("EEXIST");
  });

  test("prints as what is known of it, and nothing of what it is made of", async () => {
    const { maps } = await create();
    const hash = maps.create({ ...SPEC, name: "one" });
    hash.update(1, new Uint8Array(16));
    for (const map of [hash, maps.create({ name: "log", type: "ringbuf", maxEntries: 4096 })]) {
      expect(Reflect.ownKeys(map)).toEqual([]);
      const shown = map.info();
      expect(inspect(map)).toBe(inspect(shown));
      expect(JSON.stringify({ map })).toBe(JSON.stringify({ map: shown }));
      map.close();
      const left = { ...shown, length: 0, memory: 0 };
      expect(inspect(map)).toBe(inspect(left));
      expect(JSON.parse(JSON.stringify(map))).toEqual(JSON.parse(JSON.stringify(left)));
    }
  });

  test("what does not fit takes nothing", async () => {
    const { maps, runtime } = await create({ capacity: 65536 });
    const used = runtime.arena.used;
    for (const maxEntries of [10_000, 2 ** 24, 2 ** 32 - 1]) {
      for (const type of ["hash", "array", "lru_hash", "percpu_hash"] as const) {
        const make = () =>
          maps.create({ ...SPEC, name: "m", type, value: { bytes: 4096 }, maxEntries });
        expect([type, codeOf(make)]).toEqual([type, "ENOMEM"]);
      }
    }
    const ring = { name: "m", type: "ringbuf", maxEntries: 2 ** 31 } as const;
    expect(codeOf(() => maps.create(ring))).toBe("ENOMEM");
    expect([runtime.arena.used, maps.list()]).toEqual([used, []]);
  });

  const INNER = { type: "array", value: "u32", maxEntries: 1 };
  const REFUSED: readonly (readonly [string, unknown, string])[] = [
    ["nothing", undefined, "EINVAL"],
    ["null", null, "EINVAL"],
    ["no name", { ...SPEC }, "EINVAL"],
    ["an empty name", { ...SPEC, name: "" }, "EINVAL"],
    ["a name with a slash", { ...SPEC, name: "a/b" }, "EINVAL"],
    ["a name with a line feed", { ...SPEC, name: "a\n" }, "EINVAL"],
    ["a long name", { ...SPEC, name: "a".repeat(64) }, "EINVAL"],
    ["an unknown type", { ...SPEC, type: "stack" }, "EINVAL"],
    ["a type that objects have", { ...SPEC, type: "toString" }, "EINVAL"],
    ["an unknown option", { ...SPEC, max_entries: 4 }, "EINVAL"],
    ["no key", { ...SPEC, key: undefined }, "EINVAL"],
    ["no value", { ...SPEC, value: undefined }, "EINVAL"],
    ["a key that is no layout", { ...SPEC, key: "u33" }, "EINVAL"],
    ["a large key", { ...SPEC, key: 513 }, "E2BIG"],
    ["a large value", { ...SPEC, value: 65537 }, "E2BIG"],
    ["no entries", { ...SPEC, maxEntries: 0 }, "EINVAL"],
    ["many entries", { ...SPEC, maxEntries: 2 ** 32 }, "EINVAL"],
    ["part of an entry", { ...SPEC, maxEntries: 1.5 }, "EINVAL"],
    ["entries as text", { ...SPEC, maxEntries: "8" }, "EINVAL"],
    ["an unknown flag", { ...SPEC, flags: ["zero_seed"] }, "EINVAL"],
    ["flags as a number", { ...SPEC, flags: 1 }, "EINVAL"],
    ["flags of another type", { ...SPEC, type: "array", flags: ["no_prealloc"] }, "EINVAL"],
    [
      "no_prealloc of an lru_hash",
      { ...SPEC, type: "lru_hash", flags: ["no_prealloc"] },
      "EOPNOTSUPP",
    ],
    ["contradicting flags", { ...SPEC, flags: ["rdonly", "wronly"] }, "EINVAL"],
    ["a trie that is preallocated", { ...SPEC, type: "lpm_trie", key: "prefix4" }, "EINVAL"],
    ["a trie with a short key", { ...SPEC, type: "lpm_trie", flags: ["no_prealloc"] }, "EINVAL"],
    ["an array with another key", { ...SPEC, type: "array", key: "u64" }, "EINVAL"],
    ["a large per-CPU value", { ...SPEC, type: "percpu_array", value: 32769 }, "E2BIG"],
    ["a prog_array with values", { ...SPEC, type: "prog_array" }, "EINVAL"],
    ["a ring with keys", { type: "ringbuf", key: "u32", maxEntries: 4096 }, "EINVAL"],
    ["a ring of an odd size", { type: "ringbuf", maxEntries: 12288 }, "EINVAL"],
    ["a small ring", { type: "ringbuf", maxEntries: 2048 }, "EINVAL"],
    ["inner of a hash", { ...SPEC, inner: INNER }, "EINVAL"],
    ["no inner", { type: "array_of_maps", maxEntries: 1 }, "EINVAL"],
    ["inner that is no map", { type: "array_of_maps", maxEntries: 1, inner: 5 }, "EINVAL"],
    [
      "inner with a name",
      { type: "array_of_maps", maxEntries: 1, inner: { ...INNER, name: "x" } },
      "EINVAL",
    ],
    [
      "maps of maps of maps",
      {
        type: "array_of_maps",
        maxEntries: 1,
        inner: { type: "array_of_maps", maxEntries: 1 },
      },
      "EINVAL",
    ],
    [
      "a prog_array in a map",
      { type: "array_of_maps", maxEntries: 1, inner: { type: "prog_array", maxEntries: 1 } },
      "EOPNOTSUPP",
    ],
  ];
  test.each(REFUSED)("%s is refused", async (name, spec, code) => {
    const { maps } = await create();
    const named = name.includes("name") || spec == null ? spec : { name: "m", ...spec };
    expect(codeOf(() => maps.create(named as never))).toBe(code);
  });

  test("inner is refused of a hash whatever is in it", async () => {
    const { maps } = await create();
    const spec = { ...SPEC, name: "m", inner: { type: "hash" } };
    expect(() => maps.create(spec as never)).toThrow("m: inner is only for array_of_maps and ");
    expect(maps.list()).toEqual([]);
  });

  test("a layout belongs to the map from when it was made", async () => {
    const { maps } = await create();
    const value: { hits: Layout } = { hits: "u32" };
    const map = maps.create({ name: "m", type: "hash", key: "u32", value, maxEntries: 1 } as never);
    value.hits = "u64";
    expect((map as UserMap).info().value).toEqual({ hits: "u32" });
  });

  describe("programs", () => {
    test("share a map of the same name and shape", async () => {
      const { maps } = await create();
      const made = maps.declare({ name: "flows", shape: HASH });
      expect(made.created).toBe(true);
      expect(maps.declare({ name: "flows", shape: HASH })).toEqual({ ...made, created: false });
      for (const part of ["type", "keySize", "valueSize", "maxEntries"] as const) {
        const shape = { ...HASH, [part]: part === "type" ? 9 : HASH[part] * 2 };
        expect([part, codeOf(() => maps.declare({ name: "flows", shape }))]).toEqual([
          part,
          "EINVAL",
        ]);
      }
      const shape = { ...HASH, flags: 1 };
      expect(codeOf(() => maps.declare({ name: "flows", shape }))).toBe("EINVAL");
      expect(codeOf(() => maps.declare({ name: "", shape: HASH }))).toBe("EINVAL");
      expect(codeOf(() => maps.declare({ name: "m", shape: { ...HASH, type: 99 } }))).toBe(
        "EINVAL",
      );
    });

    test("say what keys and values are, unless somebody has", async () => {
      const { maps } = await create();
      const { map } = maps.declare({ name: "m", shape: HASH });
      map.update(Uint8Array.of(1, 0, 0, 0), new Uint8Array(16));
      const value = { packets: "u64", proto: "u8" } as const;
      maps.declare({ name: "m", shape: HASH, key: "u32", value });
      expect(map.lookup(1)).toEqual({ packets: 0n, proto: 0 });
      maps.declare({ name: "m", shape: HASH, key: "i32", value: 16 });
      expect([map.info().key, map.info().value]).toEqual(["u32", value]);
    });

    test("say what the records of a ring buffer are like", async () => {
      const { maps } = await create();
      const shape = { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 };
      const { map } = maps.declare({ name: "log", shape });
      const ring = map as unknown as RingBuffer<unknown>;
      const { bytes } = maps.records()[0] as ReturnType<typeof maps.records>[number];
      bytes.emit(Uint8Array.of(1, 2));
      expect(ring.read()).toEqual([Uint8Array.of(1, 2)]);
      maps.declare({ name: "log", shape, value: { port: "be16" } });
      bytes.emit(Uint8Array.of(1, 2));
      expect(ring.read()).toEqual([{ port: 258 }]);
      expect(ring.info().value).toEqual({ port: "be16" });
    });

    test("have values that end with the last field, or are filled up", async () => {
      const { maps } = await create();
      const value = { packets: "u64", proto: "u8" } as const;
      const entry = { packets: 1n, proto: 6 };
      for (const valueSize of [9, 16]) {
        const shape = { ...HASH, valueSize };
        const { map } = maps.declare({ name: `m${valueSize}`, shape, key: "u32", value });
        map.update(1, entry);
        expect(map.lookup(1)).toEqual(entry);
      }
      const { map } = maps.declare({ name: "other", shape: { ...HASH, valueSize: 12 }, value });
      expect(map.info().value).toBeUndefined();
    });

    test("are told by name how the map that is there differs", async () => {
      const { maps } = await create();
      const [array, flows] = [{ ...HASH, type: 2, valueSize: 4 }, "flows, which is there already,"];
      maps.declare({ name: "flows", shape: { ...HASH, flags: 1 } });
      expect(() => maps.declare({ name: "flows", shape: HASH })).toThrow(
        `EINVAL: ${flows} has another type, other sizes, entries or flags than the program declares: ` +
          "hash, key 4, value 16, entries 8, flags no_prealloc, not hash, key 4, value 16, entries 8, flags none",
      );
      const outer = { ...HASH, type: 13, valueSize: 4 };
      const { map } = maps.declare({ name: "outer", shape: outer, inner: array });
      expect(() =>
        maps.declare({ name: "outer", shape: outer, inner: { ...array, maxEntries: 9 } }),
      ).toThrow(/of array, key 4, value 4, entries 8, .* of array, key 4, value 4, entries 9, /);
      expect(() => map.update(Uint8Array.of(1, 0, 0, 0), maps.get("flows"))).toThrow(
        "EINVAL: outer: value: flows is not as `inner` says: hash, key 4, value 16, entries 8, " +
          "flags no_prealloc, not array, key 4, value 4, entries 8, flags none",
      );
    });

    test("keep what they use", async () => {
      const { maps } = await create();
      const { map } = maps.declare({ name: "m", shape: HASH });
      maps.use(map, "first");
      maps.use(map, "second");
      maps.use(map, "second");
      expect(map.info().programs).toEqual(["first", "second"]);
      expect(() => map.close()).toThrow("EBUSY: m is used by program first, program second");
      maps.release(map, "first");
      expect(codeOf(() => map.close())).toBe("EBUSY");
      maps.release(map, "second");
      map.close();
      expect(maps.list()).toEqual([]);
    });

    test("take another map for the one they declare", async () => {
      const { maps } = await create();
      const foreign = (await create()).maps.create({ ...SPEC, name: "foreign" });
      const mine = maps.create({ ...SPEC, name: "mine", maxEntries: 99 });
      const declared = { name: "flows", shape: HASH };
      const { map, handle, created } = maps.adopt(mine, declared);
      expect(map).toBe(mine);
      expect(created).toBe(false);
      expect(handle).toBe(maps.records()[0]?.bytes.handle);
      const other = { name: "flows", shape: { ...HASH, valueSize: 8 } };
      expect(codeOf(() => maps.adopt(mine, other))).toBe("EINVAL");
      mine.close();
      for (const no of [foreign, mine, null, {}, "mine", undefined]) {
        expect(codeOf(() => maps.adopt(no, declared))).toBe("EINVAL");
      }
    });

    test("any shape is taken or refused, and what is taken works", async () => {
      for (const shape of shapes()) {
        const { maps, runtime } = await create();
        const used = runtime.arena.used;
        const code = codeOf(() => maps.declare({ name: "m", shape }));
        expect(["nothing", "EINVAL", "E2BIG", "EOPNOTSUPP"]).toContain(code);
        expect(maps.list().length).toBe(code === "nothing" ? 1 : 0);
        maps.get("m")?.close();
        expect(runtime.arena.used).toBe(used);
      }
    });
  });
});
